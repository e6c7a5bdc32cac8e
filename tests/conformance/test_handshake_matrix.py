"""The handshake error matrix against the shipped daemon, with v2 and v3 proofs (rows DC-1, S3.T-2).

Each refusal is held to its code, `details.code` and close code as recorded from OpenClaw 2026.9.6. Two rows
differ on purpose: unknown fields are ignored, because the original's own current clients send some, and
operators of protocol 3 are served.
"""

import json
from typing import Any, Literal

import pytest

from tests.support.daemon import TOKEN, Daemon
from tests.support.wire import DeviceKey, Json, RpcError, WireClient, b64url, connect_params

Version = Literal["v2", "v3"]
ELSEWHERE = {"X-Forwarded-For": "203.0.113.5"}
VERSIONS = pytest.mark.parametrize("version", ["v2", "v3"])
TUI: Json = {"id": "openclaw-tui", "mode": "ui"}
NODE: Json = {"id": "node-host", "mode": "node"}


class Refusal:
    """How a connect was turned down."""

    def __init__(self, error: RpcError, close_code: int | None, close_reason: str | None) -> None:
        self.code = error.code
        self.message = error.message
        self.details = error.details
        self.detail_code = error.details.get("code")
        self.close_code = close_code
        self.close_reason = close_reason


async def enter(daemon: Daemon, *, headers: dict[str, str] | None = None, **connect: Any) -> Json:
    """`hello-ok` of a connect that is let in."""
    token = connect.pop("token", TOKEN)
    async with await WireClient.open(daemon.ws_url, token=token, headers=headers) as client:
        return await client.connect(**connect)


async def refused(daemon: Daemon, *, headers: dict[str, str] | None = None, **connect: Any) -> Refusal:
    """The refusal of a connect that is not."""
    token = connect.pop("token", TOKEN)
    async with await WireClient.open(daemon.ws_url, token=token, headers=headers) as client:
        with pytest.raises(RpcError) as caught:
            await client.connect(**connect)
        return Refusal(caught.value, *await client.closed())


# Before the device


async def test_the_challenge_comes_first_and_without_seq(shared_daemon: Daemon) -> None:
    async with await WireClient.open(shared_daemon.ws_url) as client:
        assert set(client.challenge) == {"nonce", "ts", "capabilities"}
        assert "seq" not in client.events[0]


@pytest.mark.parametrize("path", ["", "ws", "gateway", "any/other/path"])
async def test_any_path_is_the_socket(shared_daemon: Daemon, path: str) -> None:
    async with await WireClient.open(shared_daemon.ws_url + path, token=TOKEN) as client:
        assert (await client.connect())["type"] == "hello-ok"


async def test_a_first_request_that_is_not_connect(shared_daemon: Daemon) -> None:
    async with await WireClient.open(shared_daemon.ws_url) as client:
        with pytest.raises(RpcError) as caught:
            await client.call("health", {})
        assert caught.value.code == "INVALID_REQUEST"
        assert caught.value.message == "invalid handshake: first request must be connect"
        assert await client.closed() == (1008, "invalid handshake: first request must be connect")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"client": {"id": "foo"}}, "at /client/id: must be equal to one of the allowed values"),
        ({"client": {"mode": "foo"}}, "at /client/mode: must be equal to one of the allowed values"),
        ({"client": {"version": ""}}, "at /client/version: must not have fewer than 1 characters"),
        ({"minProtocol": "4"}, "at /minProtocol: must be integer"),
    ],
)
async def test_schema_errors(shared_daemon: Daemon, changes: Json, message: str) -> None:
    refusal = await refused(shared_daemon, **changes)
    assert (refusal.code, refusal.close_code) == ("INVALID_REQUEST", 1008)
    assert refusal.message == refusal.close_reason == f"invalid connect params: {message}"


async def test_fields_of_newer_clients_are_ignored(shared_daemon: Daemon) -> None:
    hello = await enter(shared_daemon, modelCatalog={"agentId": "main"}, foo=1)
    assert hello["protocol"] == 4


async def test_a_protocol_range_without_a_known_version(shared_daemon: Daemon) -> None:
    refusal = await refused(shared_daemon, minProtocol=5, maxProtocol=6)
    assert (refusal.code, refusal.message, refusal.close_code) == (
        "INVALID_REQUEST",
        "protocol mismatch",
        1002,
    )
    assert refusal.details == {
        "code": "PROTOCOL_MISMATCH",
        "clientMinProtocol": 5,
        "clientMaxProtocol": 6,
        "expectedProtocol": 4,
        "minimumProbeProtocol": 3,
    }


@pytest.mark.parametrize(
    ("low", "high", "client", "spoken"),
    [(3, 4, {}, 4), (3, 3, {"mode": "probe"}, 3), (3, 3, {}, 3), (4, 7, {}, 4)],
)
async def test_protocol_ranges_that_are_served(
    shared_daemon: Daemon, low: int, high: int, client: Json, spoken: int
) -> None:
    assert (await enter(shared_daemon, minProtocol=low, maxProtocol=high, client=client))[
        "protocol"
    ] == spoken


