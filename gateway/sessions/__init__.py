"""The session index: which conversations exist, how they are listed, changed and announced."""
