"""Tests of gateway.sessions."""
