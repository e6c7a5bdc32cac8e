"""A connection that speaks the flat dialect, authenticated by its upgrade request."""

import re
from typing import Final

from gateway.kernel.net.connection import POLICY_VIOLATION, Connection, Reception
from gateway.kernel.net.websocket import Socket
from gateway.kernel.rpc.context import PeerFacts
from protocol.connect import ClientInfo, ConnectAuth, ConnectParams, HelloOk
from protocol.errors import InvalidRequest
from protocol.flat import FlatDialect
from protocol.handshake import ConnectAttempt
from protocol.limits import MAX_PREAUTH_BYTES
from protocol.scopes import Role, Scope
from protocol.version import PROTOCOL_VERSION

_PATH: Final = re.compile(r"/v1/agents/([A-Za-z0-9._-]{1,64})/stream")

_SCOPES: Final = (Scope.READ, Scope.WRITE)
"""What a flat client asks for: to talk and to look. It never administrates."""


def flat_agent(path: str) -> str | None:
    """The agent of a flat endpoint, or `None` when the path is not one."""
    match = _PATH.fullmatch(path.partition("?")[0])
    return match[1] if match is not None else None


class FlatConnection(Connection):
    """Admits by bearer token at once, then translates every message both ways."""

    def __init__(self, peer: PeerFacts, reception: Reception, agent_id: str, bearer: str | None) -> None:
        super().__init__(peer, reception)
        self._dialect = FlatDialect(agent_id)
        self._bearer = bearer
        self._early: list[bytes] = []

    def on_open(self, socket: Socket) -> None:
        """Admit without a challenge: the credential came with the upgrade."""
        self._take(socket)
        params = ConnectParams(
            min_protocol=PROTOCOL_VERSION,
            max_protocol=PROTOCOL_VERSION,
            client=ClientInfo(id="gateway-client", version="flat", platform="flat", mode="backend"),
            scopes=_SCOPES,
            auth=ConnectAuth(token=self._bearer) if self._bearer else None,
        )
        self._admit_soon(
            ConnectAttempt(
                request_id="connect", params=params, role=Role.OPERATOR, protocol=PROTOCOL_VERSION, proof=None
            )
        )

    def on_text(self, data: bytes) -> None:
        """Translate a message into a request; what is said before the acknowledgement waits for it."""
        if not self._admitted and not self._closing:
            self._wait_with(data)
            return
        try:
            frame = self._dialect.request(data)
        except InvalidRequest as error:
            self._socket.send(self._dialect.refusal(error.shape()))
            return
        if frame is None:
            self._socket.send(self._dialect.pong())
        else:
            super().on_text(frame)

    def _wait_with(self, data: bytes) -> None:
        self._early.append(data)
        if sum(map(len, self._early)) > MAX_PREAUTH_BYTES:
            self.turn_away(POLICY_VIOLATION, "too much was sent before session.ack")

    def _entered(self) -> None:
        early, self._early = self._early, []
        for data in early:
            self.on_text(data)

    def _greet(self, request_id: str, hello: HelloOk) -> None:  # noqa: ARG002 - nothing was asked
        self._socket.send(self._dialect.ack(hello.features.capabilities, hello.features.methods))

    def _write(self, frame: bytes) -> None:
        message = self._dialect.message(frame)
        if message is not None:
            self._socket.send(message)
