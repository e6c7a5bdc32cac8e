"""Pairing from the first refusal to the last token, against the shipped daemon (rows DC-7, S0.3-14, S1.B-4).

Source: the flows recorded from OpenClaw 2026.9.6 and its clients.
"""

import asyncio
import base64
import json
from typing import Any

import pytest
from websockets.asyncio.client import unix_connect

from tests.support.daemon import TOKEN, Daemon
from tests.support.wire import DeviceKey, Json, RpcError, WireClient

TUI: Json = {"id": "openclaw-tui", "mode": "ui", "displayName": "Terminal"}
NODE: Json = {"id": "node-host", "mode": "node", "displayName": "Pi"}
ELSEWHERE = {"X-Forwarded-For": "203.0.113.5"}


async def owner(daemon: Daemon, *scopes: str) -> WireClient:
    client = await WireClient.open(daemon.ws_url, token=TOKEN)
    await client.connect(scopes=list(scopes or ("operator.admin",)))
    return client


async def connect(
    daemon: Daemon, key: DeviceKey, *, headers: dict[str, str] | None = None, **wanted: Any
) -> WireClient:
    client = await WireClient.open(daemon.ws_url, token=TOKEN, headers=headers)
    try:
        await client.connect(identity=key, **wanted)
    except RpcError:
        await client.closed()
        raise
    return client


async def waits(daemon: Daemon, key: DeviceKey, **wanted: Any) -> Json:
    with pytest.raises(RpcError) as caught:
        await connect(daemon, key, headers=ELSEWHERE, **wanted)
    return caught.value.details


async def test_a_node_from_elsewhere_is_let_in_by_a_person(proxied: Daemon) -> None:
    key = DeviceKey()
    wanted: Json = {"client": NODE, "role": "node", "scopes": []}
    async with await owner(proxied) as admin, await owner(proxied, "operator.pairing") as helper:
        details = await waits(proxied, key, **wanted)
        requested = (await helper.wait_event("device.pair.requested"))["payload"]
        assert (requested["requestId"], requested["deviceId"]) == (details["requestId"], key.id)
        assert (requested["role"], requested["roles"], requested["displayName"]) == ("node", ["node"], "Pi")
        (pending,) = (await helper.call("device.pair.list", {}))["pending"]
        assert pending["remoteIp"] == "203.0.113.5"
        with pytest.raises(RpcError, match="device pairing approval denied"):
            await helper.call("device.pair.approve", {"requestId": details["requestId"]})
        answer = await admin.call("device.pair.approve", {"requestId": details["requestId"]})
        assert answer["device"]["approvedVia"] == "owner"
        assert [token["role"] for token in answer["device"]["tokens"]] == ["node"]
        resolved = (await helper.wait_event("device.pair.resolved"))["payload"]
        assert (resolved["decision"], resolved["requestId"]) == ("approved", details["requestId"])
        node = await connect(proxied, key, headers=ELSEWHERE, **wanted)
        assert node.hello["snapshot"]["presence"] == []
        (paired,) = (await admin.call("device.pair.list", {}))["paired"]
        assert (paired["connected"], paired["roles"]) == (True, ["node"])
        rotated = await admin.call("device.token.rotate", {"deviceId": key.id, "role": "node"})
        assert (rotated["scopes"], rotated["tokenDelivery"]) == ([], "withheld-cross-device")
        assert "token" not in rotated
        assert await node.closed(5.0) == (4001, "device removed")


async def test_a_request_survives_a_restart_and_keeps_its_id(proxied: Daemon) -> None:
    key = DeviceKey()
    first = await waits(proxied, key, client=TUI, scopes=["operator.read"])
    proxied.kill()
    await proxied.start()
    again = await waits(proxied, key, client=TUI, scopes=["operator.read"])
    assert again["requestId"] == first["requestId"]
    async with await owner(proxied) as admin:
        rejected = await admin.call("device.pair.reject", {"requestId": first["requestId"]})
        assert rejected == {"requestId": first["requestId"], "deviceId": key.id}
        with pytest.raises(RpcError, match="unknown requestId"):
            await admin.call("device.pair.approve", {"requestId": first["requestId"]})


async def test_tokens_and_devices_survive_a_kill(daemon: Daemon) -> None:
    key = DeviceKey()
    client = await connect(daemon, key, client=TUI)
    auth = client.hello["auth"]
    await client.close()
    daemon.kill()
    await daemon.start()
    again = await connect(daemon, key, client=TUI, auth={"deviceToken": auth["deviceToken"]})
    assert again.hello["auth"]["deviceToken"] == auth["deviceToken"]
    await again.close()


