"""Tests of the configuration over the protocol."""
