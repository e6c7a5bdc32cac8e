"""Tests of gateway.questions."""
