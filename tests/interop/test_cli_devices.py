"""`openclaw devices …`: a remote device asks, a person approves, names, rotates and removes it.

Issue "Done when" 2, "Devices and pairing"; rows S0.3-14, S1.B-4.
"""

import asyncio

import pytest

from tests.support.daemon import TOKEN
from tests.support.openclaw import OpenClawCli
from tests.support.recorder import Recorder
from tests.support.wire import DeviceKey, Json, RpcError, WireClient

pytestmark = pytest.mark.asyncio(loop_scope="module")

# TEST-NET-3: an address no test machine has, so that the gateway sees a client from elsewhere.
REMOTE = {"X-Forwarded-For": "203.0.113.5"}
SCOPES = ["operator.read"]


@pytest.fixture(scope="module")
def trusted_proxies() -> tuple[str, ...]:
    return ("127.0.0.1",)


async def knock(recorder: Recorder, key: DeviceKey, auth: Json | None = None) -> tuple[WireClient, Json]:
    """Connect as a remote device; returns the connection and `hello-ok`.

    Raises:
        RpcError: The gateway did not let it in.
    """
    client = await WireClient.open(f"ws://127.0.0.1:{recorder.port}/", token=TOKEN, headers=REMOTE)
    try:
        credentials = auth or {"token": TOKEN}
        return client, await client.connect(identity=key, scopes=SCOPES, auth=credentials)
    except RpcError:
        await client.closed()
        raise


async def pending_request(recorder: Recorder, key: DeviceKey) -> str:
    """Let `key` knock for the first time; returns the id of the request that now waits."""
    with pytest.raises(RpcError) as refused:
        await knock(recorder, key)
    assert (refused.value.code, refused.value.details["code"]) == ("NOT_PAIRED", "PAIRING_REQUIRED")
    assert refused.value.details["reason"] == "not-paired"
    return str(refused.value.details["requestId"])


async def test_list_shows_the_pending_and_the_approved_device(cli: OpenClawCli, recorder: Recorder) -> None:
    key = DeviceKey()
    request = await pending_request(recorder, key)
    assert await pending_request(recorder, key) == request, "a device that asks again keeps its request"
    assert request in (await cli.ok("devices", "list")).stdout

    shown = await cli.ok("devices", "approve", request)
    assert f"Approved {key.id}" in shown.stdout
    client, hello = await knock(recorder, key)
    async with client:
        assert hello["auth"]["scopes"] == SCOPES
        assert hello["auth"]["deviceToken"]

        listed = (await cli.ok("devices", "list", "--json")).json()
        assert request not in {entry["requestId"] for entry in listed["pending"]}
        device = next(entry for entry in listed["paired"] if entry["deviceId"] == key.id)
        assert (device["roles"], device["scopes"]) == (["operator"], SCOPES)
        assert [token["role"] for token in device["tokens"]] == ["operator"]


async def test_an_unknown_request_is_not_approved(cli: OpenClawCli) -> None:
    run = await cli.run("devices", "approve", "00000000-0000-4000-8000-000000000000")
    assert run.code == 1
    assert "No pending device request matches" in run.stderr


async def test_rename_rotate_and_remove(cli: OpenClawCli, recorder: Recorder) -> None:
    key = DeviceKey()
    await cli.ok("devices", "approve", await pending_request(recorder, key))
    client, hello = await knock(recorder, key)

    shown = await cli.ok("devices", "rename", "--device", key.id, "--name", "desk phone")
    assert f"Renamed {key.id}" in shown.stdout
    assert "desk phone" in (await cli.ok("devices", "list")).stdout

    rotated = (await cli.ok("devices", "rotate", "--device", key.id, "--role", "operator")).json()
    assert (rotated["deviceId"], rotated["role"], rotated["scopes"]) == (key.id, "operator", SCOPES)
    assert "token" not in rotated, "another device's new token is not shown to the operator"
    async with asyncio.timeout(1):
        await client.closed()
    with pytest.raises(RpcError) as refused:
        await knock(recorder, key, auth={"deviceToken": hello["auth"]["deviceToken"]})
    assert refused.value.details["code"] == "AUTH_DEVICE_TOKEN_MISMATCH"

    assert f"Removed {key.id}" in (await cli.ok("devices", "remove", key.id)).stdout
    listed = (await cli.ok("devices", "list", "--json")).json()
    assert key.id not in {entry["deviceId"] for entry in listed["paired"]}


async def test_reject_forgets_the_request(cli: OpenClawCli, recorder: Recorder) -> None:
    request = await pending_request(recorder, DeviceKey())
    assert "Rejected" in (await cli.ok("devices", "reject", request)).stdout
    assert request not in (await cli.ok("devices", "list")).stdout
