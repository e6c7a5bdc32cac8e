"""The listener: one port for HTTP and WebSocket, and a Unix socket for programs of the same user."""

import asyncio
import errno
import logging
import os
import socket
import ssl
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any, Final, cast

import h11
import msgspec
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState
from websockets.datastructures import Headers
from websockets.exceptions import InvalidHandshake
from websockets.http11 import Request, Response

from gateway.kernel.net.ancestry import agent_behind
from gateway.kernel.net.doorman import Doorman, TcpPeer
from gateway.kernel.net.local_socket import short_socket_path
from gateway.kernel.net.origin import OriginPolicy, RequestRefused, bearer_token, is_loopback
from gateway.kernel.net.tls_door import TlsDoor
from gateway.kernel.net.websocket import Gate, Receiver, Socket
from gateway.kernel.rpc.context import LOCAL_USER, PeerFacts
from gateway.kernel.supervisor import Supervisor
from protocol.errors import Unavailable
from protocol.ids import new_id

REQUEST_DEADLINE_S: Final = 15.0
"""From the first byte of a request (or of the connection) to its last; attack case 27 allows 20 s."""

KEEP_ALIVE_S: Final = 10
"""Idle time between two HTTP requests on one connection."""

MAX_HEADER_BYTES: Final = 32 * 1024

ACCEPTS_PER_TURN: Final = 16
"""How many connections one turn of the event loop takes in. Each costs some 0.3 ms, and a turn that took in
as many as may wait would show out every other stranger before it could say a word.
"""

ACCEPT_QUEUE: Final = 1024
"""How many connections the system holds for us meanwhile."""

logger = logging.getLogger(__name__)


class _HttpProtocol(H11Protocol):
    """uvicorn's HTTP parser, with what it lacks: a deadline on slow requests and a bound on waiting peers."""

    peer = TcpPeer(LOCAL_USER)
    _deadline: asyncio.TimerHandle | None = None

    def __init__(self, config: Config, state: ServerState, doorman: Doorman) -> None:
        super().__init__(config, state, {})
        self._doorman = doorman
        self._unread_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if self.client is not None:
            self.peer = TcpPeer(self.client[0])
        self._wait()
        self._doorman.enter(self)

    def data_received(self, data: bytes) -> None:
        self._wait()
        super().data_received(data)
        self._unread_bytes = self._unread_bytes + len(data) if self.conn.their_state is h11.IDLE else 0
        self._doorman.holds(self, self._unread_bytes)
        if self.conn.their_state in {h11.DONE, h11.MUST_CLOSE, h11.CLOSED, h11.SWITCHED_PROTOCOL}:
            self._stop_waiting()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if not self.transport.is_closing() and self.conn.their_state is h11.IDLE:
            self._doorman.enter(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)

    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        self._stop_waiting()
        super().handle_websocket_upgrade(event)

    def turn_away(self, code: int, reason: str) -> None:  # noqa: ARG002 - nobody listens to HTTP yet
        """See `Stranger.turn_away`."""
        self.transport.abort()

    def _wait(self) -> None:
        if self._deadline is None:
            self._deadline = self.loop.call_later(REQUEST_DEADLINE_S, self.transport.abort)

    def _stop_waiting(self) -> None:
        self._stop_deadline()
        self._doorman.leave(self)

    def _stop_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


