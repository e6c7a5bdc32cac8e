"""Which node would do something: agents ask for a capability, not for a device."""

from typing import Annotated, Literal

from msgspec import Meta

from protocol.method import Call, Wire, method
from protocol.methods.node_work import NodeChoice
from protocol.nouns.node import CommandName
from protocol.scopes import Scope

Able = Literal["now", "later", "never"]
"""Whether a node could do it: it is connected and may; it may once it is back; it may not."""


class RouteCandidate(Wire):
    """One node, and what speaks for and against it."""

    node_id: str
    display_name: str
    able: Able
    score: int
    """Out of 100 for a node at rest; compared within the same rank only."""
    why: list[str]
    """In words, for people."""


class NodeRouted(Wire):
    """The choice. Without `node_id` nobody can do it now; `reason` says why and what would help."""

    node_id: str | None = None
    able: Able
    """The best any node offers."""
    reason: str
    candidates: list[RouteCandidate]
    """Every node, best first."""


@method("node.route", Scope.READ, additive=True)
class NodeRoute(Call[NodeRouted], forbid_unknown_fields=True):
    """Choose a node for a command or a capability, without asking it for anything but its battery.

    Errors: `INVALID_REQUEST` unless exactly one of `command` and `capability` is given.
    """

    command: CommandName | None = None
    capability: Annotated[str, Meta(min_length=1, max_length=64)] | None = None
    prefer: NodeChoice = ()
    fallback: NodeChoice = ()
