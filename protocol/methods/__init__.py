"""What a client can ask, one file per family."""
