"""Results shared by several methods and events."""
