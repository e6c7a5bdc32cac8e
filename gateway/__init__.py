"""The Homarus gateway."""
