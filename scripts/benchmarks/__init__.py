"""The benchmark: what a person would feel, measured on real processes over real sockets."""
