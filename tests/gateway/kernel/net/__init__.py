"""Tests of gateway.kernel.net."""
