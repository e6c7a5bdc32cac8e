"""Tests of gateway.channels."""