async def test_a_device_renews_its_own_token_in_band(shared_daemon: Daemon) -> None:
    key = DeviceKey()
    first = await connect(shared_daemon, key, client=TUI, scopes=["operator.pairing"])
    own = {"deviceToken": first.hello["auth"]["deviceToken"]}
    await first.close()
    client = await connect(shared_daemon, key, client=TUI, scopes=["operator.pairing"], auth=own)
    rotated = await client.call("device.token.rotate", {"deviceId": key.id, "role": "operator"})
    assert rotated["tokenDelivery"] == "in-band"
    assert (await client.closed(5.0))[0] == 4001
    fresh = {"deviceToken": rotated["token"]}
    again = await connect(shared_daemon, key, client=TUI, scopes=["operator.pairing"], auth=fresh)
    assert again.hello["auth"]["method"] == "device-token"
    await again.close()


async def test_labels(shared_daemon: Daemon) -> None:
    key = DeviceKey()
    await (await connect(shared_daemon, key, client=TUI)).close()
    async with await owner(shared_daemon, "operator.pairing") as helper:
        target = {"deviceId": key.id, "label": " Kitchen "}
        assert await helper.call("device.pair.rename", target) == {"deviceId": key.id, "label": "Kitchen"}
        await helper.wait_event("device.pair.changed")
        paired = (await helper.call("device.pair.list", {}))["paired"]
        assert next(row for row in paired if row["deviceId"] == key.id)["operatorLabel"] == "Kitchen"
        for label in ("", "x" * 65):
            with pytest.raises(RpcError, match="at /label"):
                await helper.call("device.pair.rename", {"deviceId": key.id, "label": label})


async def test_a_loopback_gateway_says_how_to_make_codes_possible(shared_daemon: Daemon) -> None:
    async with await owner(shared_daemon) as admin:
        with pytest.raises(RpcError, match="Gateway is only bound to loopback"):
            await admin.call("device.pair.setupCode", {})
        with pytest.raises(RpcError, match="at /bootstrapProfile"):
            await admin.call("device.pair.setupCode", {"bootstrapProfile": "admin"})


async def test_a_scanned_code_sets_a_phone_up(proxied: Daemon) -> None:
    async with await owner(proxied) as admin:
        code = await admin.call("device.pair.setupCode", {})
    assert code["qrDataUrl"].startswith("data:image/png;base64,")
    said: Json = json.loads(base64.urlsafe_b64decode(code["setupCode"] + "=="))
    assert (said["url"], code["urlSource"]) == ("wss://gw.example.com", "gateway.public_url")
    key = DeviceKey()
    phone: Json = {"id": "openclaw-android", "platform": "Android 16", "deviceFamily": "Android"}
    node = await connect(
        proxied, key, headers=ELSEWHERE, client={**phone, "mode": "node"}, role="node", scopes=[],
        auth={"bootstrapToken": said["bootstrapToken"]},
    )  # fmt: skip
    (extra,) = node.hello["auth"]["deviceTokens"]
    assert (node.hello["auth"]["method"], extra["role"]) == ("bootstrap-token", "operator")
    operator = await connect(
        proxied, key, headers=ELSEWHERE, client={**phone, "mode": "ui"}, scopes=extra["scopes"],
        auth={"deviceToken": extra["deviceToken"]},
    )  # fmt: skip
    assert operator.hello["auth"]["scopes"] == extra["scopes"]
    await operator.close()
    await node.close()


async def test_the_owner_of_the_machine_can_always_repair(proxied: Daemon) -> None:
    """Over the local socket no token, device or approval is needed, so repairing cannot wait for itself."""
    key = DeviceKey()
    details = await waits(proxied, key, client=TUI, scopes=["operator.admin"])
    for _ in range(11):
        client = await WireClient.open(proxied.ws_url, token="guess", headers=ELSEWHERE)
        with pytest.raises(RpcError):
            await client.connect()
        await client.closed()
    socket = await unix_connect(str(proxied.home / "gateway.sock"), "ws://localhost/", user_agent_header=None)
    async with WireClient(socket, None) as local:
        await local.wait_event("connect.challenge")
        await local.connect(scopes=["operator.admin"])
        repaired = await local.call("devices.repair", {"approve": details["requestId"]})
    assert repaired["lockouts"] == 1
    assert repaired["pending"] == []
    assert repaired["actions"] == ["approved Terminal", "lifted 1 lock-outs"]
    admin = await connect(proxied, key, headers=ELSEWHERE, client=TUI, scopes=["operator.admin"])
    assert admin.hello["auth"]["scopes"] == ["operator.admin"]
    await admin.close()


