"""The device registry, on a real database."""
