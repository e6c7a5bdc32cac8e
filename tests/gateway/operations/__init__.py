"""Tests of health, status, metrics and diagnostics."""
