"""Slash commands.

Source: OpenClaw 2026.9.6, published schema.
"""

from typing import Annotated, Literal

from msgspec import Meta

from protocol.method import Call, Wire, method
from protocol.nouns.command import SlashCommand
from protocol.scopes import Scope


class CommandsListResult(Wire):
    """Commands in the order to show."""

    commands: list[SlashCommand]


@method("commands.list", Scope.READ)
class CommandsList(Call[CommandsListResult]):
    """List what a person may type after a slash."""

    agent_id: Annotated[str, Meta(min_length=1, max_length=128)] | None = None
    session_key: Annotated[str, Meta(min_length=1, max_length=512)] | None = None
    provider: Annotated[str, Meta(min_length=1, max_length=128)] | None = None
    scope: Literal["text", "native", "both"] | None = None
    include_args: bool = False
