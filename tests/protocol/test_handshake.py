"""The handshake without a network: every check with its code and close code (rows DC-1, S3.T-2)."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.connect import (
    AttachmentPolicy,
    ClientInfo,
    ConnectAuth,
    ConnectParams,
    Features,
    HelloAuth,
    HelloOk,
    Policy,
    ServerInfo,
    Snapshot,
    Suspension,
)
from protocol.errors import InvalidRequest, NotPaired
from protocol.frames import StateVersion, encode_failure, encode_result
from protocol.handshake import (
    ClientHandshake,
    ConnectAttempt,
    ConnectRefused,
    HandshakeRefused,
    ServerHandshake,
)
from protocol.limits import MAX_PREAUTH_BYTES, MAX_SIGNATURE_SKEW_MS
from protocol.scopes import Role, Scope
from protocol.signature import DeviceIdentity, ProofVersion, encode_base64url

NOW_MS = 1_795_200_000_000
NONCE = "a-nonce"


def server() -> ServerHandshake:
    return ServerHandshake(NONCE, NOW_MS)


def plain(**changes: object) -> ConnectParams:
    params = ConnectParams(
        min_protocol=4,
        max_protocol=4,
        client=ClientInfo(id="cli", version="1", platform="linux", mode="cli"),
        scopes=("operator.read",),
        auth=ConnectAuth(token="secret"),
    )
    return msgspec.structs.replace(params, **changes)


def frame(params: object, method: str = "connect") -> bytes:
    body = msgspec.to_builtins(params) if isinstance(params, msgspec.Struct) else params
    return json.dumps({"type": "req", "id": "1", "method": method, "params": body}).encode()


def with_device(
    identity: DeviceIdentity | None = None,
    *,
    nonce: str = NONCE,
    signed_at_ms: int = NOW_MS,
    version: ProofVersion = "v3",
    changes: Mapping[str, object] | None = None,
) -> dict[str, Any]:
    params = plain()
    proof = (identity or DeviceIdentity.generate()).prove(params, nonce, signed_at_ms, version)
    body: dict[str, Any] = msgspec.to_builtins(msgspec.structs.replace(params, device=proof))
    body["device"] |= changes or {}
    return body


def refused(data: bytes | str) -> HandshakeRefused:
    with pytest.raises(HandshakeRefused) as caught:
        server().receive(data)
    return caught.value


def test_the_challenge_is_an_event_without_seq() -> None:
    challenge = json.loads(server().challenge())
    assert challenge == {
        "type": "event",
        "event": "connect.challenge",
        "payload": {"nonce": NONCE, "ts": NOW_MS, "capabilities": []},
    }


@pytest.mark.parametrize("version", ["v2", "v3"])
def test_a_proof_is_accepted(version: ProofVersion) -> None:
    attempt = server().receive(frame(with_device(version=version)))
    assert (attempt.request_id, attempt.role, attempt.protocol) == ("1", Role.OPERATOR, 4)
    assert attempt.proof == version


def test_a_connect_without_a_device_says_so() -> None:
    assert server().receive(frame(plain())).proof is None


def test_unknown_fields_are_ignored_because_current_clients_send_them() -> None:
    body = {**msgspec.to_builtins(plain()), "modelCatalog": {"agentId": "main"}, "foo": 1}
    assert server().receive(frame(body)).params.client.id == "cli"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"xx", "invalid request frame"),
        (b"[]", "invalid request frame"),
        (b'{"type":"event","event":"x"}', "invalid request frame"),
        (b'{"type":"req","method":"connect"}', "invalid request frame"),
        (b'{"type":"req","id":"","method":"connect"}', "invalid request frame"),
        ("\ud800", "invalid request frame"),
        (b"[" * 60_000, "invalid request frame"),
    ],
)
def test_what_is_no_request_is_only_closed(data: bytes | str, message: str) -> None:
    refusal = refused(data)
    assert (refusal.request_id, refusal.close_code, refusal.error.message) == (None, 1008, message)


def test_a_frame_over_the_limit_is_not_parsed() -> None:
    refusal = refused(b" " * (MAX_PREAUTH_BYTES + 1))
    assert (refusal.request_id, refusal.close_code) == (None, 1009)
    assert server().receive(frame(plain()).ljust(MAX_PREAUTH_BYTES)).protocol == 4


def test_any_other_first_method_is_answered_and_closed() -> None:
    refusal = refused(frame({}, "health"))
    assert refusal.request_id == "1"
    assert refusal.error.message == "invalid handshake: first request must be connect"
    assert (refusal.error.code, refusal.close_code) == ("INVALID_REQUEST", 1008)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"client": None}, "at /client: must be object"),
        ({"client": {"id": "foo", "version": "1", "platform": "x", "mode": "cli"}},
         "at /client/id: must be equal to one of the allowed values"),
        ({"client": {"id": "cli", "version": "1", "platform": "x", "mode": "foo"}},
         "at /client/mode: must be equal to one of the allowed values"),
        ({"client": {"id": "cli", "version": "", "platform": "x", "mode": "cli"}},
         "at /client/version: must not have fewer than 1 characters"),
        ({"scopes": "all"}, "at /scopes: must be array"),
        ({"scopes": ["a"] * 65}, "at /scopes: must not have more than 64 items"),
        ({"auth": {"token": 5}}, "at /auth/token: must be string or null"),
        ({"minProtocol": 0}, "at /minProtocol: must be >= 1"),
        ({"permissions": {"camera": 1}}, "at /permissions/*: must be boolean"),
    ],
)  # fmt: skip
def test_a_schema_error_names_the_field(changes: dict[str, object], message: str) -> None:
    refusal = refused(frame({**msgspec.to_builtins(plain()), **changes}))
    assert refusal.error.message == f"invalid connect params: {message}"
    assert (refusal.error.code, refusal.close_code) == ("INVALID_REQUEST", 1008)


def test_missing_parameters_name_themselves() -> None:
    assert refused(frame({"minProtocol": 4, "maxProtocol": 4})).error.message == (
        "invalid connect params: must have required property 'client'"
    )
    missing = refused(b'{"type":"req","id":"1","method":"connect"}')
    assert missing.error.message == "invalid connect params: must be object"


@pytest.mark.parametrize(
    ("low", "high", "spoken"),
    [
        (4, 4, 4),
        (3, 4, 4),
        (3, 3, 3),
        (1, 9, 4),
        (4, 99, 4),
        (1, 3, 3),
        (5, 6, None),
        (2, 2, None),
        (4, 3, None),
    ],
)
def test_the_newest_common_version_is_spoken(low: int, high: int, spoken: int | None) -> None:
    """Operators of version 3 are served too, which the original refuses; its shapes are a subset."""
    data = frame(plain(min_protocol=low, max_protocol=high))
    if spoken is not None:
        assert server().receive(data).protocol == spoken
        return
    refusal = refused(data)
    assert refusal.close_code == 1002
    assert refusal.error.message == "protocol mismatch"
    assert refusal.error.details == {
        "code": "PROTOCOL_MISMATCH",
        "clientMinProtocol": low,
        "clientMaxProtocol": high,
        "expectedProtocol": 4,
        "minimumProbeProtocol": 3,
    }


@pytest.mark.parametrize("role", ["worker", "admin", "", "Operator"])
def test_an_unknown_role_is_refused(role: str) -> None:
    assert refused(frame(plain(role=role))).error.message == "invalid role"


def code_and_reason(body: dict[str, Any]) -> tuple[object, object]:
    details = refused(frame(body)).error.details
    return details["code"], details["reason"]


def test_each_fault_of_a_proof_has_its_code() -> None:
    """Handshake error matrix, device rows; attack cases 8, 9 and 10."""
    invalid = ("DEVICE_AUTH_SIGNATURE_INVALID", "device-signature")
    expired = ("DEVICE_AUTH_SIGNATURE_EXPIRED", "device-signature-stale")
    mismatch = ("DEVICE_AUTH_NONCE_MISMATCH", "device-nonce-mismatch")
    required = ("DEVICE_AUTH_NONCE_REQUIRED", "device-nonce-missing")
    other_id = ("DEVICE_AUTH_DEVICE_ID_MISMATCH", "device-id-mismatch")
    bad_key = ("DEVICE_AUTH_PUBLIC_KEY_INVALID", "device-public-key")
    zeros = encode_base64url(bytes(64))
    identity_key = (1).to_bytes(32, "little")
    identity_id = hashlib.sha256(identity_key).hexdigest()
    padded = with_device()
    padded["device"]["publicKey"] += "="
    cases: list[tuple[dict[str, Any], tuple[str, str]]] = [
        (with_device(changes={"signature": zeros}), invalid),
        (with_device(changes={"signature": zeros + "=="}), invalid),
        (with_device(changes={"signature": "!"}), invalid),
        (with_device(signed_at_ms=0), expired),
        (with_device(signed_at_ms=NOW_MS - MAX_SIGNATURE_SKEW_MS - 1), expired),
        (with_device(signed_at_ms=NOW_MS + MAX_SIGNATURE_SKEW_MS + 1), expired),
        (with_device(nonce="another"), mismatch),
        (with_device(nonce=""), required),
        (with_device(nonce="  "), required),
        (with_device(changes={"id": "0" * 64}), other_id),
        (with_device(changes={"publicKey": "!!"}), other_id),
        (
            with_device(changes={"publicKey": encode_base64url(DeviceIdentity.generate().public_key)}),
            other_id,
        ),
        (padded, bad_key),
        (
            with_device(changes={"publicKey": encode_base64url(identity_key), "id": identity_id}),
            bad_key,
        ),
        (
            with_device(changes={"publicKey": "AAAA", "id": hashlib.sha256(bytes(3)).hexdigest()}),
            bad_key,
        ),
    ]
    assert [code_and_reason(body) for body, _ in cases] == [expected for _, expected in cases]


@pytest.mark.parametrize("skew_ms", [-MAX_SIGNATURE_SKEW_MS, 0, MAX_SIGNATURE_SKEW_MS])
def test_a_clock_a_little_off_is_no_fault(skew_ms: int) -> None:
    assert server().receive(frame(with_device(signed_at_ms=NOW_MS + skew_ms))).proof == "v3"


@pytest.mark.parametrize("value", ["-1", "1.5", "1e308", '"soon"', "NaN", "null", "9" * 5000])
def test_a_time_that_is_none_is_a_typed_error(value: str) -> None:
    """Attack case 9."""
    body = with_device()
    body["device"]["signedAt"] = 31415926535
    refusal = refused(frame(body).replace(b"31415926535", value.encode()))
    assert refusal.error.code == "INVALID_REQUEST"
    assert refusal.close_code == 1008


@pytest.mark.parametrize(
    "changes",
    [
        {"role": "node"},
        {"scopes": ("operator.admin",)},
        {"auth": ConnectAuth(token="other")},
        {"client": ClientInfo(id="cli", version="1", platform="darwin", mode="cli")},
    ],
)
def test_a_connect_other_than_the_signed_one_is_refused(changes: dict[str, object]) -> None:
    """Attack case 10: role, scopes, credential and platform are what the device signed."""
    proof = DeviceIdentity.generate().prove(plain(), NONCE, NOW_MS)
    refusal = refused(frame(plain(device=proof, **changes)))
    assert refusal.error.details["code"] == "DEVICE_AUTH_SIGNATURE_INVALID"


def test_a_proof_for_one_connection_is_worth_nothing_on_the_next() -> None:
    """Attack case 8."""
    data = frame(with_device())
    assert server().receive(data).proof == "v3"
    with pytest.raises(HandshakeRefused) as caught:
        ServerHandshake("another nonce", NOW_MS).receive(data)
    assert caught.value.error.details["code"] == "DEVICE_AUTH_NONCE_MISMATCH"


def test_a_challenge_is_good_for_one_frame() -> None:
    handshake = server()
    with pytest.raises(HandshakeRefused):
        handshake.receive(b"xx")
    with pytest.raises(HandshakeRefused, match="already used"):
        handshake.receive(frame(plain()))


def judged(data: bytes | str) -> ConnectAttempt | HandshakeRefused:
    try:
        return server().receive(data)
    except HandshakeRefused as refusal:
        return refusal


@given(st.binary(max_size=300) | st.text(max_size=300))
def test_any_bytes_are_accepted_or_refused_and_nothing_else(data: bytes | str) -> None:
    outcome = judged(data)
    assert isinstance(outcome, ConnectAttempt) or outcome.close_code in {1002, 1008, 1009}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@given(st.sampled_from(sorted(msgspec.to_builtins(plain()))), JSON)
def test_any_value_in_any_field_is_accepted_or_refused(field: str, value: object) -> None:
    outcome = judged(frame({**msgspec.to_builtins(plain()), field: value}))
    assert isinstance(outcome, ConnectAttempt) or outcome.error.code == "INVALID_REQUEST"


HELLO = HelloOk(
    protocol=4,
    server=ServerInfo(version="1", boot_id="b", conn_id="c"),
    features=Features(methods=["health"], events=[], capabilities=[]),
    snapshot=Snapshot(
        suspension=Suspension(phase="accepting"),
        presence=msgspec.Raw(b"[]"),
        health=msgspec.Raw(b"{}"),
        state_version=StateVersion(1, 1),
        uptime_ms=1,
    ),
    auth=HelloAuth(method="token", role=Role.OPERATOR, scopes=[Scope.READ]),
    policy=Policy(
        max_payload=1,
        max_buffered_bytes=1,
        tick_interval_ms=1,
        attachments=AttachmentPolicy(max_bytes=1, max_image_bytes=1),
    ),
)


@pytest.mark.parametrize("version", ["v2", "v3"])
def test_client_and_server_understand_each_other(version: ProofVersion) -> None:
    identity = DeviceIdentity.generate()
    gateway, client = server(), ClientHandshake(plain(), identity, version=version)
    assert client.receive(b'{"type":"event","event":"tick","payload":{"ts":1}}') is None
    request = client.receive(gateway.challenge())
    assert isinstance(request, bytes)
    attempt = gateway.receive(request)
    assert attempt.proof == version
    assert attempt.params.device is not None
    assert attempt.params.device.id == identity.device_id
    assert client.receive(b'{"type":"event","event":"tick","payload":{"ts":1}}') is None
    hello = client.receive(encode_result(attempt.request_id, msgspec.json.encode(HELLO)))
    assert isinstance(hello, HelloOk)
    assert hello.auth.scopes == [Scope.READ]


def test_a_client_signs_only_once() -> None:
    client = ClientHandshake(plain(), DeviceIdentity.generate())
    assert client.receive(server().challenge()) is not None
    assert client.receive(server().challenge()) is None


def test_a_client_learns_why_it_was_refused() -> None:
    client = ClientHandshake(plain())
    client.receive(server().challenge())
    error = NotPaired("pairing required: x", {"code": "PAIRING_REQUIRED", "requestId": "r"})
    with pytest.raises(ConnectRefused) as caught:
        client.receive(encode_failure("connect", error.shape()))
    refusal = caught.value
    assert (refusal.code, refusal.detail_code, refusal.details["requestId"]) == (
        "NOT_PAIRED",
        "PAIRING_REQUIRED",
        "r",
    )
    assert (refusal.retryable, refusal.retry_after_ms) == (False, None)


def test_a_client_ignores_answers_it_did_not_ask_for_and_refuses_nonsense() -> None:
    client = ClientHandshake(plain())
    answer = encode_result("connect", msgspec.json.encode(HELLO))
    assert client.receive(answer) is None, "before the challenge nothing was asked"
    client.receive(server().challenge())
    assert client.receive(encode_result("another", b"{}")) is None
    with pytest.raises(InvalidRequest, match="hello-ok"):
        client.receive(encode_result("connect", b"{}"))
    with pytest.raises(InvalidRequest):
        client.receive(b"nonsense")
