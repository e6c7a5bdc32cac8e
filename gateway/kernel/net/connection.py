"""One WebSocket connection: challenge, admission, then requests in and responses and events out."""

import asyncio
import logging
from typing import Final

import msgspec

from gateway.kernel.bus import Bus
from gateway.kernel.clock import Clock
from gateway.kernel.log import printable
from gateway.kernel.net.doorman import Doorman
from gateway.kernel.net.facts import ConnectionClosed, ConnectionOpened
from gateway.kernel.net.hello import HelloComposer
from gateway.kernel.net.hub import RESUME_CAP, Hub
from gateway.kernel.net.outbox import Outbox, Pending
from gateway.kernel.net.websocket import Socket
from gateway.kernel.ports import Admission, Admitted
from gateway.kernel.rpc.context import PeerFacts, Principal
from gateway.kernel.rpc.dispatch import Dispatcher
from gateway.kernel.supervisor import Supervisor
from protocol.connect import HelloOk
from protocol.errors import GatewayError, InvalidRequest, Overloaded, Unavailable
from protocol.events.connection import EventGap
from protocol.frames import decode_request, encode_failure, encode_result
from protocol.handshake import ConnectAttempt, HandshakeRefused, ServerHandshake
from protocol.ids import new_id
from protocol.limits import HANDSHAKE_TIMEOUT_MS, MAX_ID_CHARS, MAX_PAYLOAD_BYTES

POLICY_VIOLATION: Final = 1008

INTERNAL_ERROR: Final = 1011
"""Source: RFC 6455, section 7.4.1."""

TRY_AGAIN_LATER: Final = 1013
"""Source: IANA WebSocket close code registry."""

ORDINARY_ENDS: Final = frozenset({1000, 1001, 1005, 1006, 1012})
"""Close codes of clients that went away and of our own stop. Source: RFC 6455, section 7.4.1."""

logger = logging.getLogger(__name__)

_encode = msgspec.json.Encoder().encode


class Reception(msgspec.Struct, frozen=True):
    """What every connection needs from the gateway."""

    hub: Hub
    dispatcher: Dispatcher
    admission: Admission
    hello: HelloComposer
    doorman: Doorman
    tasks: Supervisor
    bus: Bus
    clock: Clock


