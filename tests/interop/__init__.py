"""The official OpenClaw clients, unmodified, against a running gateway.

`pytest tests/interop` runs them against Homarus. `pytest tests/interop --gateway=openclaw` runs the same
tests against OpenClaw's own gateway: what they expect is then proved to be what the original does.
"""
