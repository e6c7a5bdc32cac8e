"""Tests of gateway.approvals."""
