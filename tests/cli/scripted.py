"""A gateway that follows a script, for what a real one does too rarely to wait for.

The wire is real: a WebSocket server on a port of its own, frames written by hand.
"""

import contextlib
import itertools
import json
import threading
from collections.abc import Callable, Generator
from typing import Any

from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, serve

from gateway.cli.reach import Address, Reach
from gateway.kernel.home import Home
from tests.support.wire import Json

HELLO: Json = {
    "type": "hello-ok",
    "protocol": 4,
    "server": {"version": "1", "bootId": "b", "connId": "c"},
    "features": {"methods": [], "events": [], "capabilities": []},
    "snapshot": {
        "suspension": {"phase": "accepting"},
        "presence": [],
        "health": {},
        "stateVersion": {"presence": 0, "health": 0},
        "uptimeMs": 1,
    },
    "auth": {"method": "token", "role": "operator", "scopes": ["operator.admin"]},
    "policy": {
        "maxPayload": 1 << 20,
        "maxBufferedBytes": 1 << 20,
        "tickIntervalMs": 30000,
        "attachments": {"maxBytes": 1, "maxImageBytes": 1},
    },
}


class Peer:
    """One connection, as the script sees it."""

    def __init__(self, socket: ServerConnection) -> None:
        self._socket = socket
        self._seq = itertools.count(1)

    def send(self, frame: Json) -> None:
        """Send one frame."""
        self._socket.send(json.dumps(frame))

    def request(self, method: str) -> Json:
        """The next request, which must be for `method`."""
        frame: Json = json.loads(self._socket.recv())
        assert frame["method"] == method, frame
        return frame

    def answer(self, request: Json, payload: Any) -> None:
        """Answer a request with a result."""
        self.send({"type": "res", "id": request["id"], "ok": True, "payload": payload})

    def refuse(self, request: Json, **error: Any) -> None:
        """Answer a request with an error."""
        self.send({"type": "res", "id": request["id"], "ok": False, "error": error})

    def chat(self, run_id: str, state: str, text: str | None = None, **more: Any) -> None:
        """A `chat` event."""
        payload: Json = {"runId": run_id, "sessionKey": "agent:main:main", "agentId": "main"}
        payload |= {"seq": 1, "state": state, **more}
        if text is not None:
            content = [{"type": "text", "text": text}]
            payload["message"] = {"role": "assistant", "content": content, "timestamp": 1}
        self.send({"type": "event", "event": "chat", "payload": payload, "seq": next(self._seq)})

    def wait_for_end(self) -> None:
        """Wait until the client hangs up."""
        with contextlib.suppress(ConnectionClosed):
            self._socket.recv()

    def challenge(self) -> None:
        """The first frame of every connection."""
        payload: Json = {"nonce": "n", "ts": 1, "capabilities": []}
        self.send({"type": "event", "event": "connect.challenge", "payload": payload})

    def welcome(self) -> None:
        """The whole handshake."""
        self.challenge()
        self.answer(self.request("connect"), HELLO)


@contextlib.contextmanager
def gateway(*scripts: Callable[[Peer], None]) -> Generator[Reach]:
    """A server that plays one script per connection, in order; how to reach it.

    Raises:
        AssertionError: when a script did not come to its end.
    """
    waiting = list(scripts)
    faults: list[BaseException] = []

    def handle(socket: ServerConnection) -> None:
        try:
            waiting.pop(0)(Peer(socket))
        except (ConnectionClosed, AssertionError, IndexError) as fault:
            faults.append(fault)

    with serve(handle, "127.0.0.1", 0) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        port = server.socket.getsockname()[1]
        try:
            yield Reach(
                home=Home.locate("/nonexistent"),
                address=Address.parse(f"ws://127.0.0.1:{port}"),
                secret="a-token",
                timeout_s=10.0,
            )
        finally:
            server.shutdown()
            thread.join()
    assert not faults, faults
    assert not waiting, f"{len(waiting)} scripts were not played"
