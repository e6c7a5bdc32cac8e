"""Tests of state on disk, on real files."""
