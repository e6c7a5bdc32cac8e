"""One module per command group; each has `configure(parser)`."""
