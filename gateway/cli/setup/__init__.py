"""The guided first run: small steps that are done once, each remembered when it is."""