async def test_repair_is_for_admins_and_strict_about_its_parameters(shared_daemon: Daemon) -> None:
    async with await owner(shared_daemon, "operator.pairing") as helper:
        with pytest.raises(RpcError) as caught:
            await helper.call("devices.repair", {})
        assert caught.value.details["missingScope"] == "operator.admin"
    async with await owner(shared_daemon) as admin:
        with pytest.raises(RpcError, match="unexpected property 'aprove'"):
            await admin.call("devices.repair", {"aprove": "x"})


async def test_everyone_sees_who_is_there(shared_daemon: Daemon) -> None:
    async with await owner(shared_daemon, "operator.read") as reader:
        before: list[Json] = await reader.call("system-presence", {})
        assert (before[0]["mode"], before[0]["reason"]) == ("gateway", "self")
        key = DeviceKey()
        client = await connect(shared_daemon, key, client=TUI)
        assert client.hello["auth"]["role"] == "operator"
        event = await reader.wait_event("presence", lambda payload: key.id in json.dumps(payload))
        row = next(row for row in event["payload"]["presence"] if row.get("deviceId") == key.id)
        assert (row["reason"], row["host"], row["mode"]) == ("connect", "Terminal", "ui")
        assert "ip" not in row
        version = event["stateVersion"]["presence"]
        await client.close()
        gone = await reader.wait_event(
            "presence",
            lambda payload: any(
                row.get("deviceId") == key.id and row["reason"] == "disconnect" for row in payload["presence"]
            ),
        )
        assert gone["stateVersion"]["presence"] > version
        assert (
            len([row for row in await reader.call("system-presence", {}) if row.get("deviceId") == key.id])
            == 1
        )


async def test_notes_and_the_heartbeat_switch(daemon: Daemon) -> None:
    async with await owner(daemon) as admin:
        assert await admin.call("last-heartbeat", {}) is None
        assert await admin.call("set-heartbeats", {"enabled": False}) == {"ok": True, "enabled": False}
        assert await admin.call("wake", {"mode": "now", "text": "look"}) == {"ok": True}
        assert await admin.call("wake", {"mode": "now", "text": "  "}) == {"ok": False}
        for params, field in (({"mode": "later", "text": "x"}, "/mode"), ({"mode": "now"}, "text")):
            with pytest.raises(RpcError, match=field):
                await admin.call("wake", params)
        beacon = {"text": "Node: desk", "deviceId": "d1", "host": "desk", "tags": ["t"]}
        assert await admin.call("system-event", beacon) == {"ok": True}
        rows: list[Json] = await admin.call("system-presence", {})
        assert next(row for row in rows if row.get("deviceId") == "d1")["host"] == "desk"


async def test_the_owner_and_their_preferences(shared_daemon: Daemon) -> None:
    async with (
        await connect(shared_daemon, DeviceKey(), client=TUI) as client,
        await owner(shared_daemon) as nobody,
    ):
        assert (await client.call("users.self", {}))["profile"]["id"] == "gateway-owner"
        with pytest.raises(RpcError) as caught:
            await nobody.call("users.self", {})
        assert (caught.value.code, caught.value.message) == (
            "FORBIDDEN",
            "users.self requires an authenticated user",
        )
        assert await nobody.call("users.prefs.get", {}) == {"status": "no_durable_identity"}
        entries = {"ui.theme": {"name": "dark"}}
        assert await client.call("users.prefs.set", {"entries": entries}) == {"status": "ok"}
        changed = await client.wait_event("users.prefs.changed")
        assert changed["payload"] == {"profileId": "gateway-owner", "keys": ["ui.theme"]}
        assert await client.call("users.prefs.get", {"keys": ["ui.theme"]}) == {
            "status": "ok",
            "entries": entries,
        }
        conflict = {"entries": {"ui.theme": 1}, "expectedEntries": {"ui.theme": None}}
        assert await client.call("users.prefs.set", conflict) == {"status": "conflict"}


async def test_many_devices_enter_at_once(shared_daemon: Daemon) -> None:
    keys = [DeviceKey() for _ in range(40)]
    clients = await asyncio.gather(
        *(connect(shared_daemon, key, client=TUI) for key in keys for _ in range(5))
    )
    tokens = {client.hello["auth"]["deviceToken"] for client in clients}
    assert len(tokens) == len(keys), "one token per device, also when it connects five times at once"
    await asyncio.gather(*(client.close() for client in clients))
