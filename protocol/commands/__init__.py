"""What a node can be asked to do, one file per family."""
