"""Times as people type them."""

import os
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from gateway.cli.failure import Misused

_LENGTH: Final = re.compile(r"(\d+)\s*([smhd])")
_UNITS_S: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}

LOCALTIME: Final = Path("/etc/localtime")
"""A link into the time zone database. Source: localtime(5)."""


def interval_ms(text: str) -> int:
    """`90s`, `10m`, `2h` or `1d` in milliseconds.

    Raises:
        Misused: for anything else.
    """
    match = _LENGTH.fullmatch(text.strip().lower())
    if match is None or int(match[1]) == 0:
        raise Misused(f"{text!r} is no length of time", "write it as 30s, 10m, 2h or 1d")
    return int(match[1]) * _UNITS_S[match[2]] * 1000


def instant(text: str) -> str:
    """A time as ISO 8601 with its offset: `+20m` from now, or a time that is local unless it says otherwise.

    Raises:
        Misused: for anything else, and for what has passed.
    """
    now = datetime.now().astimezone()
    if text.startswith("+"):
        return (now + timedelta(milliseconds=interval_ms(text[1:]))).isoformat(timespec="seconds")
    try:
        moment = datetime.fromisoformat(text).astimezone()
    except ValueError:
        raise Misused(f"{text!r} is no time", "write it as 2027-01-31T09:00, or +20m") from None
    if moment <= now:
        raise Misused(f"{text} has passed", "name a time to come")
    return moment.isoformat(timespec="seconds")


def local_zone(env: Mapping[str, str] = os.environ, localtime: Path = LOCALTIME) -> str | None:
    """The IANA name of this machine's time zone; `None` when it does not tell."""
    named = env.get("TZ", "").lstrip(":")
    if "/" in named and not named.startswith("/"):
        return named
    _, found, zone = str(localtime.resolve()).partition("zoneinfo/")
    return zone if found else None
