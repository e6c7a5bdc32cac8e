"""What happened that matters for trust: an append-only chain of hashes in a file of its own, `audit.db`."""
