"""Tests of gateway.discovery."""
