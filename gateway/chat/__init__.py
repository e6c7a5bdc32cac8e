"""Chat: from a message to an answer, one turn at a time per session."""
