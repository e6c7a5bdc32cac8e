"""Tests of gateway.inbox."""
