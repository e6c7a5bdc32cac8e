"""Tests of agents that use language models."""
