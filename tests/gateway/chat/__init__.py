"""Tests of gateway.chat."""
