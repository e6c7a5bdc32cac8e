"""The transcripts: what was said in each session, append-only, in a file of their own."""
