"""The shipped node and its command line, against a gateway a test plays (rows S1.B-5, DC-7)."""

import asyncio
import json
import os
import signal
import stat
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from protocol.signature import encode_base64url
from tests.support.node import NodeProcess, running
from tests.support.scripted_gateway import Json, Refused, ScriptedGateway, scripted_gateway


@pytest.fixture
async def gateway() -> AsyncIterator[ScriptedGateway]:
    async with scripted_gateway() as gateway:
        yield gateway


def toml(gateway: ScriptedGateway, more: str = "") -> str:
    return f'{more}\n[gateway]\nurl = "{gateway.url}"\n'


async def test_permissions_change_what_it_offers_at_once(tmp_path: Path, gateway: ScriptedGateway) -> None:
    node = NodeProcess(tmp_path, config=toml(gateway, 'profile = "phone"'))
    async with running(node):
        first = await gateway.connected()
        assert "location.get" not in first["commands"]
        assert first["permissions"]["location"] is False
        code, out, err = await node.cli("permissions", "allow", "location")
        assert (code, err) == (0, "")
        assert "location      allowed" in out
        second = await gateway.connected(2)
        assert "location.get" in second["commands"]
        assert second["permissions"]["location"] is True
        assert first["client"]["instanceId"] == second["client"]["instanceId"]
        code, _, _ = await node.cli("permissions", "deny", "location", "notifications")
        third = await gateway.connected(3)
        assert {"location.get", "system.notify"}.isdisjoint(third["commands"])


async def test_an_approval_while_it_asks_is_not_forgotten(tmp_path: Path, gateway: ScriptedGateway) -> None:
    """A person, or a script, may approve before the node has found out that it waits."""

    def not_yet(_: Json) -> Json:
        raise Refused("UNAVAILABLE", "awaiting operator approval")

    gateway.answers["node.runnerInventory.update"] = not_yet
    answer = gateway.answers.pop("node.event")
    node = NodeProcess(tmp_path, config=toml(gateway))
    async with running(node):
        device_id = (await gateway.connected())["device"]["id"]
        await gateway.request("node.event")
        (asked,) = [item for item in gateway.requests if item["method"] == "node.event"]
        gateway.answers["node.event"] = answer
        decided = {"requestId": "r", "nodeId": device_id, "decision": "approved", "ts": 1}
        await gateway.event("node.pair.resolved", decided)
        late = {"type": "res", "id": asked["id"], "ok": True, "payload": answer(asked["params"])}
        assert gateway.socket is not None
        await gateway.socket.send(json.dumps(late))
        await gateway.invoke("after-it", "device.info")
        await gateway.result("after-it")
        assert (await asyncio.to_thread(node.status)).surface == "approved"


async def test_a_setting_written_by_hand_counts_after_sighup(
    tmp_path: Path, gateway: ScriptedGateway
) -> None:
    node = NodeProcess(tmp_path, config=toml(gateway))
    async with running(node):
        await gateway.connected()
        node.home.config_path.write_text(toml(gateway, 'display_name = "Kitchen"'))
        os.kill(node.pid, signal.SIGHUP)
        assert (await gateway.connected(2))["client"]["displayName"] == "Kitchen"
        node.home.config_path.write_text("= broken")
        os.kill(node.pid, signal.SIGHUP)
        status = await node.until(lambda status: status.last_error is not None)
        assert "no TOML" in (status.last_error or "")
        assert status.display_name == "Kitchen"


async def test_status_tells_what_is_and_what_to_do(tmp_path: Path, gateway: ScriptedGateway) -> None:
    node = NodeProcess(tmp_path, config=toml(gateway))
    code, _, err = await node.cli("status")
    assert code == 69
    assert "homarus node run" in err
    async with running(node):
        await gateway.connected()
        await node.until(lambda status: status.surface == "approved")
        code, out, _ = await node.cli("status")
        assert code == 0
        assert f"{gateway.url} scripted" in out
        assert node.device_id in out
        code, out, _ = await node.cli("status", "--json")
        assert json.loads(out)["state"] == "connected"
        gateway.judge = lambda _params: {"code": "INVALID_REQUEST", "message": "no", "details": {}}
        gateway.break_off()
        await node.until(lambda status: status.state == "not connected" and status.last_error == "no")
        code, out, _ = await node.cli("status")
        assert code == 1
        assert "next step" in out


