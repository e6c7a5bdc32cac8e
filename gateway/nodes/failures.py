"""How a command to a node can fail, as callers see it.

Nodes put their error code into `code`, into the message, or both; callers look in both places.
Source: OpenClaw docs/gateway/protocol/rpc-devices-nodes-and-approvals.md (2026.9.6), and observed errors.
"""

from typing import ClassVar, Final

from gateway.nodes.model import NodeFacts
from protocol.capability import Surface
from protocol.errors import InvalidRequest, Overloaded, Unavailable
from protocol.nouns.node import NodeFailure

_POLICED: Final = frozenset({"canvas.present", "canvas.hide", "canvas.navigate"})
"""Commands whose failure OpenClaw reports as the caller's: its plugins check them before the node does."""

_POLICED_ON_LINUX: Final = ("camera.", "location.")

MAX_CODE_CHARS: Final = 128
"""Longer than any error code; the rest of a node's own words is cut off."""

MAX_MESSAGE_CHARS: Final = 16_384
"""A page of a program's last words is enough to see why it failed."""


class NodeNotConnected(Unavailable):
    """The node is not there."""

    detail_code: ClassVar[str | None] = "NOT_CONNECTED"

    def __init__(self) -> None:
        super().__init__("node not connected")


class NodeDisconnected(Unavailable):
    """The node left, or lost its approval, before it answered; it may have done what it was asked."""

    def __init__(self, code: str) -> None:
        super().__init__("node disconnected before it answered", {"code": code})
        self.retryable = code == "PAIRING_CHANGED"


class NodeCommandForbidden(Unavailable):
    """The owner forbade the command while the node worked on it; it may have done what it was asked."""

    detail_code: ClassVar[str | None] = "POLICY_CHANGED"

    def __init__(self) -> None:
        super().__init__("this command was forbidden on this node before it answered")


class NodeAnswerUnreadable(Unavailable):
    """The node's answer is no JSON."""

    detail_code: ClassVar[str | None] = "ANSWER_UNREADABLE"

    def __init__(self) -> None:
        super().__init__("the node answered with something that is no JSON")


class NodeTimedOut(Unavailable):
    """The node did not answer in time."""

    detail_code: ClassVar[str | None] = "TIMEOUT"

    def __init__(self) -> None:
        super().__init__("TIMEOUT: node invoke timed out")


class NodeBusy(Overloaded):
    """The node has as many open commands as it may."""

    detail_code: ClassVar[str | None] = "NODE_BUSY"

    def __init__(self) -> None:
        super().__init__("this node has too many open commands; try again shortly")


class NodeFailed(Unavailable):
    """The node could not do it; `details.nodeError` has its own words."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}", _details(code, message))
        self.node_code = code
        self.node_message = message


class NodeRefused(InvalidRequest):
    """As `NodeFailed`, for commands that OpenClaw's plugins answer for."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message, {**_details(code, message), "code": code})
        self.node_code = code
        self.node_message = message


def node_failure(failure: NodeFailure | None, command: str, facts: NodeFacts) -> NodeFailed | NodeRefused:
    """The caller's error for a node's."""
    said = failure or NodeFailure()
    code = (said.code or "UNAVAILABLE")[:MAX_CODE_CHARS]
    message = (said.message or "node invoke failed")[:MAX_MESSAGE_CHARS]
    on_linux = facts.platform == "linux" and command.startswith(_POLICED_ON_LINUX)
    return (NodeRefused if command in _POLICED or on_linux else NodeFailed)(code, message)


def refused(command: str, by_policy: str | None, claimed: Surface) -> InvalidRequest:
    """Why a node with these claims may not be asked for `command`."""
    if by_policy is not None:
        return _not_allowed(by_policy, "command not allowlisted", command)
    if not claimed.commands:
        reason = "node did not declare commands"
    elif command not in claimed.commands:
        reason = "command not declared by node"
    else:
        return _not_allowed(
            f'node command not allowed: "{command}" waits for an approval of this node\'s surface; '
            "see node.pair.list",
            "command not approved",
            command,
        )
    return _not_allowed(f'node command not allowed: "{command}": {reason}', reason, command)


def _not_allowed(message: str, reason: str, command: str) -> InvalidRequest:
    return InvalidRequest(message, {"reason": reason, "command": command})


def _details(code: str, message: str) -> dict[str, object]:
    return {"nodeError": {"code": code, "message": message}, "nodeCommandDispatched": True}
