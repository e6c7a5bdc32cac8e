"""Case 29, R24: JSON that is deep, wide, contradictory or no JSON at all, before and after authentication."""

import json
from collections.abc import Callable
from typing import Final

import pytest

from tests.conformance.gauges import probing
from tests.conformance.raw import RawPeer, frame
from tests.support.daemon import Daemon
from tests.support.wire import Json, WireClient, connect_params

BLOCK_S = 0.1
ROUNDS = 8
"""A blocked loop blocks every time; a busy neighbour on a shared machine does not. The best round counts."""

SMALL = 48 * 1024
"""Leaves room for the rest of a connect request within 64 KiB."""


def wide(size: int) -> str:
    """An object of members of about 16 bytes, `size` bytes in all."""
    return "{" + ",".join(f'"k{n:08d}":{n % 10}' for n in range(size // 14)) + "}"


BOMBS: Final[dict[str, Callable[[int], str]]] = {
    "depth": lambda size: "[" * min(size // 2, 100_000) + "]" * min(size // 2, 100_000),
    "object depth": lambda size: '{"a":' * min(size // 6, 100_000) + "1" + "}" * min(size // 6, 100_000),
    "unclosed depth": lambda size: "[" * min(size, 100_000),
    "million keys": lambda size: wide(min(size, 14_000_000)),
    "million items": lambda size: "[" + ",".join(["{}"] * min(size // 3, 1_000_000)) + "]",
    "duplicate keys": lambda _: '{"a":1,"a":{},"a":[],"a":2}',
    "__proto__": lambda _: '{"__proto__":{"admin":true},"constructor":{"prototype":{"admin":true}}}',
    "long number": lambda size: "1" * min(size, 1_000_000),
    "long fraction": lambda size: "0." + "1" * min(size, 1_000_000),
    "large exponent": lambda size: "1e" + "9" * min(size, 1_000_000),
    "lone surrogate": lambda _: r'"\ud800"',
    "reversed surrogates": lambda _: r'"\udc00\ud800 text"',
    "escapes": lambda size: '"' + r"\u0000" * min(size // 6, 1_000_000) + '"',
    "NaN": lambda _: "NaN",
    "Infinity": lambda _: "Infinity",
    "-Infinity": lambda _: "-Infinity",
    "single quotes": lambda _: "{'a':1}",
    "trailing comma": lambda _: '{"a":1,}',
    "comment": lambda _: '{/* */"a":1}',
}

NEVER_ACCEPTED = {
    *("depth", "object depth", "unclosed depth", "million keys", "million items"),
    *("NaN", "Infinity", "-Infinity", "single quotes", "trailing comma", "comment"),
}
"""What is refused wherever it stands. The others are read by the rules of RFC 8259, section 4, where they are
asked for, and passed over where they are not."""

PLACES: Final = {
    "params": ("health", "BOMB"),
    "unknown field": ("status", '{"zzz":BOMB}'),
    "list": ("sessions.preview", '{"keys":BOMB}'),
    "text": ("sessions.describe", '{"key":BOMB}'),
    "number": ("sessions.list", '{"limit":BOMB}'),
    "dict of anything": ("message.action", '{"channel":"x","action":"y","idempotencyKey":"b","params":BOMB}'),
    "dict of raw": ("users.prefs.set", '{"entries":BOMB}'),
    "member of raw": ("users.prefs.set", '{"entries":{"bomb":BOMB}}'),
    "questions": ("question.request", '{"questions":BOMB}'),
}


def check_answer(answer: Json, *, never_accepted: bool) -> None:
    """Hold an answer to being a result or a plain typed error."""
    if answer["ok"]:
        assert not never_accepted, answer
        return
    error = answer["error"]
    assert error["code"] in {"INVALID_REQUEST", "UNAVAILABLE", "FORBIDDEN"}, error
    assert "inside the gateway" not in error["message"], error
    assert len(error["message"]) <= 1024
    assert len(json.dumps(error)) <= 8000
    if never_accepted:
        assert error["code"] == "INVALID_REQUEST", error


async def best_worst_latency(daemon: Daemon, observer: WireClient, frames: list[bytes], check: bool) -> float:
    """The longest another client waited while `frames` were taken in, in the best round."""
    best = float("inf")
    for _ in range(ROUNDS):
        async with await RawPeer.admitted(daemon.port, daemon.token) as peer, probing(observer) as latencies:
            for data in frames:
                await peer.send(data)
                answer = await peer.receive(30)
                while answer["type"] != "res":
                    answer = await peer.receive(30)
                check_answer(answer, never_accepted=check)
        best = min(best, latencies.worst_s)
        if best <= BLOCK_S:
            break
    return best


@pytest.fixture
async def observer(shared_daemon: Daemon) -> WireClient:
    client = await WireClient.open(shared_daemon.ws_url, token=shared_daemon.token)
    await client.connect()
    return client


@pytest.mark.parametrize("bomb", BOMBS)
async def test_a_bomb_in_a_request_is_a_typed_error(
    shared_daemon: Daemon, observer: WireClient, bomb: str
) -> None:
    """Case 29, R24 after authentication [typed error, others wait <= 100 ms, no crash]."""
    text = BOMBS[bomb](20 * 1024 * 1024)
    frames = [
        frame(f'{{"type":"req","id":"{place}","method":"{method}","params":{params.replace("BOMB", text)}}}')
        for place, (method, params) in PLACES.items()
    ]
    async with observer:
        waited_s = await best_worst_latency(shared_daemon, observer, frames, bomb in NEVER_ACCEPTED)
    assert waited_s <= BLOCK_S
    assert "Traceback" not in shared_daemon.stderr_text()


@pytest.mark.parametrize("bomb", BOMBS)
async def test_a_bomb_in_the_envelope_is_a_typed_error(
    shared_daemon: Daemon, observer: WireClient, bomb: str
) -> None:
    """Case 29, R24: the same as id, as method, as trace and as the whole frame [typed error, <= 100 ms]."""
    text = BOMBS[bomb](20 * 1024 * 1024)
    frames = [
        frame(f'{{"type":"req","id":{text},"method":"health"}}'),
        frame(f'{{"type":"req","id":"1","method":{text}}}'),
        frame(f'{{"type":{text},"id":"1","method":"health"}}'),
        frame(f'{{"type":"req","id":"1","method":"health","traceparent":{text}}}'),
        frame(text),
    ]
    async with observer:
        waited_s = await best_worst_latency(shared_daemon, observer, frames, check=True)
    assert waited_s <= BLOCK_S
    assert "Traceback" not in shared_daemon.stderr_text()


CONNECT_PLACES: Final = {
    "params": "BOMB",
    "unknown field": '{"zzz":BOMB,"REST"}',
    "permissions": '{"permissions":BOMB,"REST"}',
    "client": '{"client":BOMB,"REST"}',
    "scopes": '{"scopes":BOMB,"REST"}',
    "device": '{"device":BOMB,"REST"}',
    "signedAt": '{"device":{"id":"x","publicKey":"x","signature":"x","signedAt":BOMB},"REST"}',
    "protocol": '{"maxProtocol":BOMB,"REST"}',
    "token": '{"auth":{"token":BOMB},"REST"}',
}


@pytest.mark.parametrize("bomb", BOMBS)
async def test_a_bomb_as_connect_is_refused(shared_daemon: Daemon, observer: WireClient, bomb: str) -> None:
    """Case 29 as the connect frame [typed refusal and 1008, or read by the rules; others wait <= 100 ms]."""
    text = BOMBS[bomb](SMALL)
    rest = json.dumps(connect_params(shared_daemon.token))[1:-1]
    best = float("inf")
    for _ in range(ROUNDS):
        async with probing(observer) as latencies:
            for place, template in CONNECT_PLACES.items():
                params = template.replace("BOMB", text).replace('"REST"', rest)
                await _connect_with(shared_daemon, place, params, refused=bomb in DECODED_AT_CONNECT)
        best = min(best, latencies.worst_s)
        if best <= BLOCK_S:
            break
    await observer.close()
    assert best <= BLOCK_S
    assert "Traceback" not in shared_daemon.stderr_text()


DECODED_AT_CONNECT = NEVER_ACCEPTED - {"million keys", "million items"}
"""64 KiB hold few enough keys and items to be read, and passed over in a field nobody knows."""


async def _connect_with(daemon: Daemon, place: str, params: str, *, refused: bool) -> None:
    async with await RawPeer.open(daemon.port) as peer:
        await peer.receive()
        await peer.send(frame(f'{{"type":"req","id":"{place}","method":"connect","params":{params}}}'))
        opcode, payload = await peer.next_frame()
        if opcode == 1:
            answer = json.loads(payload)
            check_answer(answer, never_accepted=refused)
            if answer["ok"]:
                return
        else:
            assert opcode == 8, "neither an answer nor a close"
            assert payload[:2] == (1008).to_bytes(2, "big")
            return
        closing, _ = await peer.closing()
        assert closing.code == 1008


async def test_of_two_equal_keys_the_last_one_counts_everywhere(shared_daemon: Daemon) -> None:
    """Case 29, duplicate keys [one reading for authority and handler alike]."""
    async with await RawPeer.admitted(
        shared_daemon.port, shared_daemon.token, scopes=["operator.read"]
    ) as peer:
        await peer.send(frame('{"type":"req","id":"1","method":"health","method":"config.set","params":{}}'))
        assert (await peer.answer("1"))["error"]["code"] == "FORBIDDEN"
        await peer.send(frame('{"type":"req","id":"a","id":"b","method":"config.set","method":"health"}'))
        assert (await peer.answer("b"))["ok"]


@pytest.mark.parametrize("bomb", ["depth", "million keys", "long number", "NaN", "lone surrogate", "escapes"])
async def test_a_bomb_in_a_configuration_text_is_a_typed_error(
    shared_daemon: Daemon, observer: WireClient, bomb: str
) -> None:
    """Case 29, R24 for JSON inside a text, read a second time by `config.*` [typed error, <= 100 ms]."""
    raw = json.dumps(f'{{"zzz":{BOMBS[bomb](10 * 1024 * 1024)}}}')
    frames = [
        frame(f'{{"type":"req","id":"1","method":"{method}","params":{{"raw":{raw},"baseHash":"0"}}}}')
        for method in ("config.patch", "config.set", "config.apply")
    ]
    async with observer:
        waited_s = await best_worst_latency(shared_daemon, observer, frames, check=True)
    assert waited_s <= BLOCK_S
    assert "Traceback" not in shared_daemon.stderr_text()