async def test_only_one_node_runs_in_a_home(tmp_path: Path, gateway: ScriptedGateway) -> None:
    node = NodeProcess(tmp_path, config=toml(gateway))
    async with running(node):
        code, _, err = await node.cli("run")
        assert code == 1
        assert "runs with" in err
    node.launch()
    node.kill()  # the system lets go of the lock, and the socket left behind is replaced
    async with running(node):
        assert node.status().device_id == node.device_id


async def test_everything_it_keeps_is_private(tmp_path: Path, gateway: ScriptedGateway) -> None:
    node = NodeProcess(tmp_path, args=["--token", "secret-7"], config=toml(gateway))
    async with running(node):
        await gateway.connected()
        await node.until(lambda status: status.state == "connected")
        assert stat.S_IMODE(node.home.root.stat().st_mode) == 0o700
        for path in node.home.root.iterdir():
            if path != node.home.config_path:
                assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
        text = node.log_text() + (await node.cli("status", "--json"))[1] + (await node.cli("doctor"))[1]
        assert "secret-7" not in text
        assert "device-token-1" not in text


async def test_a_phone_in_the_background_and_asleep(tmp_path: Path, gateway: ScriptedGateway) -> None:
    config = toml(gateway, 'profile = "phone"\npermissions.camera = true')
    node = NodeProcess(tmp_path, config=config)
    async with running(node):
        params = await gateway.connected()
        assert params["client"]["id"] == "openclaw-ios"
        assert (params["client"]["platform"], params["client"]["deviceFamily"]) == ("iOS 18.4", "iPhone")
        code, out, _ = await node.cli("phone", "background")
        assert (code, out) == (0, "Simulated iPhone: background\n")
        await gateway.invoke("i1", "camera.list")
        assert (await gateway.result("i1"))["error"]["code"] == "NODE_BACKGROUND_UNAVAILABLE"
        await gateway.invoke("i2", "device.status")
        assert (await gateway.result("i2"))["ok"]
        gateway.answers["node.pending.pull"] = lambda _: {"nodeId": "n", "actions": [action("w1")]}
        await asyncio.to_thread(node.move, "foreground")
        assert json.loads((await gateway.result("w1"))["payloadJSON"])["devices"][0]["id"] == "back"
        await asyncio.to_thread(node.move, "asleep")
        await node.until(lambda status: status.state == "asleep")
        assert gateway.socket is None
        await asyncio.to_thread(node.move, "foreground")
        await gateway.connected(2)


async def test_a_laptop_has_no_posture(tmp_path: Path, gateway: ScriptedGateway) -> None:
    node = NodeProcess(tmp_path, config=toml(gateway))
    async with running(node):
        code, _, err = await node.cli("phone", "background")
        assert code == 1
        assert 'profile = "phone"' in err


async def test_pairing_with_a_setup_code(tmp_path: Path, gateway: ScriptedGateway) -> None:
    def judge(params: Json) -> Json | None:
        if params["auth"] in ({"bootstrapToken": "boot-1"}, {"deviceToken": "device-token-1"}):
            return None
        return {"code": "INVALID_REQUEST", "message": "no", "details": {"code": "AUTH_TOKEN_MISSING"}}

    gateway.judge = judge
    node = NodeProcess(tmp_path)
    payload = {"url": gateway.url, "bootstrapToken": "boot-1"}
    code, out, err = await node.cli("pair", encode_base64url(json.dumps(payload).encode()))
    assert (code, err) == (0, "")
    assert f"paired with {gateway.url}" in out
    assert "homarus node run" in out
    declared = gateway.connects[0]["commands"]
    assert "boot-1" not in node.home.config_path.read_text()
    async with running(node):
        params = await gateway.connected(2)
        assert params["auth"] == {"deviceToken": "device-token-1"}
        assert params["commands"] == declared


