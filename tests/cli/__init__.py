"""The shipped `homarus` command, as a person or a script runs it."""
