"""Tests of gateway.node_road."""
