"""A connection that was let in: calls and their answers, and the events in between."""

import argparse
import sys
import time
from collections import deque
from types import TracebackType
from typing import Any, Final, Generic, Self, TypeVar

import msgspec

from gateway.cli.failure import CommandFailed, Denied, Misused, NotRunning
from gateway.cli.link import Link
from gateway.cli.output import one_line
from gateway.cli.reach import Reach
from protocol.connect import ClientInfo, ConnectAuth, ConnectParams, HelloOk
from protocol.errors import GatewayError, JsonValue
from protocol.handshake import ClientHandshake, ConnectRefused
from protocol.method import METHODS, Call
from protocol.peer import Answered, ClientPeer, Happened, Pending, RemoteError
from protocol.scopes import Scope
from protocol.signature import DeviceIdentity
from protocol.version import MIN_PROTOCOL_VERSION, PROTOCOL_VERSION, RELEASE

R = TypeVar("R")

KEY_FILE: Final = "cli-device.key"
"""In `keys/`: who this command line is to gateways on other machines."""

DENIED_CODES: Final = frozenset({"FORBIDDEN", "NOT_PAIRED", "MISSING_SCOPE"})
"""Wire codes that mean: you may not."""


class Answer(Generic[R]):
    """The result of a call: `raw` as it came, `value` decoded when somebody looks."""

    __slots__ = ("_kind", "raw")

    def __init__(self, raw: JsonValue, kind: Any) -> None:
        self.raw = raw
        self._kind = kind

    @property
    def value(self) -> R:
        """The declared result.

        Raises:
            CommandFailed: when the gateway answered something else.
        """
        try:
            return msgspec.json.decode(msgspec.json.encode(self.raw), type=self._kind)
        except msgspec.MsgspecError as error:
            raise CommandFailed(
                f"the gateway's answer is not what was agreed: {error}",
                "use --json, or update the older side",
            ) from error


class Client:
    """An admitted connection. Use it as a context manager."""

    def __init__(self, link: Link, hello: HelloOk, timeout_s: float) -> None:
        self._link = link
        self._timeout_s = timeout_s
        self._peer = ClientPeer(_now_ms(), hello.policy.tick_interval_ms)
        self._later: deque[Happened] = deque()
        self.hello = hello

    @classmethod
    def connect(cls, reach: Reach) -> "Client":
        """Connect and be admitted.

        Raises:
            NotRunning: when no gateway answers.
            Denied: when it does not let us in.
        """
        link = _open(reach)
        try:
            return cls(link, _shake_hands(link, reach), reach.timeout_s)
        except BaseException:
            link.close()
            raise

    def __enter__(self) -> Self:
        """Nothing more to do."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Hang up."""
        self._link.close()

    @property
    def link(self) -> Link:
        """The socket below."""
        return self._link

    def ask(self, call: Call[R], timeout_s: float | None = None) -> Answer[R]:
        """Make a declared call and wait for its answer; `timeout_s` in place of the usual patience.

        Raises:
            CommandFailed: when the gateway answers with an error, or not in time.
        """
        declared = METHODS[call.wire_name]
        # Over JSON, because some parameters are JSON of somebody else's.
        params: JsonValue = msgspec.json.decode(msgspec.json.encode(call))
        raw = self.ask_raw(declared.name, params, timeout_s)
        return Answer(raw, declared.result)

    def ask_raw(
        self, method: str, params: JsonValue, timeout_s: float | None = None, *, final: bool = False
    ) -> JsonValue:
        """Call a method known only by name; with `final`, wait for the second answer of one that has two.

        Raises:
            CommandFailed: as for `ask`.
        """
        pending = self.send(method, params, timeout_s)
        while True:
            item = self.next(None)
            if isinstance(item, Happened):
                self._later.append(item)
            elif item is not None and item.request is pending:
                if item.error is not None:
                    raise failed(method, item.error)
                if not final or not _is_accepted(item.value):
                    return item.value
                self._peer.expect_again(pending, pending.deadline_ms)

    def send(self, method: str, params: JsonValue, timeout_s: float | None = None) -> Pending[JsonValue]:
        """Send a request without waiting; `next` returns its answer."""
        patience_ms = int((timeout_s or self._timeout_s) * 1000)
        pending, frame = self._peer.raw_request(method, params, _now_ms(), patience_ms)
        self._link.send(frame)
        return pending

    def happened(self) -> Happened | None:
        """An event that came while `ask` waited, oldest first."""
        return self._later.popleft() if self._later else None

    def next(self, timeout_s: float | None, wake: int | None = None) -> Answered | Happened | None:
        """What the gateway says next; `None` when nothing came in time, or `wake` became readable.

        Raises:
            CommandFailed: when the connection ended, or was silent for too long.
        """
        until_ms = None if timeout_s is None else _now_ms() + int(timeout_s * 1000)
        while True:
            now_ms = _now_ms()
            for late in self._peer.expire(now_ms):
                return late
            if self._peer.silent(now_ms):
                raise NotRunning("the gateway has fallen silent", "look at `homarus logs`")
            deadline_ms = self._peer.next_deadline_ms() + 1
            if until_ms is not None:
                deadline_ms = min(deadline_ms, until_ms)
            message = self._link.receive(max(deadline_ms - now_ms, 0) / 1000, wake)
            if message is not None:
                item = self._receive(message)
                if item is not None:
                    return item
            elif wake is not None or (until_ms is not None and _now_ms() >= until_ms):
                return None

    def _receive(self, message: bytes) -> Answered | Happened | None:
        try:
            return self._peer.receive(message, _now_ms())
        except GatewayError as error:
            raise CommandFailed(one_line(error.message, 300), "update the older side") from error


