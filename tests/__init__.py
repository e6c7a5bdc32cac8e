"""Tests of Homarus; folders mirror the sources, `support` holds what they share."""
