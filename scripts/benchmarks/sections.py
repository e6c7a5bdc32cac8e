"""What is measured. Each section starts what it needs, and returns rows of the table."""

import asyncio
import json
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import cast

from scripts.benchmarks.contestants import Contestant, Homarus, running
from scripts.benchmarks.figures import Figure, percentile, tree_rss_mb
from scripts.benchmarks.load import (
    Json,
    LoadClient,
    close_clients,
    is_answer,
    open_clients,
    open_socket,
    request_of,
)

DEPTH = 32
"""Requests in flight on the one connection of the rate figures."""

HOT_CALLS = ("health", "sessions.list", "system-presence")

SETTLE_S = 3.0
"""Idle time before memory is read, so that start-up work is over."""


def start_figures(ours: Contestant, theirs: Contestant | None, rounds: int) -> list[Figure]:
    """Start, and the memory of the idle process tree after it."""
    started = {c.name: [_start_and_stop(c) for _ in range(rounds)] for c in _present(ours, theirs)}
    times = {name: median(seconds for seconds, _ in runs) for name, runs in started.items()}
    memory = {name: median(mb for _, mb in runs) for name, runs in started.items()}
    other = theirs.name if theirs is not None else ""
    return [
        Figure("start to `connect.challenge`", times[ours.name], "s", 0.6, times.get(other)),
        Figure("idle memory, whole process tree", memory[ours.name], "MiB", 60, memory.get(other)),
    ]


def _start_and_stop(contestant: Contestant) -> tuple[float, float]:
    with running(contestant) as seconds:
        time.sleep(SETTLE_S)
        return seconds, tree_rss_mb(contestant.pid)


def health_command_figures(ours: Contestant, theirs: Contestant | None, rounds: int) -> list[Figure]:
    """The health command as a person types it: time and peak memory of the whole process."""
    times: dict[str, float] = {}
    memory: dict[str, float] = {}
    for contestant in _present(ours, theirs):
        runs = [_run(contestant.health_command(), contestant.command_env()) for _ in range(rounds + 1)][1:]
        times[contestant.name] = median(milliseconds for milliseconds, _ in runs)
        memory[contestant.name] = median(mb for _, mb in runs)
    other = theirs.name if theirs is not None else ""
    return [
        Figure("`gateway health`, time", times[ours.name], "ms", 200, times.get(other)),
        Figure("`gateway health`, peak memory", memory[ours.name], "MiB", 35, memory.get(other)),
    ]


def _run(argv: list[str], env: dict[str, str]) -> tuple[float, float]:
    ran = subprocess.run(
        [sys.executable, "-IS", "-c", _WATCH, *argv], env=env, stdout=subprocess.PIPE, check=True
    )
    status, elapsed_ms, peak_kb = ran.stdout.split()
    if int(status) != 0:
        raise RuntimeError(f"{' '.join(argv)} exited with {int(status)}")
    return float(elapsed_ms), int(peak_kb) / 1024


# A process of its own starts the command: the peak of a child is at least what its parent had when it began,
# and this benchmark is larger than the command it measures.
_WATCH = """
import os, sys, time
quiet = os.open(os.devnull, os.O_RDWR)
started = time.perf_counter()
files = [(os.POSIX_SPAWN_DUP2, quiet, number) for number in (0, 1, 2)]
pid = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ, file_actions=files)
_, status, usage = os.wait4(pid, 0)
print(os.waitstatus_to_exitcode(status), (time.perf_counter() - started) * 1000, usage.ru_maxrss)
"""


async def handshake_figures(ours: Contestant, theirs: Contestant | None, rounds: int) -> list[Figure]:
    """TCP, upgrade, challenge, connect and hello of one client after the other."""
    times: dict[str, float] = {}
    for contestant in _present(ours, theirs):
        seconds: list[float] = []
        for _ in range(rounds):
            async with LoadClient(contestant.ws_url, contestant.token) as client:
                seconds.append(client.handshake_s * 1000)
        times[contestant.name] = median(seconds)
    other = theirs.name if theirs is not None else ""
    return [Figure("full handshake, p50", times[ours.name], "ms", 5, times.get(other))]


