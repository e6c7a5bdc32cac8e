"""What a node does about each refusal, and how long it pauses (row S1.B-5)."""

import random
from typing import Any

import msgspec
import pytest

from device_node.credentials import Kind
from device_node.refusals import MAX_PAUSE_S, Advice, judge
from device_node.retry import Backoff
from protocol.errors import ErrorShape
from protocol.handshake import ConnectRefused


def advice(wire: str, /, used: Kind = "shared", retry_ms: int | None = None, **details: Any) -> Advice:
    raw = msgspec.Raw(msgspec.json.encode(details))
    shape = ErrorShape(code=wire, message="said\x1b[31m", details=raw, retry_after_ms=retry_ms)
    return judge(ConnectRefused(shape), used)


def test_an_unknown_device_waits_for_its_approval() -> None:
    found = advice("NOT_PAIRED", code="PAIRING_REQUIRED", requestId="r-1")
    assert found.waits_for_approval
    assert "homarus devices approve r-1" in found.next_step
    assert found.pause_s == 10.0
    found = advice("NOT_PAIRED", code="PAIRING_REQUIRED", recommendedNextStep="wait_then_retry")
    assert found.pause_s is None


def test_what_the_gateway_says_cannot_write_to_the_terminal() -> None:
    found = advice("NOT_PAIRED", code="PAIRING_REQUIRED", requestId="r\x1b[2J")
    assert "\x1b" not in found.what + found.next_step


@pytest.mark.parametrize("code", ["AUTH_DEVICE_TOKEN_MISMATCH", "AUTH_TOKEN_MISMATCH", "AUTH_SCOPE_MISMATCH"])
def test_a_refused_device_token_is_dropped(code: str) -> None:
    found = advice("INVALID_REQUEST", "device", code=code)
    assert found.drop_device_token
    assert found.pause_s == 0.0


@pytest.mark.parametrize(
    ("used", "step"), [("shared", "--token"), ("setup", "homarus devices pair"), ("none", "SETUP_CODE")]
)
def test_other_credentials_are_for_the_owner_to_mend(used: Kind, step: str) -> None:
    found = advice("INVALID_REQUEST", used, code="AUTH_TOKEN_MISMATCH")
    assert step in found.next_step
    assert found.pause_s == 30.0
    assert not found.drop_device_token


def test_a_stated_pause_is_kept_within_reason() -> None:
    assert advice("INVALID_REQUEST", "device", 4000, code="AUTH_RATE_LIMITED").pause_s == 4.0
    assert advice("INVALID_REQUEST", "device", 10**9, code="AUTH_RATE_LIMITED").pause_s == MAX_PAUSE_S
    assert not advice("INVALID_REQUEST", "device", 4000, code="AUTH_RATE_LIMITED").drop_device_token
    assert advice("UNAVAILABLE", retry_ms=500, reason="startup-sidecars").pause_s == 0.5
    assert advice("UNAVAILABLE").pause_s is None


def test_another_version_is_for_the_owner_to_mend() -> None:
    assert "update" in advice("INVALID_REQUEST", code="PROTOCOL_MISMATCH").next_step


def test_pauses_grow_to_half_a_minute_with_jitter() -> None:
    backoff = Backoff(random.Random(1))
    pauses = [backoff.next_s() for _ in range(8)]
    for pause, full in zip(pauses, (1, 2, 4, 8, 16, 30, 30, 30), strict=True):
        assert 0.75 * full <= pause <= full
    assert len(set(pauses)) == 8
    backoff.reset()
    assert backoff.next_s() <= 1
