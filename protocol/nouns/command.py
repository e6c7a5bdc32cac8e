"""Slash commands as clients list them.

Source: OpenClaw 2026.9.6 `CommandsListResult`.
"""

from typing import Literal

from protocol.method import Wire


class CommandChoice(Wire):
    """One of the values an argument may take."""

    value: str
    label: str


class CommandArgument(Wire):
    """What may follow a command."""

    name: str
    description: str
    type: Literal["string", "number", "boolean"]
    required: bool | None = None
    choices: list[CommandChoice] | None = None


class SlashCommand(Wire):
    """A command a person types, `/name`."""

    name: str
    native_name: str | None = None
    text_aliases: list[str] | None = None
    """What is typed, with the slash."""
    description: str
    category: Literal["session", "options", "status", "management", "media", "tools"] | None = None
    source: Literal["native", "skill", "plugin"]
    scope: Literal["text", "native", "both"]
    accepts_args: bool
    args: list[CommandArgument] | None = None