async def rate_figures(ours: Contestant, theirs: Contestant | None, count: int) -> list[Figure]:
    """Answers per second on one connection, against OpenClaw and against an echo that does nothing at all."""
    rates = {
        contestant.name: {
            method: await _rate(contestant, method, count if contestant is ours else count // 10)
            for method in HOT_CALLS
        }
        for contestant in _present(ours, theirs)
    }
    echo = await _echo_rate(request_of("health", {}), count)
    figures = [
        Figure(
            "`health` rate, share of a bare uvicorn echo",
            100 * rates[ours.name]["health"] / echo,
            "%",
            60,
            more_is_better=True,
        )
    ]
    for method in HOT_CALLS:
        other = rates[theirs.name][method] if theirs is not None else None
        target = 5 * other if other is not None else 0
        name = f"`{method}`, one connection, depth {DEPTH}"
        figures.append(Figure(name, rates[ours.name][method], "/s", target, other, more_is_better=True))
    return figures


async def _rate(contestant: Contestant, method: str, count: int) -> float:
    params = {"limit": 50} if method == "sessions.list" else {}
    async with LoadClient(contestant.ws_url, contestant.token) as client:
        await client.pipeline(request_of(method, params), count // 10, DEPTH)
        return await client.pipeline(request_of(method, params), count, DEPTH)


async def _echo_rate(request: Callable[[int], str], count: int) -> float:
    server = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _ECHO, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
    )
    try:
        url = await cast("asyncio.StreamReader", server.stdout).readline()
        client = LoadClient(url.decode().strip(), "")
        client.socket = await open_socket(url.decode().strip())
        await client.pipeline(request, count // 10, DEPTH)
        return await client.pipeline(request, count, DEPTH)
    finally:
        server.kill()
        await server.wait()


_ECHO = """
import asyncio, socket, uvicorn
async def app(scope, receive, send):
    if scope["type"] != "websocket":
        return
    await receive()
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] == "websocket.receive":
        await send({"type": "websocket.send", "text": message["text"]})
listener = socket.create_server(("127.0.0.1", 0))
print(f"ws://127.0.0.1:{listener.getsockname()[1]}/", flush=True)
config = uvicorn.Config(app, ws="websockets-sansio", ws_per_message_deflate=False, log_level="error")
asyncio.run(uvicorn.Server(config).serve(sockets=[listener]))
"""


async def many_sessions_figures(folder: Path, sessions: int, clients: int, rounds: int) -> list[Figure]:
    """A gateway full of sessions: starting it, and everyone listing after each change."""
    gateway = Homarus(folder)
    with running(gateway):
        async with LoadClient(gateway.ws_url, gateway.token) as writer:
            await _create_sessions(writer, sessions // 2)
            latencies = await _list_storm(gateway, writer, clients, rounds)
            await _create_sessions(writer, sessions - sessions // 2)
    with running(gateway) as restart_s:
        pass
    half = f"{sessions // 2:,} sessions, {clients} clients"
    return [
        Figure(f"`sessions.list` p99, {half}", percentile(latencies, 0.99), "ms", 50),
        Figure(f"start with {sessions:,} sessions", restart_s, "s", 0.6),
    ]


async def _create_sessions(writer: LoadClient, count: int) -> None:
    def create(_: int) -> str:
        key = f"agent:main:bench:{uuid.uuid4()}"
        frame = {"type": "req", "id": key[-8:], "method": "sessions.create", "params": {"key": key}}
        return json.dumps(frame)

    await writer.pipeline(create, count, 64)


async def _list_storm(gateway: Contestant, writer: LoadClient, clients: int, rounds: int) -> list[float]:
    readers = await open_clients(gateway.ws_url, gateway.token, clients)
    latencies: list[float] = []

    request = request_of("sessions.list", {"includeGlobal": True})(0)

    async def listed(reader: LoadClient) -> None:
        started = time.perf_counter()
        await reader.socket.send(request)
        while not is_answer(await reader.socket.recv()):
            pass
        latencies.append((time.perf_counter() - started) * 1000)

    for _ in range(rounds):
        await _create_sessions(writer, 1)
        await asyncio.gather(*(listed(reader) for reader in readers))
    close_clients(readers)
    return latencies


async def chat_figures(folder: Path, per_second: int, seconds: int) -> list[Figure]:
    """`chat.send` at a steady rate: time until the durable acknowledgement."""
    gateway = Homarus(folder)
    with running(gateway):
        # Half a second after its start a gateway tidies its memory once, for some 40 ms.
        await asyncio.sleep(SETTLE_S)
        async with LoadClient(gateway.ws_url, gateway.token) as client:
            latencies = await client.steady("chat.send", _question, per_second * seconds, per_second)
    name = f"`chat.send` acknowledged durable at {per_second}/s, p99"
    return [Figure(name, percentile(latencies, 0.99), "ms", 15)]


def _question(number: int, request_id: str) -> Json:
    return {
        "sessionKey": f"agent:main:bench:{number % 50}",
        "message": "what time is it?",
        "idempotencyKey": request_id,
    }


async def broadcast_figures(ours: Contestant, connections: int, rounds: int) -> list[Figure]:
    """One event to everyone: time from the first receipt to the last."""
    clients = await open_clients(ours.ws_url, ours.token, connections)
    await asyncio.sleep(1)
    async with LoadClient(ours.ws_url, ours.token) as trigger:
        await asyncio.sleep(1)
        spreads = [await _broadcast(trigger, clients) for _ in range(rounds)]
    close_clients(clients)
    return [
        Figure(f"broadcast to {connections} connections, request to last receipt", median(spreads), "ms", 10)
    ]


async def _broadcast(trigger: LoadClient, clients: Sequence[LoadClient]) -> float:
    """From the request that causes an event for everybody, its commit included, to the last receipt."""
    arrivals: list[float] = []
    for client in clients:
        client.socket.stamp_into(arrivals)
    started = time.perf_counter()
    await trigger.call("taskSuggestions.create", _SUGGESTION)
    while len(arrivals) < len(clients):  # noqa: ASYNC110 - an event would wake between stamps
        await asyncio.sleep(0.001)
    await asyncio.sleep(0.1)
    return (max(arrivals) - started) * 1000


_SUGGESTION = {
    "title": "Broadcast",
    "prompt": "Measure how long this takes.",
    "tldr": "An event everybody gets",
    "cwd": "/",
    "sessionKey": "agent:main:main",
}


def _present(ours: Contestant, theirs: Contestant | None) -> tuple[Contestant, ...]:
    return (ours,) if theirs is None else (ours, theirs)
