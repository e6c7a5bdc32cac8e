"""The running gateway from outside."""
