"""Which node a person means: by name, by the beginning of its id, or by address."""

from collections.abc import Sequence
from typing import Final, Protocol, TypeVar

MIN_PREFIX_CHARS: Final = 4
"""Of an id. Shorter ones are likelier the beginning of a name."""


class Named(Protocol):
    """A row that a person can point at."""

    @property
    def node_id(self) -> str:
        """Its id."""
        ...

    @property
    def display_name(self) -> str | None:
        """Its name, if it has one."""
        ...

    @property
    def remote_ip(self) -> str | None:
        """Where it connects from, if that is another machine."""
        ...


N = TypeVar("N", bound=Named)


def nodes_called(rows: Sequence[N], text: str) -> list[N]:
    """The rows `text` may mean: the exact id, else equal names or addresses, else ids that begin so."""
    wanted = text.strip().casefold()
    exact = [row for row in rows if row.node_id.casefold() == wanted]
    if exact or not wanted:
        return exact
    named = [row for row in rows if wanted in {(row.display_name or "").strip().casefold(), row.remote_ip}]
    if named or len(wanted) < MIN_PREFIX_CHARS:
        return named
    return [row for row in rows if row.node_id.casefold().startswith(wanted)]
