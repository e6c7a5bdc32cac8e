"""Settings: one file, one frozen struct per feature, strict, hot, and never a reason not to start."""
