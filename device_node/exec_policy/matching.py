"""Whether a rule of the allow-list covers what would run."""

import os
import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from pathlib import Path
from typing import Final

import msgspec

from device_node.exec_policy.document import EXACT_PREFIX, AllowEntry

MAX_ARGUMENT_CHARS: Final = 8192
"""Of joined arguments a pattern is searched in; longer ones match no pattern, which is the safe side."""

_WILDCARD: Final = re.compile(r"\*\*/|\*\*|\*|\?")
_MEANING: Final = {"**/": r"(?:[^/]+/)*", "**": r".*", "*": r"[^/]*", "?": r"[^/]"}


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """A program that would run, with its arguments."""

    path: str
    """Absolute, links resolved."""
    name: str | None
    """As it was called, when it was searched for on `PATH`."""
    arguments: tuple[str, ...]
    exact_hash: Callable[[], str]
    """Hash of the exact command line; called only when a rule for one looks at this program."""


def covering(entries: Iterable[AllowEntry], candidate: Candidate) -> AllowEntry | None:
    """The first rule that covers it."""
    return next((entry for entry in entries if _covers(entry, candidate)), None)


def _covers(entry: AllowEntry, candidate: Candidate) -> bool:
    return (
        not entry.is_mark
        and _is_path(entry.pattern, candidate)
        and (entry.arg_pattern is None or _has_arguments(entry.arg_pattern, candidate))
    )


def _is_path(pattern: str, candidate: Candidate) -> bool:
    if "/" not in pattern:
        return candidate.name is not None and _glob(pattern).fullmatch(candidate.name) is not None
    return _glob(_resolved(pattern)).fullmatch(candidate.path) is not None


def _has_arguments(pattern: str, candidate: Candidate) -> bool:
    if pattern.startswith(EXACT_PREFIX):
        return pattern == candidate.exact_hash()
    if pattern.startswith("sha256:"):
        return False  # a hash of somebody else's making
    joined = " ".join(candidate.arguments)
    return len(joined) <= MAX_ARGUMENT_CHARS and re.search(pattern, joined) is not None


def _resolved(pattern: str) -> str:
    """The pattern with the links in its fixed part resolved, since `/bin/sh` is really `/usr/bin/dash`."""
    expanded = str(Path(pattern).expanduser())
    wild = _WILDCARD.search(expanded)
    if wild is None:
        return os.path.realpath(expanded)
    fixed, _, rest = expanded[: wild.start()].rpartition("/")
    return f"{os.path.realpath(fixed or '/').rstrip('/')}/{rest}{expanded[wild.start() :]}"


@lru_cache(maxsize=1024)
def _glob(pattern: str) -> re.Pattern[str]:
    parts = _WILDCARD.split(pattern)
    wildcards = _WILDCARD.findall(pattern)
    pieces = [re.escape(parts[0])]
    for wildcard, part in zip(wildcards, parts[1:], strict=True):
        pieces += [_MEANING[wildcard], re.escape(part)]
    return re.compile("".join(pieces), re.DOTALL)
