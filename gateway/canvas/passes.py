"""Addresses that are capabilities: whoever knows one may load what the canvas host serves, for a while.

Source: OpenClaw 2026.9.6, `pluginSurfaceUrls` as recorded: 18 random bytes, ten minutes that each use renews,
one for each connection, with which it ends.
"""

import secrets
from typing import Final

import msgspec

from gateway.kernel.clock import Clock

TOKEN_BYTES: Final = 18
LIFETIME_MS: Final = 10 * 60_000

MAX_KNOWN: Final = 20_000
"""Connections whose way in is remembered: more than a gateway has, and an end to those that never began."""

PREFIX: Final = "/__openclaw__/cap/"


class _Pass(msgspec.Struct):
    conn_id: str
    base: str
    token: str
    expires_ms: int


class Passes:
    """The addresses that count now. They live in memory: connections do not outlive the process either."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._by_token: dict[str, _Pass] = {}
        self._by_conn: dict[str, _Pass] = {}
        self._bases: dict[str, str] = {}

    def met(self, conn_id: str, base: str) -> None:
        """Remember under which address a connection reached this gateway: `http://host:port`."""
        self._bases[conn_id] = base
        if len(self._bases) > MAX_KNOWN:
            self.end(next(iter(self._bases)))

    def url(self, conn_id: str) -> str | None:
        """The present address of a connection, made when there is none; None for the Unix socket."""
        present = self._by_conn.get(conn_id)
        if present is None or present.expires_ms <= self._clock.now_ms():
            return self.rotate(conn_id)
        return _url(present)

    def rotate(self, conn_id: str) -> str | None:
        """A new address in place of the old one."""
        base = self._bases.get(conn_id)
        if base is None:
            return None
        self._drop(conn_id)
        token = secrets.token_urlsafe(TOKEN_BYTES)
        fresh = _Pass(conn_id, base, token, self._clock.now_ms() + LIFETIME_MS)
        self._by_token[token] = self._by_conn[conn_id] = fresh
        return _url(fresh)

    def present(self, conn_id: str) -> str | None:
        """The address of a connection, when it has one that counts."""
        held = self._by_conn.get(conn_id)
        return None if held is None or held.expires_ms <= self._clock.now_ms() else _url(held)

    def expires_ms(self, conn_id: str) -> int | None:
        """When the address of a connection ends, unless it is used."""
        held = self._by_conn.get(conn_id)
        return None if held is None else held.expires_ms

    def use(self, token: str) -> bool:
        """Whether a token counts; using it renews it."""
        held = self._by_token.get(token)
        if held is None:
            return False
        now_ms = self._clock.now_ms()
        if held.expires_ms <= now_ms:
            self._drop(held.conn_id)
            return False
        held.expires_ms = now_ms + LIFETIME_MS
        return True

    def end(self, conn_id: str) -> None:
        """A connection is over."""
        self._bases.pop(conn_id, None)
        self._drop(conn_id)

    def _drop(self, conn_id: str) -> None:
        held = self._by_conn.pop(conn_id, None)
        if held is not None:
            del self._by_token[held.token]


def _url(held: _Pass) -> str:
    return f"{held.base}{PREFIX}{held.token}"
