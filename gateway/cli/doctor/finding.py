"""One thing the doctor saw."""

from typing import Literal, TypeAlias

import msgspec

Level: TypeAlias = Literal["ok", "note", "warning", "error"]


class Finding(msgspec.Struct, frozen=True, omit_defaults=True, rename="camel"):
    """What is so, and what to do about it."""

    level: Level
    subject: str
    """One word: which check."""
    text: str
    next_step: str = ""
    """A sentence or a command; empty when there is nothing to do."""


def ok(subject: str, text: str) -> Finding:
    """In order."""
    return Finding("ok", subject, text)


def note(subject: str, text: str, next_step: str = "") -> Finding:
    """Good to know."""
    return Finding("note", subject, text, next_step)


def warning(subject: str, text: str, next_step: str) -> Finding:
    """It works, and should be looked after."""
    return Finding("warning", subject, text, next_step)


def error(subject: str, text: str, next_step: str) -> Finding:
    """It does not work, or not safely."""
    return Finding("error", subject, text, next_step)
