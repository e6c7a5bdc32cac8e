"""The wire contract of Homarus: frames, methods, events, errors and the handshake, without I/O."""