def connect(options: argparse.Namespace) -> Client:
    """The connection a command line asks for; see `Client.connect`."""
    return Client.connect(Reach.of(options))


def failed(method: str, error: GatewayError) -> CommandFailed:
    """A failed call as the end of a command."""
    message = one_line(error.message, 500)
    if not isinstance(error, RemoteError):
        return CommandFailed(message, "look at `homarus logs`, or use --timeout")
    if message.startswith("unknown method"):
        return CommandFailed(f"this gateway has no {method}", "check the name, or update the gateway")
    if error.wire_code in DENIED_CODES:
        return Denied(message, "ask the gateway's owner for that right")
    if error.retryable:
        return CommandFailed(message, "try again in a moment")
    return CommandFailed(message, _advice(error))


def _is_accepted(answer: JsonValue) -> bool:
    """Whether an answer announces another one on the same request."""
    return isinstance(answer, dict) and answer.get("status") == "accepted"


def _advice(error: RemoteError) -> str:
    if error.wire_code == "INVALID_REQUEST":
        return "correct that and try again"
    return "`homarus logs` has the details"


def _open(reach: Reach) -> Link:
    address = reach.address
    if address is None:
        return Link.open_local(reach.home.socket_path, reach.timeout_s)
    if not (address.secure or address.loopback or reach.insecure):
        raise Misused(
            f"{address} would carry the token unencrypted", "use wss://, or --insecure on a network you trust"
        )
    return Link.open_remote(address, reach.timeout_s, reach.fingerprint)


def _shake_hands(link: Link, reach: Reach) -> HelloOk:
    handshake = ClientHandshake(_params(reach), device_identity(reach))
    deadline = time.monotonic() + reach.timeout_s
    while True:
        message = link.receive(deadline - time.monotonic())
        if message is None:
            raise NotRunning("the gateway does not answer", "look at `homarus logs`, or restart it")
        try:
            answer = handshake.receive(message)
        except ConnectRefused as refused:
            raise _refused(refused, reach) from refused
        except GatewayError as error:
            raise NotRunning("what answers there is no gateway", "check the address") from error
        if isinstance(answer, bytes):
            link.send(answer)
        elif answer is not None:
            return answer


def _params(reach: Reach) -> ConnectParams:
    return ConnectParams(
        min_protocol=MIN_PROTOCOL_VERSION,
        max_protocol=PROTOCOL_VERSION,
        client=ClientInfo(
            id="homarus-cli", version=RELEASE, platform=sys.platform, mode="cli", display_name="homarus"
        ),
        scopes=(Scope.ADMIN,),
        auth=ConnectAuth(token=reach.secret, password=reach.secret) if reach.secret else None,
    )


def device_identity(reach: Reach) -> DeviceIdentity | None:
    """The key that gateways on other machines pair, made on first use; on this machine the owner needs none.

    Raises:
        CommandFailed: when the stored key is damaged.
    """
    if reach.address is None or reach.address.loopback:
        return None
    from gateway.kernel.store.files import private_dir, private_file

    path = reach.home.keys_dir / KEY_FILE
    if path.exists():
        try:
            return DeviceIdentity(path.read_bytes())
        except ValueError as error:
            raise CommandFailed(f"{path} is damaged", "remove it; the device is then paired anew") from error
    identity = DeviceIdentity.generate()
    private_dir(path.parent)
    private_file(path)
    path.write_bytes(identity.private_bytes())
    return identity


def _refused(refused: ConnectRefused, reach: Reach) -> CommandFailed:
    message = one_line(refused.message, 300)
    detail = refused.detail_code or ""
    if reach.secret is None and reach.address is not None and reach.address.loopback:
        return Denied(f"{reach} wants a token", "pass it with --token or HOMARUS_TOKEN")
    if refused.code == "NOT_PAIRED" or detail.startswith("PAIRING"):
        request = refused.details.get("requestId")
        approve = (
            f"`homarus devices approve {one_line(str(request))}`" if request else "`homarus devices list`"
        )
        return Denied(
            f"{reach} does not know this device yet", f"approve it on the gateway's machine: {approve}"
        )
    if detail == "AUTH_RATE_LIMITED":
        return Denied(message, "wait, or run `homarus devices repair` on the gateway's machine")
    if detail.startswith("AUTH"):
        return Denied(message, "pass the gateway's token with --token or HOMARUS_TOKEN")
    if refused.retryable:
        return NotRunning(message, "try again in a moment")
    return Denied(message, "look at the gateway's `homarus logs`")


def _now_ms() -> int:
    """Milliseconds of the monotonic clock, which is what deadlines need."""
    return int(time.monotonic() * 1000)