async def test_pairing_with_a_token_keeps_it_in_a_private_file(
    tmp_path: Path, gateway: ScriptedGateway
) -> None:
    gateway.device_token = None
    node = NodeProcess(tmp_path, config="# mine\n")
    code, _, err = await node.cli("pair", "--url", gateway.url, "--token", "shared-9", "--display-name", "Pi")
    assert (code, err) == (0, "")
    text = node.home.config_path.read_text()
    assert "# mine" in text
    assert "shared-9" not in text
    assert stat.S_IMODE(node.home.shared_token_path.stat().st_mode) == 0o600
    async with running(node):
        params = await gateway.connected(2)
        assert params["auth"]["token"] == "shared-9"
        assert params["client"]["displayName"] == "Pi"


async def test_pairing_waits_for_an_approval(tmp_path: Path, gateway: ScriptedGateway) -> None:
    details = {"code": "PAIRING_REQUIRED", "requestId": "r-9", "recommendedNextStep": "wait_then_retry"}
    gateway.judge = lambda _params: {"code": "NOT_PAIRED", "message": "pairing required", "details": details}
    node = NodeProcess(tmp_path)
    waiting = asyncio.create_task(node.cli("pair", "--url", gateway.url, "--token", "t"))
    await gateway.refused(2)
    gateway.judge = lambda _params: None
    code, _, err = await waiting
    assert code == 0
    assert err.count("homarus devices approve r-9") == 1


@pytest.mark.parametrize(
    ("args", "code", "reason"),
    [
        (["pair", "nonsense!"], 2, "no setup code"),
        (["pair", "--url", "ws://8.8.8.8", "--token", "t"], 2, "use wss://"),
        (["pair", "--url", "ws://127.0.0.1:1", "--token", "t"], 69, "no gateway answers"),
        (["pair", "code", "--url", "ws://127.0.0.1:1"], 2, "leave out --url"),
        (["permissions", "allow"], 2, "name one or more of"),
        (["permissions", "allow", "camra"], 2, "no permission 'camra'"),
        (["dance"], 2, "invalid choice"),
        (["run", "--tls-fingerprint", "zz"], 2, "no SHA-256"),
    ],
)
async def test_misuse_is_said_with_the_next_step(
    tmp_path: Path, args: list[str], code: int, reason: str
) -> None:
    node = NodeProcess(tmp_path)
    ended, _, err = await node.cli(*args)
    assert (ended, err.count("\n")) == (code, 1), err
    assert reason in err
    assert not node.home.config_path.exists()


async def test_the_doctor_names_what_is_wrong(tmp_path: Path, gateway: ScriptedGateway) -> None:
    node = NodeProcess(tmp_path, config=toml(gateway, 'profile = "phone"'))
    code, out, _ = await node.cli("doctor")
    assert code == 0
    assert "it does not run; start it with `homarus node run`" in out
    assert "works here but is not allowed: location.get; allow it with `homarus node permissions" in out
    node.home.key_path.write_bytes(b"damaged")
    code, out, _ = await node.cli("doctor", "--json")
    assert code == 1
    wrong = [check for check in json.loads(out) if check["mark"] == "wrong"]
    assert [check["subject"] for check in wrong] == ["device key"]
    node.home.config_path.write_text("= 1")
    code, out, _ = await node.cli("doctor")
    assert code == 1
    assert "WRONG settings" in out


async def test_its_idle_memory_is_small(tmp_path: Path, gateway: ScriptedGateway) -> None:
    node = NodeProcess(tmp_path, config=toml(gateway))
    async with running(node):
        await gateway.connected()
        await node.until(lambda status: status.surface == "approved")
        rss_bytes = node.status().rss_bytes
        assert rss_bytes is not None
        assert rss_bytes <= 45_000_000, f"{rss_bytes / 1e6:.1f} MB"


def action(work_id: str) -> Json:
    return {"id": work_id, "command": "camera.list", "paramsJSON": None, "enqueuedAtMs": 1}
