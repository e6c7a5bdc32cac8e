"""Who is calling: the facts of a connection, its principal, and the context of one request."""

from collections.abc import Callable
from typing import Any, Final

import msgspec

from protocol.connect import ClientInfo
from protocol.errors import GatewayError, MissingScope
from protocol.scopes import Role, Scope, allows

LOCAL_USER: Final = "local"
"""`remote_ip` of a connection over the Unix socket."""


class PeerFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What the network says about a connection, before anything the peer claims."""

    conn_id: str
    remote_ip: str
    """Address of the socket's peer, or the forwarded one when the peer is a configured proxy."""
    direct_loopback: bool
    """True only for a loopback peer without any forwarding header."""
    origin: str | None
    """The `Origin` header; browsers always send it."""
    own_origin: bool
    """True when `origin` is exactly the gateway's own page."""
    secure: bool
    """True over TLS."""
    path: str
    base_url: str = ""
    """`http://host:port` as this client reached the gateway; empty on the Unix socket."""
    agent_id: str | None = None
    """On the Unix socket: the agent whose program this is, empty when unknown which; `None` for a person."""

    @property
    def local_user(self) -> bool:
        """True over the Unix socket, which only the gateway's own user can open."""
        return self.remote_ip == LOCAL_USER


class Principal(msgspec.Struct, frozen=True, kw_only=True):
    """An admitted caller. Scopes are the intersection of what was asked for and what is granted."""

    conn_id: str
    role: Role
    scopes: tuple[Scope, ...]
    client: ClientInfo
    device_id: str | None
    profile_id: str | None
    """The person behind an operator connection; nodes have none."""
    caps: frozenset[str]
    remote_ip: str
    auth_method: str
    """`token`, `password`, `device-token`, `bootstrap-token` or `none`."""

    @property
    def actor(self) -> str:
        """Stable name for idempotency keys and audit rows: the device when known, else the client id."""
        return self.device_id or f"client:{self.client.id}"

    def require(self, scope: Scope) -> None:
        """Insist on a scope.

        Raises:
            MissingScope: when the grant does not cover `scope`.
        """
        if not allows(self.scopes, scope):
            raise MissingScope(scope, (scope,))


class Ctx(msgspec.Struct, frozen=True, kw_only=True):
    """One request: who calls, under which id and trace, and how to answer a second time."""

    principal: Principal
    request_id: str
    trace_id: str
    received_ms: int
    """Wall clock at which the frame arrived."""
    answer_again: Callable[[Any], None]
    """Send one more response on the same id: a result, or a `FinalFailure`. Only `agent` does this."""

    @property
    def conn_id(self) -> str:
        """The connection the request came from."""
        return self.principal.conn_id


class FinalFailure(msgspec.Struct, frozen=True):
    """A second answer that failed: `ok:false` with both an error and a payload."""

    error: GatewayError
    payload: Any
