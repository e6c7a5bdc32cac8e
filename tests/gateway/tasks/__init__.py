"""Tests of gateway.tasks."""
