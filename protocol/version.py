"""Protocol and release numbers."""

from typing import Final

PROTOCOL_VERSION: Final = 4
"""What current OpenClaw clients and this gateway speak."""

MIN_PROTOCOL_VERSION: Final = 3
"""Oldest protocol still answered. OpenClaw accepts 3 for nodes and probes only; the operator shapes of 3 are
a subset of 4, so operators of 3 are answered too.
"""

RELEASE: Final = "0.1.0"
"""Version of this distribution, as `server.version` in `hello-ok`."""

COMPATIBLE_RELEASE: Final = "2026.9.6"
"""The OpenClaw release whose clients the interop suite drives against this gateway."""
