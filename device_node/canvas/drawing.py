"""Drawing on the page of the canvas."""

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from device_node.canvas.cdp import CdpError
from device_node.canvas.stage import DEFAULT_SIZE, Stage
from device_node.commands import CommandFailed
from protocol.a2ui.surfaces import Message
from protocol.commands.canvas import Placement

DRAW_TIMEOUT_S: Final = 10.0
"""For the largest push a node takes, on a small board."""


async def resize(stage: Stage, placement: Placement | None) -> None:
    """Give the canvas the size that was asked for, if one was."""
    if placement is not None and (placement.width or placement.height):
        width, height = placement.width or DEFAULT_SIZE[0], placement.height or DEFAULT_SIZE[1]
        await stage.resize(round(width), round(height))


async def apply_messages(stage: Stage, messages: Sequence[Message]) -> None:
    """Draw messages that were checked.

    Raises:
        CommandFailed: as `draw`.
    """
    await draw(stage, f"openclawA2UI.applyMessages({as_javascript(messages)})")


async def draw(stage: Stage, script: str) -> None:
    """Have the page draw and wait until it has.

    Raises:
        CommandFailed: the page is not there, or could not draw.
    """
    try:
        problems: list[str] = await stage.evaluate(f"{script}, openclawA2UI.settled()", DRAW_TIMEOUT_S)
    except (ValueError, CdpError) as error:
        raise CommandFailed("A2UI_HOST_UNAVAILABLE", f"the canvas page did not draw: {error}") from error
    if problems:
        raise CommandFailed("INVALID_REQUEST", f"the renderer refused: {'; '.join(problems)[:1000]}")


def as_javascript(value: Any) -> str:
    """A value as JavaScript: JSON is, but for two line ends that older engines do not take in texts."""
    return msgspec.json.encode(value).decode().replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
