"""Tests of the settings file and what becomes of it."""
