"""Opaque page cursors: the sort key of the last row a client has seen.

The next page is `WHERE (a, b) > (?, ?) ORDER BY a, b LIMIT n`: it costs the same however deep the page is,
and rows inserted meanwhile neither repeat nor hide others.
"""

import base64
import binascii
from typing import Final, TypeVar

import msgspec

from protocol.errors import InvalidRequest

K = TypeVar("K", bound=tuple[int | float | str | None, ...])

MAX_CURSOR_CHARS: Final = 2048
"""A key of ours is an id and a time; the longest string in one is a session key of 512 characters."""

_SQLITE_INT: Final = range(-(2**63), 2**63)
"""SQLite's integers; Python's binding fails on others, and cursors come from strangers."""


def encode_cursor(key: tuple[int | float | str | None, ...]) -> str:
    """`key` as an opaque, URL-safe string."""
    return base64.urlsafe_b64encode(msgspec.json.encode(key)).rstrip(b"=").decode()


def decode_cursor(cursor: str, shape: type[K], field: str = "cursor") -> K:
    """The key that `encode_cursor` was given, as the tuple type `shape` (`tuple[int, str]`).

    Raises:
        InvalidRequest: naming `field`, when `cursor` is not one of ours for this list.
    """
    try:
        if len(cursor) > MAX_CURSOR_CHARS:
            raise ValueError("too long")
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        key = msgspec.json.decode(base64.b64decode(padded, altchars=b"-_", validate=True), type=shape)
        if any(isinstance(part, int) and part not in _SQLITE_INT for part in key):
            raise ValueError("integer too large")
    except (ValueError, binascii.Error, msgspec.DecodeError) as error:
        raise InvalidRequest(
            f"{field}: not a cursor of this list; ask for the first page without one", {"field": field}
        ) from error
    return key
