"""Sizes in bytes on the wire and times in milliseconds that both sides agree on."""

from typing import Final

MAX_PREAUTH_BYTES: Final = 64 * 1024
"""Largest frame before `hello-ok`. Source: OpenClaw docs/gateway/protocol/transport.md (2026.9.6)."""

MAX_PREAUTH_FRAMES: Final = 128
"""Most frames before `hello-ok`, control frames and fragments included. A client needs one; a stranger who
sends a hundred only keeps the parser busy.
"""

MAX_VALUES: Final = 150_000
"""Most values in one message, counted by its commas. A message is decoded in one go while everybody waits:
measured, a million members of an object take half a second, and this many 70 ms.
"""

MAX_PAYLOAD_BYTES: Final = 25 * 1024 * 1024
"""Largest frame after `hello-ok`, as `policy.maxPayload`. Source: the same page."""

MAX_BUFFERED_BYTES: Final = 50 * 1024 * 1024
"""`policy.maxBufferedBytes`: what a client may expect to lag before it is closed. Observed: 52428800."""

MAX_ATTACHMENT_BYTES: Final = 19_464_192
"""Largest decoded attachment that still fits a frame as base64. Observed in `hello-ok.policy.attachments`."""

MAX_IMAGE_BYTES: Final = 6 * 1024 * 1024
"""Largest decoded image attachment. Observed in `hello-ok.policy.attachments`."""

TICK_INTERVAL_MS: Final = 30_000
"""Between two `tick` events; clients hang up after twice this silence. Observed: 454 of 456 intervals.
"""

HANDSHAKE_TIMEOUT_MS: Final = 15_000
"""Time from the upgrade to `hello-ok`. Source: OpenClaw docs/gateway/protocol/versioning.md."""

REQUEST_TIMEOUT_MS: Final = 30_000
"""A client's default patience for one answer. Source: the same page."""

MAX_SIGNATURE_SKEW_MS: Final = 120_000
"""How far `device.signedAt` may lie from the challenge.

Clients sign the challenge's own `ts`, so a wrong clock alone never locks anyone out.
"""

MAX_ID_CHARS: Final = 128
"""Longest request id, session id or idempotency key that is stored."""
