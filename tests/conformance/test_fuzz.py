"""Mutations of valid frames: whatever is made of them, the answer is a typed error or a result."""

import asyncio
import json
from typing import Final, cast

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from protocol.catalog import all_methods
from tests.conformance.examples import example
from tests.conformance.raw import CLOSE, TEXT, RawPeer, frame, request
from tests.support.daemon import Daemon
from tests.support.wire import Json

BATCHES: Final = 30
FRAMES: Final = 100

SLOW: Final = frozenset({"backup.create"})
"""Answered after seconds of disk work, one at a time: nothing a parser could get wrong."""

CODES: Final = frozenset({"INVALID_REQUEST", "UNAVAILABLE", "FORBIDDEN", "NOT_PAIRED", "AGENT_TIMEOUT"})

SEEDS: Final[list[Json]] = [
    {"type": "req", "id": "fuzz", "method": name, "params": example(method), "traceparent": "00-0-0-00"}
    for name, method in all_methods().items()
    if name not in SLOW
]

SCALARS: Final = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=20),
    st.sampled_from(["", "main", "agent:main:main", "\x00", "\ud83d\ude00", "9" * 40, "../x", "__proto__"]),
)
VALUES: Final = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


FLAT_SEEDS: Final[list[Json]] = [
    {"type": kind, "id": "fuzz", "sessionId": "agent:main:fuzz", "content": "hello", "limit": 3}
    for kind in (
        "session.send",
        "session.open",
        "session.get",
        "session.close",
        "session.list",
        "ping",
        "health",
    )
]


@st.composite
def grafted(draw: st.DrawFn, seeds: list[Json]) -> str:
    """A valid message with one node of its JSON replaced, removed or added."""
    message = cast("Json", json.loads(json.dumps(draw(st.sampled_from(seeds)))))
    node = message
    while inner := [cast("Json", value) for value in node.values() if isinstance(value, dict) and value]:
        if draw(st.booleans()):
            break
        node = draw(st.sampled_from(inner))
    key = draw(st.sampled_from(list(node)))
    match draw(st.sampled_from(["replace", "remove", "add"])):
        case "remove":
            del node[key]
        case "replace":
            node[key] = draw(VALUES)
        case _:
            node[draw(st.text(max_size=12))] = draw(VALUES)
    return json.dumps(message)


@st.composite
def scrambled(draw: st.DrawFn, seeds: list[Json]) -> str:
    """A valid message with characters of its text cut, doubled, swapped or put in."""
    text = json.dumps(draw(st.sampled_from(seeds)))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(text)))
        end = min(len(text), start + draw(st.integers(0, 12)))
        piece = draw(
            st.sampled_from(["", text[start:end] * 2, text[start:end][::-1], '"', "{", "]", "\\", "\x00"])
        )
        text = text[:start] + piece + text[end:]
    return text


def batches(seeds: list[Json]) -> st.SearchStrategy[list[str]]:
    """A hundred mutations for one connection."""
    return st.lists(grafted(seeds) | scrambled(seeds), min_size=FRAMES, max_size=FRAMES)


CAMPAIGN: Final = settings(
    max_examples=BATCHES,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # a batch of a hundred shrinks for too long
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
)


@CAMPAIGN
@given(frames=batches(SEEDS))
async def test_mutated_frames_get_typed_errors(shared_daemon: Daemon, frames: list[str]) -> None:
    """S0.G-4, case 29: 3,000 mutations [each answered, typed errors only, no traceback in the log]."""
    async with await RawPeer.admitted(shared_daemon.port, shared_daemon.token) as peer:
        for text in frames:
            await peer.send(frame(text))
        await peer.send(frame(request("the last one", "databases.status")))
        answers = await answers_until(peer, "the last one")
    for answer in answers:
        if not answer["ok"]:
            error = answer["error"]
            assert error["code"] in CODES, answer
            assert "inside the gateway" not in error["message"], answer
    assert "Traceback" not in shared_daemon.stderr_text(), frames


@CAMPAIGN
@given(frames=batches(FLAT_SEEDS))
async def test_mutated_flat_messages_get_typed_errors(shared_daemon: Daemon, frames: list[str]) -> None:
    """S0.G-4, case 29 in the flat dialect [the connection stays, errors have codes, no traceback]."""
    headers = {"Authorization": f"Bearer {shared_daemon.token}"}
    async with await RawPeer.open(shared_daemon.port, headers=headers, path="/v1/agents/main/stream") as peer:
        assert (await peer.receive())["type"] == "session.ack"
        for text in frames:
            await peer.send(frame(text))
        await peer.send(frame(json.dumps({"type": "databases.status", "id": "the last one"})))
        async with asyncio.timeout(30):
            while (message := await peer.receive()).get("id") != "the last one":
                error = (
                    message if message["type"] == "error" else message.get("error") or {"code": "FORBIDDEN"}
                )
                assert error["code"] in CODES, message
    assert "Traceback" not in shared_daemon.stderr_text(), frames


async def answers_until(peer: RawPeer, last: str) -> list[Json]:
    """Responses up to the one on `last`; a connection that was closed for a second `connect` ends early."""
    answers: list[Json] = []
    async with asyncio.timeout(30):
        while not answers or answers[-1]["id"] != last:
            opcode, payload = await peer.next_frame()
            if opcode == CLOSE:
                assert b"connect is only valid" in payload
                break
            message: Json = json.loads(payload) if opcode == TEXT else {}
            if message.get("type") == "res":
                answers.append(message)
    return answers