async def test_a_node_of_protocol_3_is_served(shared_daemon: Daemon) -> None:
    hello = await enter(
        shared_daemon, identity=DeviceKey(), client=NODE, role="node", scopes=[], minProtocol=3, maxProtocol=3
    )
    assert (hello["protocol"], hello["auth"]["role"]) == (3, "node")


async def test_an_unknown_role(shared_daemon: Daemon) -> None:
    refusal = await refused(shared_daemon, role="foo")
    assert (refusal.code, refusal.message, refusal.close_code) == ("INVALID_REQUEST", "invalid role", 1008)


# Credentials


@pytest.mark.parametrize("auth", [None, {}, {"token": ""}])
async def test_neither_credential_nor_device(shared_daemon: Daemon, auth: Json | None) -> None:
    refusal = await refused(shared_daemon, auth=auth)
    assert (refusal.code, refusal.message) == ("NOT_PAIRED", "device identity required")
    assert (refusal.detail_code, refusal.close_code) == ("DEVICE_IDENTITY_REQUIRED", 1008)


async def test_a_user_interface_without_a_device(shared_daemon: Daemon) -> None:
    refusal = await refused(shared_daemon, client=TUI)
    assert (refusal.code, refusal.detail_code) == ("INVALID_REQUEST", "CONTROL_UI_DEVICE_IDENTITY_REQUIRED")
    assert refusal.close_code == 1008


async def test_a_browser_client_without_an_origin(shared_daemon: Daemon) -> None:
    refusal = await refused(shared_daemon, client={"id": "openclaw-control-ui", "mode": "webchat"})
    assert refusal.detail_code == "CONTROL_UI_ORIGIN_NOT_ALLOWED"


async def test_a_wrong_token(shared_daemon: Daemon) -> None:
    refusal = await refused(shared_daemon, auth={"token": "wrong"})
    assert (refusal.code, refusal.close_code) == ("INVALID_REQUEST", 1008)
    assert refusal.message.startswith("unauthorized: gateway token mismatch")
    assert refusal.details == {
        "code": "AUTH_TOKEN_MISMATCH",
        "authReason": "token_mismatch",
        "canRetryWithDeviceToken": False,
        "recommendedNextStep": "update_auth_credentials",
    }


@VERSIONS
async def test_credentials_of_a_device(shared_daemon: Daemon, version: Version) -> None:
    device = DeviceKey()
    cases: list[tuple[Json, str, str]] = [
        ({}, "AUTH_TOKEN_MISSING", "update_auth_configuration"),
        ({"token": "wrong"}, "AUTH_TOKEN_MISMATCH", "retry_with_device_token"),
        ({"deviceToken": "wrong"}, "AUTH_DEVICE_TOKEN_MISMATCH", "update_auth_credentials"),
        ({"bootstrapToken": "wrong"}, "AUTH_BOOTSTRAP_TOKEN_INVALID", "review_auth_configuration"),
    ]
    for auth, code, next_step in cases:
        refusal = await refused(shared_daemon, identity=device, proof=version, auth=auth, client=TUI)
        assert (refusal.code, refusal.detail_code, refusal.close_code) == ("INVALID_REQUEST", code, 1008)
        assert refusal.details["recommendedNextStep"] == next_step


@VERSIONS
async def test_a_foreign_device_token(shared_daemon: Daemon, version: Version) -> None:
    owner = await enter(shared_daemon, identity=DeviceKey(), proof=version, client=TUI)
    foreign = {"deviceToken": owner["auth"]["deviceToken"]}
    refusal = await refused(shared_daemon, identity=DeviceKey(), proof=version, auth=foreign, client=TUI)
    assert refusal.detail_code == "AUTH_DEVICE_TOKEN_MISMATCH"


@VERSIONS
async def test_a_device_token_for_more_than_it_grants(shared_daemon: Daemon, version: Version) -> None:
    device = DeviceKey()
    hello = await enter(shared_daemon, identity=device, proof=version, client=TUI, scopes=["operator.read"])
    own = {"deviceToken": hello["auth"]["deviceToken"]}
    refusal = await refused(
        shared_daemon, identity=device, proof=version, auth=own, client=TUI, scopes=["operator.admin"]
    )
    assert (refusal.code, refusal.detail_code) == ("INVALID_REQUEST", "AUTH_SCOPE_MISMATCH")
    assert refusal.details["recommendedNextStep"] == "review_auth_configuration"


async def test_the_password_field_may_hold_the_token(shared_daemon: Daemon) -> None:
    assert (await enter(shared_daemon, auth={"password": TOKEN}))["auth"]["method"] == "token"


# Proofs