class Connection:
    """The server side of one client."""

    principal: Principal

    def __init__(self, peer: PeerFacts, reception: Reception) -> None:
        self.peer = peer
        self.in_flight = 0
        self.resumable = False
        self._reception = reception
        self._handshake: ServerHandshake | None = ServerHandshake(new_id(), reception.clock.now_ms())
        self._admitted = False
        self._closing = False
        self._socket: Socket
        self._outbox: Outbox
        self._deadline: asyncio.TimerHandle | None = None

    # What the socket reports

    def on_open(self, socket: Socket) -> None:
        """Send the challenge and start the handshake deadline."""
        self._take(socket)
        if self._handshake is not None:
            socket.send(self._handshake.challenge())

    def _take(self, socket: Socket) -> None:
        self._socket = socket
        self._outbox = Outbox(self._write, lambda: socket.writable, self._overflow)
        self._reception.doorman.enter(self)
        self._deadline = asyncio.get_running_loop().call_later(
            HANDSHAKE_TIMEOUT_MS / 1000, self.turn_away, POLICY_VIOLATION, "handshake timeout"
        )

    def _write(self, frame: bytes) -> None:
        self._socket.send(frame)

    def on_unknown(self, size: int) -> None:
        """A stranger has sent so much of a frame that is not complete."""
        self._reception.doorman.holds(self, size)

    def on_text(self, data: bytes) -> None:
        """A frame: the connect request first, any other request once admitted."""
        if self._closing:
            return
        if self._admitted:
            self._request(data)
        elif self._handshake is None:
            self.close(POLICY_VIOLATION, "no request is accepted before hello-ok")
        else:
            handshake, self._handshake = self._handshake, None
            self._begin(handshake, data)

    def on_writable(self) -> None:
        """The peer caught up."""
        self._outbox.drain()

    def on_closed(self, code: int, reason: str) -> None:
        """The socket is gone."""
        self._leave()
        self._reception.doorman.leave(self)
        self._outbox.close()
        if self._admitted:
            self._admitted = False
            level = logging.DEBUG if code in ORDINARY_ENDS else logging.INFO
            logger.log(level, "%s closed: %d %s", self.principal.client.id, code, printable(reason))
            self._reception.bus.publish(ConnectionClosed(self.principal, code, reason))

    # What the hub and the dispatcher use

    @property
    def lagging(self) -> bool:
        """Whether output waits for this peer."""
        return self._outbox.lagging

    def deliver(self, pending: Pending) -> None:
        """Queue one event."""
        self._outbox.publish(pending)

    def reply(self, frame: bytes) -> None:
        """Queue one response."""
        self._outbox.send(frame)

    def close(self, code: int, reason: str) -> None:
        """Stop listening to this peer at once, tell it why, and hang up."""
        self._closing = True
        self._leave()
        self._outbox.close()
        self._socket.close(code, reason)

    def turn_away(self, code: int, reason: str) -> None:
        """As `close`, without waiting for the peer to agree."""
        self.close(code, reason)
        self._socket.drop()

    # Handshake

    def _begin(self, handshake: ServerHandshake, data: bytes) -> None:
        try:
            attempt = handshake.receive(data)
        except HandshakeRefused as refusal:
            self._refuse(refusal.request_id, refusal.error, refusal.close_code)
            return
        self._admit_soon(attempt)

    def _admit_soon(self, attempt: ConnectAttempt) -> None:
        self._handshake = None
        self._reception.tasks.spawn("connect", self._admit(attempt))

    async def _admit(self, attempt: ConnectAttempt) -> None:
        try:
            urls = await self._reception.hello.surfaces(attempt.params)
            # The last thing that is waited for: what is withdrawn later finds this connection in the hub.
            admitted = await self._reception.admission.admit(attempt.params, self.peer)
            if self._reception.hub.full and not self.peer.local_user:
                raise Overloaded("this gateway has as many connections as it takes; try again later")
            if not self._closing and self._socket.open:
                self._enter(attempt, admitted, urls(admitted.principal, self.peer))
        except Overloaded as error:
            self._refuse(attempt.request_id, error, TRY_AGAIN_LATER)
        except GatewayError as error:
            self._refuse(attempt.request_id, error, POLICY_VIOLATION)
        except Exception:  # the supervisor logs it; the client need not wait for a timeout
            self._refuse(attempt.request_id, Unavailable(_DEFECT), INTERNAL_ERROR)
            raise

    def _enter(self, attempt: ConnectAttempt, admitted: Admitted, surfaces: dict[str, str] | None) -> None:
        reception = self._reception
        self.principal = admitted.principal
        self.resumable = RESUME_CAP in admitted.principal.caps
        resume = attempt.params.resume if self.resumable else None
        hello = reception.hello.compose(
            admitted, attempt.protocol, resume, resumable=self.resumable, surfaces=surfaces
        )
        self._admitted = True
        self._stop_deadline()
        reception.doorman.leave(self)
        self._socket.set_max_bytes(MAX_PAYLOAD_BYTES)
        self._greet(attempt.request_id, hello)
        reception.hub.join(self, resume)
        if resume is not None and hello.resume is not None and not hello.resume.resumed:
            gap = EventGap(after=resume.cursor, cursor=hello.resume.cursor)
            reception.hub.send(admitted.principal.conn_id, gap)
        reception.bus.publish(ConnectionOpened(admitted.principal, attempt.params))
        self._entered()

    def _entered(self) -> None:
        """For a dialect that has something to do now."""

    def _greet(self, request_id: str, hello: HelloOk) -> None:
        self.reply(encode_result(request_id, _encode(hello)))

    def _refuse(self, request_id: str | None, error: GatewayError, code: int) -> None:
        if self._closing:
            return
        if request_id is not None:
            self.reply(encode_failure(request_id, error.shape()))
        pending = error.details.get("requestId")
        self.close(code, error.message if pending is None else f"{error.message} (requestId: {pending})")

    # Requests

    def _request(self, data: bytes) -> None:
        try:
            request = decode_request(data)
        except InvalidRequest as error:
            self.reply(encode_failure(_salvaged_id(data), error.shape()))
            return
        if request.method == "connect":
            self.close(POLICY_VIOLATION, "connect is only valid as the first request")
            return
        self._reception.dispatcher.dispatch(self, request)

    # Ending

    def _overflow(self, reason: str) -> None:
        self.close(POLICY_VIOLATION, reason)

    def _leave(self) -> None:
        self._stop_deadline()
        if self._admitted:
            self._reception.hub.leave(self.principal.conn_id)

    def _stop_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


_DEFECT: Final = "connect failed inside the gateway; `homarus logs` has the details"


class _IdOnly(msgspec.Struct):
    id: str = "invalid"  # typed, so that a large wrong id is not built first


def _salvaged_id(data: bytes) -> str:
    """The request id of a frame that is otherwise unusable, so that its sender can tell which one failed."""
    try:
        found = msgspec.json.decode(data, type=_IdOnly).id
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return "invalid"
    return found if 0 < len(found) <= MAX_ID_CHARS else "invalid"
