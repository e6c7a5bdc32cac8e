"""Identifiers: how they are made and which strings are accepted as one."""

import re
import uuid
from typing import Final

from protocol.errors import InvalidRequest
from protocol.limits import MAX_ID_CHARS

_ID: Final = re.compile(rf"[A-Za-z0-9._:@+-]{{1,{MAX_ID_CHARS}}}")
"""Ids never hold a slash, backslash, control character or percent sign, so none can become a path."""

_SESSION_KEY: Final = re.compile(r"[^\x00-\x1f\x7f-\x9f/\\%\u200e\u200f\u2028-\u202e\u2066-\u2069]{1,512}")
"""OpenClaw session keys hold channel peers such as `+15555550123`; path, control and bidi characters
never.
"""


def new_id() -> str:
    """A fresh random id (UUID 4)."""
    return str(uuid.uuid4())


def checked_id(value: str, field: str) -> str:
    """`value` when it is a safe id.

    Raises:
        InvalidRequest: naming `field`, when it is empty, too long, or holds anything but letters, digits and
            `._:@+-`, or `..`.
    """
    if _ID.fullmatch(value) is None or ".." in value:
        raise InvalidRequest(
            f"{field}: must be 1-{MAX_ID_CHARS} letters, digits or ._:@+- without '..'", {"field": field}
        )
    return value


def checked_session_key(value: str, field: str = "sessionKey") -> str:
    """`value` when it is a safe session key of at most 512 characters.

    Raises:
        InvalidRequest: naming `field`.
    """
    if _SESSION_KEY.fullmatch(value) is None or ".." in value:
        raise InvalidRequest(
            f"{field}: must be 1-512 characters without slashes, '%', '..' or control characters",
            {"field": field},
        )
    return value
