"""Tests of gateway.openai_http."""
