"""One WebSocket over a plain blocking socket: no event loop, so that a short command starts at once."""

import hashlib
import select
import socket
import time
from pathlib import Path
from typing import Final

from websockets.client import ClientProtocol
from websockets.exceptions import InvalidStatus
from websockets.frames import Frame, Opcode
from websockets.protocol import State
from websockets.uri import WebSocketURI

from gateway.cli.failure import CommandFailed, Denied, NotRunning
from gateway.cli.output import one_line
from gateway.cli.reach import Address
from gateway.kernel.net.local_socket import short_socket_path
from protocol.limits import MAX_PAYLOAD_BYTES

READ_BYTES: Final = 64 * 1024

MAX_FRAME_BYTES: Final = MAX_PAYLOAD_BYTES + 64 * 1024
"""The gateway keeps to its own limit; the envelope comes on top."""

GOODBYE_S: Final = 0.5
"""How long to wait for the other side's half of a closing handshake."""

ABNORMAL: Final = 1006
"""Stands for an end without a close frame. Source: RFC 6455, section 7.4.1."""

START_HINT: Final = "start it with `homarus gateway run`"


class Disconnected(CommandFailed):
    """The connection ended while something was expected of it."""

    def __init__(self, code: int, reason: str) -> None:
        self.code = code
        said = f" ({code} {one_line(reason)})" if reason else f" ({code})"
        super().__init__(f"the gateway closed the connection{said}", "try again")


class Link:
    """An open WebSocket. One thread at a time may use it."""

    def __init__(self, stream: socket.socket, uri: WebSocketURI, timeout_s: float) -> None:
        """Upgrade a connected socket.

        Raises:
            NotRunning: when what is there does not answer, or not as a gateway.
            Denied: when it refuses this client as such.
        """
        self._socket = stream
        self._protocol = ClientProtocol(uri, max_size=MAX_FRAME_BYTES)
        self._fragments: list[bytes] = []
        self._messages: list[bytes] = []
        self._hung_up = False
        self._protocol.send_request(self._protocol.connect())
        self._flush()
        deadline = time.monotonic() + timeout_s
        while self._protocol.state is State.CONNECTING and self._protocol.handshake_exc is None:
            if not self._read(deadline - time.monotonic(), None):
                raise NotRunning("the gateway does not answer", "look at `homarus logs`, or restart it")
        if self._protocol.handshake_exc is not None:
            raise _refusal(self._protocol.handshake_exc)

    @classmethod
    def open_local(cls, path: Path, timeout_s: float) -> "Link":
        """Connect to a gateway of this machine's user.

        Raises:
            NotRunning: when none listens there.
        """
        stream = socket.socket(socket.AF_UNIX)
        stream.settimeout(timeout_s)
        try:
            with short_socket_path(path) as address:
                stream.connect(address)
        except (FileNotFoundError, ConnectionRefusedError, NotADirectoryError):
            stream.close()
            raise NotRunning(f"no gateway runs with {path.parent}", START_HINT) from None
        except OSError as error:
            stream.close()
            raise NotRunning(
                f"{path} cannot be opened: {error.strerror or error}", "use --home or --url"
            ) from error
        return cls._upgraded(stream, WebSocketURI(False, "localhost", 80, "/", ""), timeout_s)

    @classmethod
    def open_remote(cls, address: Address, timeout_s: float, fingerprint: str | None = None) -> "Link":
        """Connect to a gateway on the network; the certificate is checked before anything is said.

        Raises:
            NotRunning: when none answers there.
            Denied: when its certificate is not the expected one.
        """
        try:
            stream = socket.create_connection((address.host, address.port), timeout_s)
        except OSError as error:
            reason = error.strerror or error
            raise NotRunning(
                f"no gateway answers at {address}: {reason}", "check the address and the firewall"
            ) from error
        if address.secure:
            stream = _encrypted(stream, address, fingerprint)
        uri = WebSocketURI(address.secure, address.host, address.port, address.path, "")
        return cls._upgraded(stream, uri, timeout_s)

    @classmethod
    def _upgraded(cls, stream: socket.socket, uri: WebSocketURI, timeout_s: float) -> "Link":
        try:
            return cls(stream, uri, timeout_s)
        except BaseException:
            stream.close()
            raise

    @property
    def socket(self) -> socket.socket:
        """The socket below, for its facts; reading it is this object's business."""
        return self._socket

    def send(self, message: bytes) -> None:
        """Send one text message.

        Raises:
            Disconnected: when the connection is no more.
        """
        if self._hung_up or self._protocol.state is not State.OPEN:
            raise self._ended()
        self._protocol.send_text(message)
        self._flush()

    def receive(self, timeout_s: float | None, wake: int | None = None) -> bytes | None:
        """The next message; `None` when `timeout_s` passed, or when the descriptor `wake` became readable.

        Raises:
            Disconnected: when the connection ended and everything before that was delivered.
        """
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        while not self._messages:
            if self._hung_up or self._protocol.state is State.CLOSED or self._protocol.close_rcvd:
                raise self._ended()
            left_s = None if deadline is None else deadline - time.monotonic()
            if not self._read(left_s, wake):
                return None
        return self._messages.pop(0)

    def close(self) -> None:
        """Say goodbye and hang up; never fails, and doing it twice is fine."""
        try:
            if self._protocol.state is State.OPEN and not self._hung_up:
                self._protocol.send_close(1000)
                self._flush()
                deadline = time.monotonic() + GOODBYE_S
                while not self._protocol.close_rcvd and self._read(deadline - time.monotonic(), None):
                    pass
        except (OSError, Disconnected):
            # It is gone already, which is what was wanted.
            pass
        finally:
            self._hung_up = True
            self._socket.close()

    def _read(self, timeout_s: float | None, wake: int | None) -> bool:
        """Wait for bytes and take them in; False when there were none in time, or `wake` came first."""
        if not self._readable(timeout_s, wake):
            return False
        try:
            data = self._socket.recv(READ_BYTES)
        except ConnectionError:
            data = b""
        except TimeoutError:  # of a TLS record that stopped in its middle
            return False
        if data:
            self._protocol.receive_data(data)
        else:
            self._protocol.receive_eof()
        for event in self._protocol.events_received():
            if isinstance(event, Frame):
                self._take(event)
        self._flush()
        return True

    def _readable(self, timeout_s: float | None, wake: int | None) -> bool:
        pending = getattr(self._socket, "pending", None)  # decrypted bytes that select cannot see
        if pending is not None and pending():
            return True
        watched: list[socket.socket | int] = [self._socket] if wake is None else [self._socket, wake]
        patience_s = None if timeout_s is None else max(timeout_s, 0)
        readable = select.select(watched, [], [], patience_s)[0]
        return self._socket in readable and (wake is None or wake not in readable)

    def _take(self, frame: Frame) -> None:
        if frame.opcode not in {Opcode.TEXT, Opcode.CONT}:
            return
        self._fragments.append(bytes(frame.data))
        if frame.fin:
            self._messages.append(b"".join(self._fragments))
            self._fragments.clear()

    def _flush(self) -> None:
        for data in self._protocol.data_to_send():
            try:
                if data:
                    self._socket.sendall(data)
                else:
                    self._socket.shutdown(socket.SHUT_WR)
            except OSError:
                # What the other side said last may still be waiting to be read; reading tells of the end.
                return

    def _ended(self) -> Disconnected:
        close = self._protocol.close_rcvd
        return Disconnected(ABNORMAL, "") if close is None else Disconnected(int(close.code), close.reason)