class Listener:
    """Accepts connections and decides, before anything else, whether a request may be looked at.

    Args:
        policy: Current host and origin rules; asked for every request, so that a reload takes effect at once.
        receive: Makes the receiver of an accepted WebSocket from its network facts and its bearer token, if
        any.
        application: Serves plain HTTP.
        doorman: Counts the connections that wait for a request.
        tasks: Runs the TLS handshakes.
    """

    def __init__(
        self,
        policy: Callable[[], OriginPolicy],
        receive: Callable[[PeerFacts, str | None], Receiver],
        application: ASGIApp,
        doorman: Doorman | None = None,
        tasks: Supervisor | None = None,
    ) -> None:
        self._policy = policy
        self._receive = receive
        self._application = application
        self._doorman = Doorman() if doorman is None else doorman  # one that counts nobody yet is false
        self._tasks = Supervisor() if tasks is None else tasks
        self._state = ServerState()
        self._config = Config(
            self._guarded,
            http=_HttpProtocol,
            ws=cast("Any", partial(_socket, self._gate)),
            interface="asgi3",  # a bound method is mistaken for ASGI 2
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_keep_alive=KEEP_ALIVE_S,
            h11_max_incomplete_event_size=MAX_HEADER_BYTES,
            proxy_headers=False,
        )
        self._servers: list[asyncio.Server] = []
        self._socket_path: Path | None = None
        self.port = 0

    async def open(self, host: str, port: int, tls: ssl.SSLContext | None = None) -> None:
        """Listen on TCP; with port 0 the chosen one is in `port` afterwards.

        Raises:
            Unavailable: when the address is taken or not ours, with the next step.
        """
        protocol = self._http_protocol if tls is None else partial(self._tls_door, tls)
        try:
            server = await asyncio.get_running_loop().create_server(
                protocol, host, port, backlog=ACCEPTS_PER_TURN
            )
            _lengthen_queue(server)
        except OSError as error:
            option = "--port" if error.errno in {errno.EADDRINUSE, errno.EACCES} else "--host"
            raise Unavailable(
                f"cannot listen on {host}:{port}: {error.strerror or error}; choose another with {option}"
            ) from error
        self._servers.append(server)
        self.port = server.sockets[0].getsockname()[1]

    async def open_local(self, path: Path) -> None:
        """Listen on a Unix socket that only this user can open (mode 0600 in a 0700 folder).

        A socket file left by a crash is replaced; the home's lock says that no other gateway uses it.

        Raises:
            Unavailable: when there cannot be a socket, with the next step.
        """
        try:
            await asyncio.to_thread(path.unlink, missing_ok=True)
            with short_socket_path(path) as short:
                server = await asyncio.get_running_loop().create_unix_server(self._http_protocol, short)
            # Not by umask, which would also be that of files other threads make; the folder keeps others out.
            await asyncio.to_thread(path.chmod, 0o600)
        except OSError as error:
            raise Unavailable(
                f"cannot listen on {path}: {error.strerror or error}; remove it or use another --home"
            ) from error
        self._servers.append(server)
        self._socket_path = path

    def stop_accepting(self) -> None:
        """Close the listening sockets; open connections stay."""
        for server in self._servers:
            server.close()
        if self._socket_path is not None:
            self._socket_path.unlink(missing_ok=True)

    async def close(self) -> None:
        """Stop accepting and end the HTTP connections that are left."""
        self.stop_accepting()
        for connection in list(self._state.connections):
            connection.shutdown()
        answering = list(self._state.tasks)
        for task in answering:
            task.cancel()
        await asyncio.gather(*answering, return_exceptions=True)

    def _http_protocol(self) -> asyncio.Protocol:
        return _HttpProtocol(self._config, self._state, self._doorman)

    def _tls_door(self, context: ssl.SSLContext) -> asyncio.Protocol:
        return TlsDoor(context, self._http_protocol, self._doorman, self._tasks)

    # Judging

    def _gate(self, request: Request, transport: asyncio.Transport) -> Receiver | Response:
        try:
            peer = self._peer_facts(transport, request.headers, request.path)
        except RequestRefused as refused:
            return _refusal(refused)
        return self._receive(peer, bearer_token(request.headers.get("Authorization")))

    async def _guarded(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve HTTP behind the same host and origin rules as the WebSocket."""
        client = scope.get("client")
        try:
            headers = _headers(scope["headers"])
            peer = self._facts(client[0] if client else None, headers, scope["path"])
        except RequestRefused as refused:
            await _send_refusal(refused, send)
            return
        scope["homarus.peer"] = peer
        await self._application(scope, receive, send)

    def _peer_facts(self, transport: asyncio.Transport, headers: Headers, path: str) -> PeerFacts:
        name = transport.get_extra_info("peername")
        if isinstance(name, tuple):
            return self._facts(cast("str", name[0]), headers, path)
        facts = self._facts(None, headers, path)
        agent_id = agent_behind(transport.get_extra_info("socket"))
        return facts if agent_id is None else msgspec.structs.replace(facts, agent_id=agent_id)

    def _facts(self, peer_ip: str | None, headers: Headers, path: str) -> PeerFacts:
        policy = self._policy()
        host, origin, _ = (_only(headers, name) for name in ("Host", "Origin", "Authorization"))
        if peer_ip is None:
            if origin is not None:
                raise RequestRefused(403, "origin_not_allowed", "browsers do not use the local socket")
            return PeerFacts(
                conn_id=new_id(),
                remote_ip=LOCAL_USER,
                direct_loopback=True,
                origin=None,
                own_origin=False,
                secure=True,
                path=path,
            )
        policy.check_host(host)
        own = policy.check_origin(origin, host)
        client_ip, direct = policy.client_ip(
            peer_ip, {name.lower(): value for name, value in headers.raw_items()}
        )
        return PeerFacts(
            conn_id=new_id(),
            remote_ip=client_ip,
            direct_loopback=direct and is_loopback(peer_ip),
            origin=origin,
            own_origin=own,
            secure=policy.scheme == "https",
            path=path,
            base_url=f"{_scheme(policy, headers, direct=direct)}://{host}",
        )


def _scheme(policy: OriginPolicy, headers: Headers, *, direct: bool) -> str:
    """What the client used; only a configured proxy may say that it was another than ours."""
    told = headers.get("X-Forwarded-Proto", "")
    return told if not direct and told in {"http", "https"} else policy.scheme


def _lengthen_queue(server: asyncio.Server) -> None:
    """The event loop has one number for the system's queue and for what a turn takes of it; these differ."""
    for listening in server.sockets:
        with socket.socket(fileno=os.dup(listening.fileno())) as same:
            same.listen(ACCEPT_QUEUE)


def _socket(gate: Gate, **_: object) -> Socket:
    """What uvicorn calls to make the protocol of an upgraded connection."""
    return Socket(gate)


def _headers(pairs: Iterable[tuple[bytes, bytes]]) -> Headers:
    try:
        return Headers((name.decode("latin-1"), value.decode("latin-1")) for name, value in pairs)
    except InvalidHandshake as error:
        raise RequestRefused(400, "invalid_header", "a header holds control characters") from error


def _only(headers: Headers, name: str) -> str | None:
    """The value of a header that decides who gets in, and so must have no second reading."""
    values = headers.get_all(name)
    if len(values) > 1:
        raise RequestRefused(400, "duplicate_header", f"{name} is given more than once")
    return values[0] if values else None


def _refusal(refused: RequestRefused) -> Response:
    body = refused.body()
    headers = Headers(
        {"Content-Type": "application/json", "Content-Length": str(len(body)), "Connection": "close"}
    )
    return Response(refused.status, "Refused", headers, body)


async def _send_refusal(refused: RequestRefused, send: Send) -> None:
    body = refused.body()
    await send(
        {
            "type": "http.response.start",
            "status": refused.status,
            "headers": [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())],
        }
    )
    await send({"type": "http.response.body", "body": body})
