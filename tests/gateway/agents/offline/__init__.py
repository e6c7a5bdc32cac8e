"""Tests of the offline assistant."""
