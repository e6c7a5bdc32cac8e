"""Device nodes: a command there and back, a house that comes back at once, and what a node costs.

The node and the operator share one process, which does less per frame than either gateway (`load.py`).
"""

import asyncio
import json
import random
import re
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any, Final

from websockets.exceptions import ConnectionClosed

from scripts.benchmarks.contestants import Contestant, Homarus, running
from scripts.benchmarks.figures import Figure, percentile, tree_rss_mb
from scripts.benchmarks.load import (
    Json,
    LoadClient,
    PingPong,
    RawConnection,
    client_frame,
    expect_ok,
    open_socket,
    taken_frames,
)
from scripts.benchmarks.sections import SETTLE_S
from tests.support.node import NodeProcess
from tests.support.node import running as running_node
from tests.support.nodes import LINUX, NODE_HOST, ScriptedNode, pending_request
from tests.support.wire import DeviceKey, WireClient, connect_params

COMMAND: Final = "system.notify"
"""Both gateways allow it to a Linux node."""

DEPTH: Final = 16
"""Commands under way at once in the rate figure."""

GENTLE_PER_S: Final = 60
"""New nodes per second before memory is read: a storm would leave its own marks on that figure."""

WARM_UP_NODES: Final = 100
"""Connected before memory is read the first time, so that only what each further node costs is counted."""

PATIENCE_S: Final = 60.0
"""A node that is not in after this long says that something is broken, not slow."""

INVOKE_ID: Final = re.compile(rb'"id":"([^"]+)"')


class LoadNode:
    """One device in the role of a node; once it answers, it answers at once."""

    def __init__(self, gateway: Contestant, key: DeviceKey | None = None) -> None:
        self.key = key or DeviceKey()
        self.handshake_s = 0.0
        """From first opening a TCP connection to `hello-ok`."""
        self.socket: RawConnection
        self._gateway = gateway
        self._buffer = bytearray()

    async def connect(self) -> None:
        """Connect with a proof, as every node does; come again when the gateway has no time just now."""
        started = time.perf_counter()
        async with asyncio.timeout(PATIENCE_S):
            while not await self._admitted():  # noqa: ASYNC110 - there is nothing to wait for but time
                await asyncio.sleep(random.uniform(0.5, 1.5))  # noqa: S311 - so that not all come at once
        self.handshake_s = time.perf_counter() - started

    async def _admitted(self) -> bool:
        self.socket = await open_socket(self._gateway.ws_url)
        try:
            challenge: Json = json.loads(await self.socket.recv())["payload"]
            await self.socket.send(json.dumps(self._connect(challenge)))
            expect_ok(json.loads(await self.socket.recv()))
        except ConnectionClosed:
            return False  # too many at once; a refusal would have come as an answer
        return True

    def _connect(self, challenge: Json) -> Json:
        claims: Json = {"role": "node", "scopes": [], "caps": ["system"], "commands": [COMMAND]}
        params = connect_params(self._gateway.token, client={**NODE_HOST, **LINUX}, **claims)
        params["device"] = self.key.proof(params, challenge)
        return {"type": "req", "id": "connect", "method": "connect", "params": params}

    def answer(self) -> None:
        """From now on answer every command, without parsing more of it than its id."""
        head = b'{"type":"req","id":"r","method":"node.invoke.result","params":{"ok":true,"nodeId":"'
        head += self.key.id.encode() + b'","payloadJSON":"{\\"ok\\":true}","id":"'

        def received(data: bytes) -> None:
            self._buffer += data
            frames = [
                client_frame(head + _invoke_id(payload) + b'"}}')
                for payload in taken_frames(self._buffer)
                if b"node.invoke.request" in payload
            ]
            if frames:
                self.socket.transport.write(b"".join(frames))

        self.socket.sink = received

    def drop(self) -> None:
        """Vanish without a close frame."""
        self.socket.transport.abort()


def _invoke_id(payload: bytes) -> bytes:
    found = INVOKE_ID.search(payload)
    if found is None:
        raise RuntimeError(f"a request without an id: {payload!r}")
    return found[1]