def _encrypted(stream: socket.socket, address: Address, fingerprint: str | None) -> socket.socket:
    """TLS over `stream`, with the certificate of `fingerprint` or one this machine trusts."""
    import ssl

    context = ssl.create_default_context()
    if fingerprint is not None:
        # The fingerprint says more than any authority could; names and issuers no longer matter.
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    try:
        secured = context.wrap_socket(stream, server_hostname=address.host)
    except ssl.SSLCertVerificationError as error:
        raise Denied(
            f"the certificate of {address} is not trusted: {error.verify_message}",
            "pass --tls-fingerprint with what the gateway printed at its start",
        ) from error
    except OSError as error:
        raise NotRunning(f"no TLS at {address}: {error}", "use ws:// if it has none") from error
    found = hashlib.sha256(secured.getpeercert(binary_form=True) or b"").hexdigest()
    if fingerprint is not None and found != fingerprint:
        secured.close()
        raise Denied(
            f"{address} has another certificate, with SHA-256 {found}",
            "compare it with what the gateway printed; if it was renewed, pass the new one",
        )
    return secured


def _refusal(problem: Exception) -> CommandFailed:
    if not isinstance(problem, InvalidStatus):
        return NotRunning("what answers there is no gateway", "check the address")
    status = problem.response.status_code
    said = _reason(bytes(problem.response.body or b""))
    if status in {401, 403, 421}:
        return Denied(f"the gateway refused the connection: {said}", "use one of the names it knows")
    return NotRunning(f"what answers there is no gateway (HTTP {status})", "check the address")


def _reason(body: bytes) -> str:
    import msgspec

    try:
        return one_line(str(msgspec.json.decode(body)["error"]["message"]), 200)
    except (msgspec.DecodeError, LookupError, TypeError):
        return "no reason given"
