"""Tests of gateway.kernel.audit."""
