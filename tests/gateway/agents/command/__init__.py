"""Tests of agents that are programs."""