async def invoke_figures(ours: Contestant, theirs: Contestant | None, count: int) -> list[Figure]:
    """`node.invoke`: operator, gateway, node, gateway, operator."""
    measured = {
        contestant.name: await _invokes(contestant, count if contestant is ours else count // 5)
        for contestant in (ours, theirs)
        if contestant is not None
    }
    latency_ms, rate = measured[ours.name]
    other_ms, other_rate = measured[theirs.name] if theirs is not None else (None, None)
    target = max(2500, 5 * other_rate if other_rate is not None else 0)
    return [
        Figure("`node.invoke` there and back, p50", latency_ms, "ms", 1.5, other_ms),
        Figure(f"`node.invoke`, depth {DEPTH}", rate, "/s", target, other_rate, more_is_better=True),
    ]


async def _invokes(contestant: Contestant, count: int) -> tuple[float, float]:
    """Median milliseconds one after the other, and answers per second with some under way."""
    key = DeviceKey()
    await _approve(contestant, key)
    node = LoadNode(contestant, key)
    await node.connect()
    node.answer()
    try:
        async with LoadClient(contestant.ws_url, contestant.token) as operator:
            request = _request(key.id)
            await operator.pipeline(request, count // 10, DEPTH)
            latencies_s = await PingPong(operator.socket, request, count // 4).run()
            return median(latencies_s) * 1000, await operator.pipeline(request, count, DEPTH)
    finally:
        node.drop()


async def _approve(contestant: Contestant, key: DeviceKey) -> None:
    node = ScriptedNode(contestant, caps=["system"], commands=[COMMAND], client=LINUX, key=key)
    async with node, await WireClient.open(contestant.ws_url, token=contestant.token) as admin:
        await admin.connect()
        await node.approved_by(admin)


def _request(node_id: str) -> Callable[[int], str]:
    """Makes `node.invoke` frames, each with a key of its own."""
    call: dict[str, Any] = {"nodeId": node_id, "command": COMMAND, "params": {"title": "t", "body": "b"}}
    head = f'{{"type":"req","method":"node.invoke","params":{json.dumps(call)[:-1]},"idempotencyKey":"'
    series = uuid.uuid4()
    counter = iter(range(2**62))
    return lambda number: f'{head}{series}-{next(counter)}"}},"id":"{number}"}}'


async def house_figures(folder: Path, count: int) -> list[Figure]:
    """Many nodes of one house: what each costs while idle, and how fast all are back after an outage."""
    gateway = Homarus(folder)
    with running(gateway):
        nodes = [LoadNode(gateway) for _ in range(WARM_UP_NODES + count)]
        await _connect_all(nodes[:WARM_UP_NODES], per_second=GENTLE_PER_S)
        before_mb = await _settled_rss_mb(gateway)
        await _connect_all(nodes[WARM_UP_NODES:], per_second=GENTLE_PER_S)
        each_kb = (await _settled_rss_mb(gateway) - before_mb) * 1024 / count
        for node in nodes:
            node.drop()
        await _wait_for(gateway, 0)
        started = time.perf_counter()
        await _connect_all(nodes[:count], per_second=count)
        await _wait_for(gateway, count)
        back_s = time.perf_counter() - started
        for node in nodes[:count]:
            node.drop()
    handshakes = [node.handshake_s for node in nodes[:count]]
    return [
        Figure("memory per idle node", each_kb, "KiB", 25),
        Figure(f"{count} nodes reconnect within 1 s, all back", back_s, "s", 10),
        Figure(f"{count} nodes reconnect within 1 s, handshake p99", percentile(handshakes, 0.99), "s", 3),
    ]


async def program_figures(folder: Path) -> list[Figure]:
    """Our own node program, approved and idle."""
    gateway = Homarus(folder)
    with running(gateway):
        process = NodeProcess(folder / "node", args=["--url", gateway.ws_url, "--token", gateway.token])
        async with running_node(process), await WireClient.open(gateway.ws_url, token=gateway.token) as admin:
            await admin.connect()
            request = await pending_request(admin, process.device_id)
            await admin.call("node.pair.approve", {"requestId": request["requestId"]})
            await process.until(lambda status: status.surface == "approved")
            await asyncio.sleep(SETTLE_S)
            memory_mb = tree_rss_mb(process.pid)
    return [Figure("`homarus node run`, idle memory", memory_mb, "MiB", 45)]


async def _connect_all(nodes: list[LoadNode], *, per_second: int) -> None:
    """Let nodes come at a steady rate, whatever becomes of those before them."""
    begin = time.perf_counter()

    async def arrive(place: int, node: LoadNode) -> None:
        await asyncio.sleep(max(0.0, begin + place / per_second - time.perf_counter()))
        await node.connect()

    async with asyncio.TaskGroup() as group:
        for place, node in enumerate(nodes):
            group.create_task(arrive(place, node))


async def _settled_rss_mb(gateway: Homarus) -> float:
    await asyncio.sleep(SETTLE_S)
    return tree_rss_mb(gateway.pid)


async def _wait_for(gateway: Homarus, count: int) -> None:
    """Until the gateway lists that many nodes as connected."""
    async with LoadClient(gateway.ws_url, gateway.token) as operator:
        while True:
            rows = (await operator.call("node.list", {}))["nodes"]
            if sum(row["connected"] for row in rows) == count:
                return
            await asyncio.sleep(0.05)
