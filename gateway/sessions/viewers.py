"""Who looks at which session at this moment. Known only while connections are open."""

import msgspec

from gateway.kernel.net.facts import ConnectionClosed
from gateway.sessions.keys import SessionKey


class _Screen(msgspec.Struct):
    keys: frozenset[SessionKey] = frozenset()
    hidden: bool = False


class Viewers:
    """What each connection shows to a person, and whether its page is visible."""

    def __init__(self) -> None:
        self._screens: dict[str, _Screen] = {}

    def show(self, conn_id: str, keys: frozenset[SessionKey]) -> None:
        """The connection shows exactly these sessions."""
        self._screen(conn_id).keys = keys
        self._drop_if_plain(conn_id)

    def set_visible(self, conn_id: str, visible: bool) -> None:
        """The connection's page came to the front or went behind others."""
        self._screen(conn_id).hidden = not visible
        self._drop_if_plain(conn_id)

    def watched(self, key: SessionKey) -> bool:
        """Whether a person can see the session now."""
        return any(key in screen.keys and not screen.hidden for screen in self._screens.values())

    def forget(self, fact: ConnectionClosed) -> None:
        """A connection ended."""
        self._screens.pop(fact.principal.conn_id, None)

    def _screen(self, conn_id: str) -> _Screen:
        return self._screens.setdefault(conn_id, _Screen())

    def _drop_if_plain(self, conn_id: str) -> None:
        if self._screens[conn_id] == _Screen():
            del self._screens[conn_id]
