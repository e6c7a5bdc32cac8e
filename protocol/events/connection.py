"""Events about the connection itself."""

from protocol.method import Event, event
from protocol.scopes import Role

EVERYONE = frozenset(Role)


@event("tick", None, roles=EVERYONE, is_state=True)
class Tick(Event):
    """Sign of life every `policy.tickIntervalMs`; clients hang up after twice that silence."""

    ts: int


@event("shutdown", None, roles=EVERYONE)
class Shutdown(Event):
    """The gateway stops; the socket closes with 1012 right after."""

    reason: str


@event("events.gap", None, sequenced=False)
class EventGap(Event):
    """Homarus only: events between two cursors are gone; read snapshots again.

    Follows a `hello-ok` that could not resume.
    """

    after: int
    """The cursor the client asked to continue from."""
    cursor: int
    """Where the log stands now."""
