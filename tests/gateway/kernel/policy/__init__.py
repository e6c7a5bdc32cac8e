"""Tests of gateway.kernel.policy."""
