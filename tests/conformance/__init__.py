"""The shipped daemon against the original's contract and against attackers."""
