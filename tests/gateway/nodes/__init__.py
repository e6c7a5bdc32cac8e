"""Device nodes, from inside as tables and from outside over the wire."""
