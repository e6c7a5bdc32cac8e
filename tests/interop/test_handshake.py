"""The handshake's errors, row by row: code, `details.code`, text and close code are those of OpenClaw.

One row is left out on purpose: OpenClaw refuses a `connect` with unknown members, Homarus reads it
tolerantly, because OpenClaw's own newer clients send members that older gateways do not know.

Issue "Done when" 2 (last sentence), "Transport and handshake"; rows DC-1, S0.3-4, S0.3-14.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import pytest

from tests.support.daemon import TOKEN
from tests.support.recorder import Recorder
from tests.support.wire import DeviceKey, Json, RpcError, WireClient, connect_params

pytestmark = pytest.mark.asyncio(loop_scope="module")

UI = {"id": "openclaw-tui", "mode": "ui"}
PAGE = {"id": "openclaw-control-ui", "mode": "webchat", "platform": "Linux x86_64"}
READ = ["operator.read"]


@pytest.fixture(scope="module")
def trusted_proxies() -> tuple[str, ...]:
    return ("127.0.0.1",)


@pytest.fixture(scope="module")
def knock(recorder: Recorder) -> "Knock":
    """Opens connections to the gateway through the recorder."""
    return Knock(f"ws://127.0.0.1:{recorder.port}/")


@dataclass(frozen=True, slots=True)
class Knock:
    """Ways to try a handshake."""

    url: str

    async def open(self, remote: str | None = None) -> WireClient:
        """A connection that has its challenge; `remote` is the address a trusted proxy names."""
        headers: Mapping[str, str] = {"X-Forwarded-For": remote} if remote else {}
        return await WireClient.open(self.url, token=TOKEN, headers=headers)

    async def accepted(self, remote: str | None = None, **params: Any) -> Json:
        """The `hello-ok` of a handshake that must succeed."""
        async with await self.open(remote) as client:
            return await client.connect(**params)

    async def refused(self, remote: str | None = None, **params: Any) -> tuple[RpcError, int | None]:
        """The error and close code of a handshake that must fail."""
        client = await self.open(remote)
        with pytest.raises(RpcError) as refusal:
            await client.connect(**params)
        code, _reason = await client.closed()
        return refusal.value, code

    async def tampered(self, change: Callable[[Json, DeviceKey, Json], None]) -> tuple[RpcError, int | None]:
        """Refusal of a device proof that `change(proof, key, params)` spoiled."""
        client, key = await self.open(), DeviceKey()
        params = connect_params(TOKEN)
        proof = key.proof(params, client.challenge)
        change(proof, key, params)
        with pytest.raises(RpcError) as refusal:
            await client.call("connect", {**params, "device": proof})
        code, _reason = await client.closed()
        return refusal.value, code


async def test_first_frame_must_be_connect(knock: Knock) -> None:
    client = await knock.open()
    with pytest.raises(RpcError) as refusal:
        await client.call("health")
    assert refusal.value.code == "INVALID_REQUEST"
    assert refusal.value.message == "invalid handshake: first request must be connect"
    assert (await client.closed())[0] == 1008


@pytest.mark.parametrize(
    ("params", "text"),
    [
        ({"client": {"id": "no-such-client"}}, "at /client/id"),
        ({"client": {"mode": "no-such-mode"}}, "at /client/mode"),
        ({"client": {"version": 7}}, "at /client/version"),
        ({"minProtocol": "four"}, "at /minProtocol"),
    ],
)
async def test_wrong_params_are_named(knock: Knock, params: Json, text: str) -> None:
    error, code = await knock.refused(**params)
    assert error.code == "INVALID_REQUEST"
    assert error.message.startswith(f"invalid connect params: {text}")
    assert code == 1008


@pytest.mark.parametrize("span", [(1, 2), (5, 9)])
async def test_protocol_ranges_without_ours(knock: Knock, span: tuple[int, int]) -> None:
    error, code = await knock.refused(minProtocol=span[0], maxProtocol=span[1])
    assert (error.code, error.message, code) == ("INVALID_REQUEST", "protocol mismatch", 1002)
    assert error.details == {
        "code": "PROTOCOL_MISMATCH",
        "clientMinProtocol": span[0],
        "clientMaxProtocol": span[1],
        "expectedProtocol": 4,
        "minimumProbeProtocol": 3,
    }


async def test_unknown_role(knock: Knock) -> None:
    error, code = await knock.refused(role="emperor")
    assert (error.code, error.message, code) == ("INVALID_REQUEST", "invalid role", 1008)


async def test_neither_credentials_nor_device(knock: Knock) -> None:
    error, code = await knock.refused(auth=None)
    assert (error.code, error.message, code) == ("NOT_PAIRED", "device identity required", 1008)
    assert error.details["code"] == "DEVICE_IDENTITY_REQUIRED"


async def test_a_program_with_a_screen_needs_a_device(knock: Knock) -> None:
    error, code = await knock.refused(client=UI)
    assert (error.code, code) == ("INVALID_REQUEST", 1008)
    assert error.details["code"] == "CONTROL_UI_DEVICE_IDENTITY_REQUIRED"


async def test_a_page_from_elsewhere_is_refused(knock: Knock) -> None:
    error, code = await knock.refused(identity=DeviceKey(), client=PAGE)
    assert (error.code, code) == ("INVALID_REQUEST", 1008)
    assert error.details["code"] == "CONTROL_UI_ORIGIN_NOT_ALLOWED"


@pytest.mark.parametrize(
    ("auth", "with_device", "expected"),
    [
        (None, True, "AUTH_TOKEN_MISSING"),
        ({"token": "not-the-token-0123456789"}, False, "AUTH_TOKEN_MISMATCH"),
        ({"deviceToken": "not-a-device-token"}, True, "AUTH_DEVICE_TOKEN_MISMATCH"),
        ({"bootstrapToken": "not-a-setup-code"}, True, "AUTH_BOOTSTRAP_TOKEN_INVALID"),
    ],
)
async def test_wrong_credentials(knock: Knock, auth: Json | None, with_device: bool, expected: str) -> None:
    error, code = await knock.refused(identity=DeviceKey() if with_device else None, auth=auth)
    assert (error.code, code) == ("INVALID_REQUEST", 1008)
    assert error.message.startswith("unauthorized")
    assert error.details["code"] == expected
    assert error.details["canRetryWithDeviceToken"] is False
    assert error.details["authReason"]
    assert error.details["recommendedNextStep"]


def _bad_signature(proof: Json, key: DeviceKey, params: Json) -> None:
    proof["signature"] = "A" * 86


def _stale(proof: Json, key: DeviceKey, params: Json) -> None:
    challenge = {"nonce": proof["nonce"], "ts": proof["signedAt"] - 3_600_000}
    proof.update(key.proof(params, challenge))


def _other_nonce(proof: Json, key: DeviceKey, params: Json) -> None:
    challenge = {"nonce": "00000000-0000-4000-8000-000000000000", "ts": proof["signedAt"]}
    proof.update(key.proof(params, challenge))


def _other_id(proof: Json, key: DeviceKey, params: Json) -> None:
    proof["id"] = DeviceKey().id


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (_bad_signature, "DEVICE_AUTH_SIGNATURE_INVALID"),
        (_stale, "DEVICE_AUTH_SIGNATURE_EXPIRED"),
        (_other_nonce, "DEVICE_AUTH_NONCE_MISMATCH"),
        (_other_id, "DEVICE_AUTH_DEVICE_ID_MISMATCH"),
    ],
)
async def test_device_proofs_that_prove_nothing(
    knock: Knock, change: Callable[[Json, DeviceKey, Json], None], expected: str
) -> None:
    error, code = await knock.tampered(change)
    assert (error.code, code) == ("INVALID_REQUEST", 1008)
    assert error.details["code"] == expected
    assert error.details["reason"]


@pytest.mark.parametrize("proof", ["v2", "v3"])
async def test_both_proof_versions_are_accepted(knock: Knock, proof: Literal["v2", "v3"]) -> None:
    key = DeviceKey()
    hello = await knock.accepted(identity=key, proof=proof, scopes=READ)
    assert hello["type"] == "hello-ok"
    token = hello["auth"]["deviceToken"]
    again = await knock.accepted(identity=key, proof=proof, scopes=READ, auth={"deviceToken": token})
    assert again["auth"]["scopes"] == READ
    assert again["auth"]["deviceToken"] == token


async def test_a_device_token_buys_no_further_scopes(knock: Knock) -> None:
    key = DeviceKey()
    token = (await knock.accepted(identity=key, scopes=READ))["auth"]["deviceToken"]
    more = [*READ, "operator.admin"]
    error, code = await knock.refused(identity=key, scopes=more, auth={"deviceToken": token})
    assert (error.code, code) == ("INVALID_REQUEST", 1008)
    assert error.details["code"] == "AUTH_SCOPE_MISMATCH"
    assert error.details["recommendedNextStep"] == "review_auth_configuration"


async def test_a_device_token_belongs_to_its_device(knock: Knock) -> None:
    token = (await knock.accepted(identity=DeviceKey(), scopes=READ))["auth"]["deviceToken"]
    error, _code = await knock.refused(identity=DeviceKey(), scopes=READ, auth={"deviceToken": token})
    assert error.details["code"] == "AUTH_DEVICE_TOKEN_MISMATCH"


async def test_a_remote_device_must_be_approved(knock: Knock) -> None:
    key = DeviceKey()
    error, code = await knock.refused(remote="203.0.113.10", identity=key, scopes=READ)
    assert (error.code, code) == ("NOT_PAIRED", 1008)
    assert error.message == "pairing required: device is not approved yet"
    assert error.details["requestId"]
    expected = {
        "code": "PAIRING_REQUIRED",
        "reason": "not-paired",
        "deviceId": key.id,
        "requestedRole": "operator",
        "requestedScopes": READ,
    }
    assert {name: error.details.get(name) for name in expected} == expected


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"scopes": [*READ, "operator.write"]}, "scope-upgrade"),
        ({"role": "node", "scopes": [], "client": {"id": "node-host", "mode": "node"}}, "role-upgrade"),
        ({"client": {"platform": "darwin", "deviceFamily": "Mac"}}, "metadata-upgrade"),
    ],
)
async def test_a_remote_device_must_be_approved_for_more(
    knock: Knock, approve: Callable[[str], Awaitable[None]], change: Json, reason: str
) -> None:
    key, remote = DeviceKey(), "203.0.113.11"
    error, _code = await knock.refused(remote=remote, identity=key, scopes=READ)
    await approve(error.details["requestId"])
    await knock.accepted(remote=remote, identity=key, scopes=READ)

    error, code = await knock.refused(remote, **{"identity": key, "scopes": READ, **change})
    assert (error.code, code) == ("NOT_PAIRED", 1008)
    assert (error.details["code"], error.details["reason"]) == ("PAIRING_REQUIRED", reason)
    assert error.details["requestId"]
    assert (error.details["approvedRoles"], error.details["approvedScopes"]) == (["operator"], READ)


@pytest.fixture
def approve(knock: Knock) -> Callable[[str], Awaitable[None]]:
    """Approves a pairing request as the owner."""

    async def approve_request(request_id: str) -> None:
        async with await knock.open() as owner:
            await owner.connect()
            await owner.call("device.pair.approve", {"requestId": request_id})

    return approve_request


async def test_the_secret_may_come_as_password(knock: Knock) -> None:
    hello = await knock.accepted(auth={"password": TOKEN})
    assert hello["protocol"] == 4


async def test_a_range_from_three_is_answered_with_four(knock: Knock) -> None:
    assert (await knock.accepted(minProtocol=3, maxProtocol=4))["protocol"] == 4


async def test_unknown_params_of_a_method_are_ignored(knock: Knock) -> None:
    async with await knock.open() as client:
        await client.connect()
        assert (await client.call("health", {"noSuchParameter": 1}))["ok"] is True
