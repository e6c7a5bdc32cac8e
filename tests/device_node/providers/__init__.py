"""Tests of what a node does when it is asked."""
