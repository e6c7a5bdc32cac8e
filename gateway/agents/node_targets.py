"""The node an agent means, and how the answers of nodes read."""

from collections.abc import Mapping, Sequence

import msgspec

from gateway.nodes.candidates import NodeChooser
from gateway.nodes.registry import NodeRegistry
from protocol.errors import InvalidRequest, NotFound, Unavailable
from protocol.node_names import nodes_called
from protocol.nouns.node import NodeRow


async def node_called(registry: NodeRegistry, text: str) -> NodeRow:
    """The one node a name, id, beginning of an id or address means.

    Raises:
        NotFound: none, naming those there are.
        InvalidRequest: several.
    """
    rows = await registry.rows(None)
    found = nodes_called(rows, text)
    # A device that was set up anew leaves an old row of its name behind.
    found = [row for row in found if row.connected] or found
    if not found:
        known = ", ".join(name_of(row) for row in rows[:20]) or "none yet"
        raise NotFound(f"node: there is no node {text!r}; known nodes: {known}", {"field": "node"})
    if len(found) > 1:
        choices = ", ".join(f"{name_of(row)} ({row.node_id[:12]})" for row in found[:20])
        raise InvalidRequest(f"node: {text!r} means several: {choices}; name its id", {"field": "node"})
    return found[0]


async def node_for(
    registry: NodeRegistry, text: str, command: str, chooser: NodeChooser | None = None
) -> NodeRow:
    """A connected node that may be asked for `command`: the one meant, or without a name the best one.

    Without `chooser` it must be the only one: a program is not run where nobody said.

    Raises:
        NotFound: there is no such node.
        InvalidRequest: several could be meant.
        Unavailable: it is not connected, or none can do this.
    """
    if text.strip():
        row = await node_called(registry, text)
        if not row.connected:
            raise Unavailable(f"node {name_of(row)} is not connected")
        if command not in row.commands:
            raise Unavailable(f"node {name_of(row)} may not be asked for {command}; {_why(row)}")
        return row
    if chooser is not None:
        choice = await chooser.for_command(command)
        if choice.node_id is None:
            raise Unavailable(choice.reason)
        return await registry.row(choice.node_id, None)
    able = [row for row in await registry.rows(None) if row.connected and command in row.commands]
    if not able:
        raise Unavailable(f"no connected node can do {command}; `homarus nodes list` shows what there is")
    if len(able) > 1:
        choices = ", ".join(name_of(row) for row in able[:20])
        raise InvalidRequest(f"node: several can do {command}: {choices}; name one", {"field": "node"})
    return able[0]


def name_of(row: NodeRow) -> str:
    """A node's name, or the beginning of its id."""
    return row.display_name or row.node_id[:12]


def summary(row: NodeRow) -> dict[str, object]:
    """What an agent needs to choose a node."""
    return {
        "id": row.node_id,
        "name": name_of(row),
        "platform": row.platform,
        "connected": row.connected,
        "active": bool(row.active),
        "approval": row.approval_state,
        "commands": row.commands,
        "lastSeenMs": row.last_seen_at_ms,
    }


def decoded(payload: msgspec.Raw) -> object:
    """A node's answer as JSON values.

    Raises:
        Unavailable: it is none.
    """
    try:
        return msgspec.json.decode(payload)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise Unavailable("the node answered with something that is not JSON") from error


def without_files(value: object) -> object:
    """`value` without encoded pictures and sounds, which say nothing to a model as text."""
    if isinstance(value, Mapping):
        items: Mapping[object, object] = value  # pyright: ignore[reportUnknownVariableType]
        return {
            str(name): f"[{len(item)} characters of Base64]"
            if name == "base64" and isinstance(item, str)
            else without_files(item)
            for name, item in items.items()
        }
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        rows: Sequence[object] = value  # pyright: ignore[reportUnknownVariableType]
        return [without_files(item) for item in rows]
    return value


def _why(row: NodeRow) -> str:
    if row.approval_state != "approved":
        return "what it offers waits for `homarus nodes approve`"
    return f"it offers {', '.join(row.commands) or 'nothing'}"
