"""What programs we start get to see of our environment."""

import os
from collections.abc import Mapping
from typing import Final

KEPT: Final = (
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "SHELL",
    "LANG",
    "LC_ALL",
    "LC_CTYPE",
    "TZ",
    "TMPDIR",
    "TERM",
)
"""What programs need to run at all. Everything else may be a key, passed on only when the settings say so."""


def bare_environment(added: Mapping[str, str], source: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The environment of a child: the harmless part of ours and what the settings add."""
    return {name: source[name] for name in KEPT if name in source} | dict(added)
