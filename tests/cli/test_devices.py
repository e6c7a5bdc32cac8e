"""`homarus devices` against real devices."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.command import ask_async, one_line_error, run
from tests.support.daemon import Daemon
from tests.support.wire import DeviceKey, RpcError, WireClient

PHONE = {"id": "openclaw-ios", "mode": "ui", "platform": "iOS 18.4", "deviceFamily": "iPhone"}


FROM_AFAR = {"X-Forwarded-For": "203.0.113.5"}
"""What a trusted proxy says of a device that is not on this machine, where nobody is let in silently."""


@pytest.fixture
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """A gateway behind a proxy on this machine."""
    started = Daemon(
        tmp_path_factory.mktemp("gateway"), config='[gateway]\ntrusted_proxies = ["127.0.0.1"]\n'
    )
    started.launch()
    try:
        yield started
    finally:
        started.close()


async def wait_for_approval(daemon: Daemon, key: DeviceKey, name: str) -> None:
    """Ask from afar to be paired, and be told to wait."""
    async with await WireClient.open(daemon.ws_url, token=daemon.token, headers=FROM_AFAR) as client:
        with pytest.raises(RpcError, match="pairing required"):
            await client.connect(identity=key, client={**PHONE, "displayName": name})


async def paired(daemon: Daemon, key: DeviceKey) -> WireClient:
    """A connected, silently paired device of this machine."""
    client = await WireClient.open(daemon.ws_url, token=daemon.token)
    await client.connect(identity=key)
    return client


async def test_a_waiting_device_is_listed_and_approved(daemon: Daemon) -> None:
    key = DeviceKey()
    await wait_for_approval(daemon, key, "Ann's phone")
    listed = (await ask_async(daemon, "devices", "list")).out
    assert "Ann's phone" in listed
    assert key.id[:12] in listed
    approved = await ask_async(daemon, "devices", "approve")
    assert approved.code == 0, approved.err
    assert key.id[:12] in approved.out
    devices = (await ask_async(daemon, "devices", "list", "--json")).json
    assert (devices["pending"], [row["deviceId"] for row in devices["paired"]]) == ([], [key.id])


async def test_names_of_devices_cannot_drive_the_terminal(daemon: Daemon) -> None:
    """The name is the device's own words."""
    await wait_for_approval(daemon, DeviceKey(), "\x1b[2J\x1b[31mroot\u202e")
    result = await ask_async(daemon, "devices", "list")
    assert "\x1b" not in result.out
    assert "\u202e" not in result.out
    assert r"\x1b[2J" in result.out


async def test_rejecting_leaves_nothing(daemon: Daemon) -> None:
    key = DeviceKey()
    await wait_for_approval(daemon, key, "stranger")
    assert (await ask_async(daemon, "devices", "reject", key.id[:8])).code == 0
    one_line_error(await ask_async(daemon, "devices", "approve"), 1)


async def test_rename_rotate_revoke_remove(daemon: Daemon) -> None:
    key = DeviceKey()
    client = await paired(daemon, key)
    assert (await ask_async(daemon, "devices", "rename", key.id[:6], "Desk")).code == 0
    assert "Desk" in (await ask_async(daemon, "devices", "list")).out
    rotated = await ask_async(daemon, "devices", "rotate", "Desk", "--scope", "read", "--json")
    assert (rotated.json["tokenDelivery"], rotated.json["scopes"]) == (
        "withheld-cross-device",
        ["operator.read"],
    )
    assert (await client.closed())[0] == 4001
    again = await paired(daemon, key)
    assert (await ask_async(daemon, "devices", "revoke", "Desk")).code == 0
    assert (await again.closed())[0] == 4001
    assert "revoked" in (await ask_async(daemon, "devices", "list")).out
    assert (await ask_async(daemon, "devices", "remove", "Desk")).code == 0
    one_line_error(await ask_async(daemon, "devices", "remove", "Desk"), 1)


async def test_several_matches_are_not_guessed_among(daemon: Daemon) -> None:
    for name in ("one", "two"):
        await wait_for_approval(daemon, DeviceKey(), name)
    one_line_error(await ask_async(daemon, "devices", "approve"), 2)


async def test_a_setup_code_lets_one_device_in(daemon: Daemon) -> None:
    made = await ask_async(daemon, "devices", "pair", "--public-url", daemon.url, "--json")
    code = made.json["setupCode"]
    payload = json.loads(base64.urlsafe_b64decode(code + "=" * (-len(code) % 4)))
    async with await WireClient.open(daemon.ws_url) as client:
        hello = await client.connect(
            identity=DeviceKey(),
            client={**PHONE, "mode": "node"},
            role="node",
            scopes=[],
            auth={"bootstrapToken": payload["bootstrapToken"]},
        )
        assert hello["auth"]["deviceToken"]


async def test_repair_lifts_a_lock_out_without_any_token(daemon: Daemon) -> None:
    """The owner of the machine can always get back in."""
    for _ in range(11):
        async with await WireClient.open(daemon.ws_url, token="wrong-token-123") as client:
            with pytest.raises(RpcError):
                await client.connect()
    repaired = await ask_async(daemon, "devices", "repair")
    assert repaired.code == 0
    async with await WireClient.open(daemon.ws_url, token=daemon.token) as client:
        assert await client.connect()


async def test_a_limited_caller_is_denied(daemon: Daemon, tmp_path: Path) -> None:
    """Exit code 77 tells scripts that asking again will not help."""
    env = {**daemon.env, "HOMARUS_HOME": str(tmp_path)}
    one_line_error(run(env, "devices", "list", "--url", daemon.url), 77)
