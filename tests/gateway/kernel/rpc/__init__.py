"""Tests of gateway.kernel.rpc."""
