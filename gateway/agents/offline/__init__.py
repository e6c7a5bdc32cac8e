"""The embedded assistant: useful without any network or model, and honest about what it is."""
