"""The wire contract of Homarus: frames, methods, events, errors and the connect handshake, without any I/O."""
