"""Tests of gateway.suggestions."""