@VERSIONS
@pytest.mark.parametrize(
    ("forge", "code", "reason"),
    [
        ({"signature": b64url(bytes(64))}, "SIGNATURE_INVALID", "device-signature"),
        ({"signedAt": 1000}, "SIGNATURE_EXPIRED", "device-signature-stale"),
        ({"nonce": "another"}, "NONCE_MISMATCH", "device-nonce-mismatch"),
        ({"nonce": " "}, "NONCE_REQUIRED", "device-nonce-missing"),
        ({"id": "0" * 64}, "DEVICE_ID_MISMATCH", "device-id-mismatch"),
        ({"publicKey": "!!"}, "DEVICE_ID_MISMATCH", "device-id-mismatch"),
    ],
)
async def test_each_fault_of_a_proof(
    shared_daemon: Daemon, version: Version, forge: Json, code: str, reason: str
) -> None:
    async with await WireClient.open(shared_daemon.ws_url) as client:
        params = connect_params(TOKEN, client=TUI)
        device = DeviceKey().proof(params, client.challenge, version) | forge
        with pytest.raises(RpcError) as caught:
            await client.call("connect", {**params, "device": device})
        assert caught.value.code == "INVALID_REQUEST"
        assert caught.value.details == {"code": f"DEVICE_AUTH_{code}", "reason": reason}
        assert (await client.closed())[0] == 1008


@VERSIONS
async def test_a_paired_device_comes_back_with_the_same_token(
    shared_daemon: Daemon, version: Version
) -> None:
    device = DeviceKey()
    first = (await enter(shared_daemon, identity=device, proof=version, client=TUI))["auth"]
    assert (first["method"], first["role"]) == ("token", "operator")
    again = (await enter(shared_daemon, identity=device, proof=version, client=TUI))["auth"]
    own = {"deviceToken": first["deviceToken"]}
    by_token = (await enter(shared_daemon, identity=device, proof=version, client=TUI, auth=own))["auth"]
    assert first["deviceToken"] == again["deviceToken"] == by_token["deviceToken"]
    assert first["issuedAtMs"] == again["issuedAtMs"]
    assert by_token["method"] == "device-token"


async def test_both_proofs_of_one_key_are_the_same_device(shared_daemon: Daemon) -> None:
    device = DeviceKey()
    tokens = {
        (await enter(shared_daemon, identity=device, proof=version, client=TUI))["auth"]["deviceToken"]
        for version in ("v2", "v3")
    }
    assert len(tokens) == 1


# Pairing, from elsewhere


@VERSIONS
async def test_a_new_device_from_elsewhere(proxied: Daemon, version: Version) -> None:
    device = DeviceKey()
    refusal = await refused(
        proxied, headers=ELSEWHERE, identity=device, proof=version, client=TUI, scopes=["operator.read"]
    )
    assert (refusal.code, refusal.message) == ("NOT_PAIRED", "pairing required: device is not approved yet")
    assert refusal.close_code == 1008
    assert refusal.details.pop("requestId")
    assert refusal.details.pop("remediationHint")
    assert refusal.details == {
        "code": "PAIRING_REQUIRED",
        "reason": "not-paired",
        "deviceId": device.id,
        "requestedRole": "operator",
        "requestedScopes": ["operator.read"],
        "recommendedNextStep": "wait_then_retry",
        "retryable": True,
        "pauseReconnect": False,
    }


@VERSIONS
async def test_a_new_node_from_elsewhere(proxied: Daemon, version: Version) -> None:
    refusal = await refused(
        proxied, headers=ELSEWHERE, identity=DeviceKey(), proof=version, client=NODE, role="node", scopes=[]
    )
    assert refusal.detail_code == "PAIRING_REQUIRED"
    assert not {"recommendedNextStep", "retryable", "pauseReconnect"} & set(refusal.details)


@VERSIONS
async def test_upgrades_from_elsewhere(proxied: Daemon, version: Version) -> None:
    device = DeviceKey()
    await enter(proxied, identity=device, proof=version, client=TUI, scopes=["operator.read"])
    cases: list[tuple[str, Json]] = [
        ("scope-upgrade", {"client": TUI, "scopes": ["operator.admin"]}),
        ("role-upgrade", {"client": NODE, "role": "node", "scopes": []}),
        ("metadata-upgrade", {"client": {**TUI, "platform": "darwin"}, "scopes": ["operator.read"]}),
    ]
    for reason, changes in cases:
        refusal = await refused(proxied, headers=ELSEWHERE, identity=device, proof=version, **changes)
        assert (refusal.code, refusal.detail_code) == ("NOT_PAIRED", "PAIRING_REQUIRED")
        assert refusal.details["reason"] == reason
        assert refusal.details["approvedRoles"] == ["operator"]
        assert refusal.details["approvedScopes"] == ["operator.read"]


async def test_a_command_line_from_elsewhere_gets_no_scopes(proxied: Daemon) -> None:
    assert (await enter(proxied, headers=ELSEWHERE))["auth"]["scopes"] == []
    assert "operator.admin" in (await enter(proxied))["auth"]["scopes"]


async def test_what_hello_says(shared_daemon: Daemon) -> None:
    hello = await enter(shared_daemon, identity=DeviceKey(), client=TUI)
    assert hello["auth"]["scopes"] == connect_params(None)["scopes"]
    assert hello["snapshot"]["presence"][0]["mode"] == "gateway"
    assert "device.pair.list" in hello["features"]["methods"]
    assert {"device.pair.requested", "presence"} <= set(hello["features"]["events"])
    assert json.dumps(hello).count(TOKEN) == 0
