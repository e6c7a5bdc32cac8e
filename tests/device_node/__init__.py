"""Tests of the node program."""
