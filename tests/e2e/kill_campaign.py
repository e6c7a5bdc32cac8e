"""A campaign of kills: clients that chat and come back, an executioner, and the books that judge afterwards.

Three clients send messages with idempotency keys and repeat what was not acknowledged. Whatever the gateway
acknowledges is written to an append-only file outside the gateway before the client goes on. One client talks
to an agent whose answer is a real effect: a program that appends a line to a file, so that a run done twice
is seen.
"""

import asyncio
import json
import random
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from websockets.exceptions import WebSocketException

from tests.support.daemon import Daemon
from tests.support.wire import Closed, RpcError, WireClient

Json = dict[str, Any]  # wire objects, unchecked

CLIENTS = ("ada", "bob", "cleo")

# The program of agent `clerk`: takes the message on stdin and appends it to the file named by its argument.
CLERK = (
    "import sys; text = sys.stdin.read(); open(sys.argv[1], 'a').write(text.strip() + '\\n'); print('noted')"
)

MAX_UNANSWERED = 6
"""Messages a client sends before it waits for an answer; several wait in the queue when the kill comes."""


def config(effects: Path) -> str:
    """`homarus.toml` with the clerk."""
    argv = json.dumps([sys.executable, "-c", CLERK, str(effects)])
    return f'[agents.entries.clerk]\nruntime = "command"\nargv = {argv}\n'


@dataclass
class Books:
    """What happened, written outside the gateway."""

    log: Path
    acknowledged: dict[str, str] = field(default_factory=dict[str, str])
    """Run id to session key."""
    repeats: int = 0
    """Acknowledgements of messages that had been accepted before."""

    def acknowledge(self, run_id: str, session_key: str, status: str) -> None:
        """A client was told that a message is safe."""
        with self.log.open("a", encoding="utf-8") as log:
            log.write(f"{run_id} {session_key} {status}\n")
        self.acknowledged[run_id] = session_key
        self.repeats += status not in {"started", "accepted"}


class Talker:
    """One client: sends, repeats until acknowledged, waits now and then, comes back after a kill."""

    def __init__(self, name: str, daemon: Daemon, books: Books, seed: int) -> None:
        self.name = name
        self.session_key = f"agent:{'clerk' if name == 'cleo' else 'main'}:{name}"
        self._daemon = daemon
        self._books = books
        self._rng = random.Random(f"{seed} {name}")
        self._sent = 0
        self._client: WireClient | None = None

    async def talk(self, until: asyncio.Event) -> None:
        """Send messages until told to stop."""
        while not until.is_set():
            run_id = f"{self.name}-{self._sent:05d}"
            self._sent += 1
            await self._deliver(run_id)
            if self._sent % MAX_UNANSWERED == 0:
                await self._answered(run_id)
            await asyncio.sleep(self._rng.random() * 0.005)
        if self._client is not None:
            await self._client.abort()

    async def _deliver(self, run_id: str) -> None:
        """Send one message until it is acknowledged."""
        while True:
            try:
                client = await self._connected()
                method, params = self._request(run_id)
                ack: Json = await client.call(method, params, timeout_s=5)
            except RpcError as error:
                if not error.retryable:
                    raise
                await asyncio.sleep(0.05)
            except (Closed, OSError, TimeoutError, WebSocketException):
                await self._forget()
            else:
                self._books.acknowledge(ack["runId"], self.session_key, ack["status"])
                return

    def _request(self, run_id: str) -> tuple[str, Json]:
        text = run_id if self.name == "cleo" else f"remember that {run_id} is done"
        params: Json = {"message": text, "sessionKey": self.session_key, "idempotencyKey": run_id}
        if self.name == "bob":
            return "agent", params
        return "chat.send", {**params, "queueMode": "followup"}

    async def _answered(self, run_id: str) -> None:
        """Wait a moment for the end of a run; a kill in between is fine."""
        try:
            client = await self._connected()
            await client.call("agent.wait", {"runId": run_id, "timeoutMs": 300})
        except (Closed, OSError, TimeoutError, WebSocketException, RpcError):
            await self._forget()

    async def _connected(self) -> WireClient:
        if self._client is None:
            client = await WireClient.open(self._daemon.ws_url, token=self._daemon.token)
            await client.connect()
            self._client = client
        return self._client

    async def _forget(self) -> None:
        if self._client is not None:
            await self._client.abort()
            self._client = None
        await asyncio.sleep(0.02)


async def kill_often(daemon: Daemon, kills: int, rng: random.Random) -> None:
    """Kill and start again, at any moment in the first half second of a life."""
    for _ in range(kills):
        await asyncio.sleep(rng.random() ** 2 * 0.5)
        daemon.kill()
        await daemon.start()


@dataclass
class Verdict:
    """What the gateway remembers at the end."""

    said: Counter[str]
    """How often each run's message is in a history."""
    outcomes: Counter[str]
    """How the acknowledged runs ended: `ok`, `restart`, …"""
    open_runs: list[str]
    """Acknowledged runs without an end."""
    finished: set[str]
    """Acknowledged runs that were answered."""


async def judge(daemon: Daemon, books: Books) -> Verdict:
    """Read every session to its beginning and ask for the end of every acknowledged run."""
    verdict = Verdict(Counter(), Counter(), [], set())
    async with await WireClient.open(daemon.ws_url, token=daemon.token) as client:
        await client.connect()
        for run_id in books.acknowledged:
            ended: Json = await client.call(
                "agent.wait", {"runId": run_id, "timeoutMs": 30_000}, timeout_s=40
            )
            if ended["status"] in {"pending", "timeout"}:
                verdict.open_runs.append(run_id)
            elif ended["status"] == "ok":
                verdict.finished.add(run_id)
            verdict.outcomes[ended.get("stopReason", ended["status"])] += 1
        for session_key in set(books.acknowledged.values()):
            verdict.said.update(await _messages(client, session_key))
    return verdict


async def _messages(client: WireClient, session_key: str) -> list[str]:
    """Run ids of all user messages of a session, page by page."""
    run_ids: list[str] = []
    offset = 0
    while True:
        page: Json = await client.call(
            "chat.history",
            {"sessionKey": session_key, "limit": 500, "offset": offset, "maxBytes": 20_000_000},
        )
        users: list[Json] = [message for message in page["messages"] if message["role"] == "user"]
        run_ids += [message["idempotencyKey"].removesuffix(":user") for message in users]
        if not page["hasMore"]:
            return run_ids
        offset = page["nextOffset"]
