"""Tests of gateway.cron."""
