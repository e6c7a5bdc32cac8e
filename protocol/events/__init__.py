"""What the gateway says on its own, one file per family."""
