"""The shipped node and the shipped gateway, each a process of its own (rows S1.B-5, S0.3-4, S0.3-12, S3.I-1).

Also the attacks on pairing that need both sides: a surface that grows (case 18), a node that is revoked while
it works (case 19), a token that no longer counts (case 21), and a setup code that was used (case 22).
"""

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.support.daemon import Daemon
from tests.support.node import NodeProcess, running
from tests.support.wire import Json, RpcError, WireClient


@asynccontextmanager
async def operator(daemon: Daemon) -> AsyncGenerator[WireClient]:
    async with await WireClient.open(daemon.ws_url, token=daemon.token) as client:
        await client.connect()
        yield client


def laptop(folder: Path, daemon: Daemon) -> NodeProcess:
    return NodeProcess(folder / "laptop", args=["--url", daemon.ws_url, "--token", daemon.token])


async def row(client: WireClient, node: NodeProcess) -> Json:
    return await client.call("node.describe", {"nodeId": node.device_id})


async def approve(client: WireClient, node: NodeProcess) -> Json:
    """Approve the surface that waits; the node's row afterwards."""
    await node.until(lambda status: status.surface == "waiting")
    waiting = await client.call("node.pair.list", {})
    (request,) = [item for item in waiting["pending"] if item["nodeId"] == node.device_id]
    await client.call("node.pair.approve", {"requestId": request["requestId"]})
    await node.until(lambda status: status.surface == "approved")
    return await row(client, node)


async def invoke(client: WireClient, node: NodeProcess, command: str, key: str, params: Json) -> Json:
    call = {"nodeId": node.device_id, "command": command, "idempotencyKey": key, "params": params}
    return await client.call("node.invoke", call)


async def test_pair_approve_invoke_leave_and_come_back(daemon: Daemon, tmp_path: Path) -> None:
    node = laptop(tmp_path, daemon)
    async with operator(daemon) as client, running(node):
        await node.until(lambda status: status.surface == "waiting")
        assert (await row(client, node))["commands"] == []
        with pytest.raises(RpcError, match=r"system\.which"):
            await invoke(client, node, "system.which", "k1", {"bins": ["sh"]})
        approved = await approve(client, node)
        assert approved["approvalState"] == "approved"
        assert "system.which" in approved["commands"]
        assert approved["connected"] is True
        answer = await invoke(client, node, "system.which", "k2", {"bins": ["sh", "no-such-program"]})
        assert list(answer["payload"]["bins"]) == ["sh"]
        stats = await client.wait_event("node.hostStats", lambda payload: payload["nodeId"] == node.device_id)
        assert stats["payload"]["hostStats"]["cpuCount"] >= 1

        since = client.mark()
        node.kill()
        await client.wait_event("presence", since=since)
        assert (await row(client, node))["connected"] is False
        with pytest.raises(RpcError) as caught:
            await invoke(client, node, "system.which", "k3", {"bins": ["sh"]})
        assert caught.value.details["code"] == "NOT_CONNECTED"

        node.args = ["--url", daemon.ws_url]  # its own token has to do
        node.launch()
        await node.until(lambda status: status.surface == "approved")
        again = await invoke(client, node, "system.which", "k4", {"bins": ["sh"]})
        assert again["payload"] == {"bins": answer["payload"]["bins"]}
        assert len((await client.call("node.list", {}))["nodes"]) == 1


async def test_the_node_comes_back_after_the_gateway_restarts(daemon: Daemon, tmp_path: Path) -> None:
    node = laptop(tmp_path, daemon)
    async with running(node):
        async with operator(daemon) as client:
            await approve(client, node)
        daemon.kill()
        await node.until(lambda status: status.state != "connected")
        daemon.launch()
        await node.until(lambda status: status.surface == "approved")
        async with operator(daemon) as client:
            answer = await invoke(client, node, "system.which", "k1", {"bins": ["sh"]})
            assert answer["payload"]["bins"]["sh"]
        await asyncio.to_thread(daemon.shut_down)  # in order: the node hears `shutdown` and waits for it
        await node.until(lambda status: status.state != "connected")
        daemon.launch()
        await node.until(lambda status: status.surface == "approved")


async def test_a_surface_that_grows_waits_and_the_old_one_still_counts(
    daemon: Daemon, tmp_path: Path
) -> None:
    config = 'profile = "phone"\n[permissions]\nlocation = false\n'
    node = NodeProcess(
        tmp_path / "phone", args=["--url", daemon.ws_url, "--token", daemon.token], config=config
    )
    async with operator(daemon) as client, running(node):
        assert "device.status" in (await approve(client, node))["commands"]
        code, _, err = await node.cli("permissions", "allow", "location")
        assert (code, err) == (0, "")
        await node.until(lambda status: status.surface == "waiting" and "location.get" in status.commands)
        shown = await row(client, node)
        assert shown["approvalState"] == "pending-reapproval"
        assert "location.get" not in shown["commands"]
        assert (await invoke(client, node, "device.status", "k1", {}))["payload"]["battery"]
        with pytest.raises(RpcError):
            await invoke(client, node, "location.get", "k2", {})
        assert "location.get" in (await approve(client, node))["commands"]
        place = await invoke(client, node, "location.get", "k3", {"desiredAccuracy": "precise"})
        assert place["payload"]["source"] == "simulated"


async def test_a_removed_node_is_gone_within_a_second(daemon: Daemon, tmp_path: Path) -> None:
    node = laptop(tmp_path, daemon)
    async with operator(daemon) as client, running(node):
        await approve(client, node)
        node.args = ["--url", daemon.ws_url]
        await client.call("node.pair.remove", {"nodeId": node.device_id})
        removed_s = time.monotonic()
        await node.until(lambda status: status.state != "connected")
        assert time.monotonic() - removed_s < 1.0
        # Its own token no longer counts; with the shared one it is a new device whose surface waits again.
        await node.until(lambda status: status.surface == "waiting" and status.state == "connected")
        assert (await row(client, node))["commands"] == []


async def test_a_setup_code_pairs_once(daemon: Daemon, tmp_path: Path) -> None:
    async with operator(daemon) as client:
        made = await client.call(
            "device.pair.setupCode", {"publicUrl": daemon.ws_url, "bootstrapProfile": "node"}
        )
        first, second = NodeProcess(tmp_path / "first"), NodeProcess(tmp_path / "second")
        code, out, err = await first.cli("pair", made["setupCode"])
        assert code == 0, err
        assert "paired with ws://127.0.0.1" in out
        code, _, err = await second.cli("pair", f"oc-pair://{made['setupCode']}")
        assert code == 77
        assert "homarus devices pair" in err
        async with running(first):
            await first.until(lambda status: status.state == "connected")
            assert (await row(client, first))["paired"] is True


async def test_a_node_beside_its_gateway_needs_no_settings(tmp_path: Path) -> None:
    """Same home, the gateway's own port and token: `homarus node run` and nothing else."""
    daemon = Daemon(tmp_path / "gateway", token=None)
    async with daemon:
        text = f"[gateway]\nport = {daemon.port}\n"
        node = NodeProcess(tmp_path / "node")
        (node.home.base / "homarus.toml").write_text(text)
        node.home.gateway_token_path.parent.mkdir(parents=True)
        node.home.gateway_token_path.write_text((daemon.home / "keys" / "gateway.token").read_text())
        async with running(node):
            status = await node.until(lambda status: status.state == "connected")
            assert status.gateway == daemon.ws_url.rstrip("/")


async def test_work_for_a_sleeping_phone_survives_the_gateway_and_is_done_once(
    daemon: Daemon, tmp_path: Path
) -> None:
    """Issue 3, done when 2."""
    node = NodeProcess(
        tmp_path / "phone",
        args=["--url", daemon.ws_url, "--token", daemon.token],
        config='profile = "phone"\n',
    )
    async with running(node):
        async with operator(daemon) as client:
            await approve(client, node)
            await asyncio.to_thread(node.move, "asleep")
            await node.until(lambda status: status.state == "asleep")
            submitted = [await submit(client, node, number) for number in range(5)]
            assert {item["state"] for item in submitted} == {"queued"}
        daemon.kill()
        daemon.launch()
        async with operator(daemon) as client:
            await asyncio.to_thread(node.move, "foreground")
            for item in submitted:
                done = await until_ended(client, item["id"])
                assert done["state"] == "done", done
                assert done["payloadJSON"] == '{"ok":true}'
                assert done["deliveredAtMs"] <= done["endedAtMs"]
        shown = notifications(node)
        assert shown == [f"note {number}: " for number in range(5)]


async def test_work_survives_crashes_on_both_sides(daemon: Daemon, tmp_path: Path) -> None:
    """The gateway and then the node die while work is handed over; whatever is shown is shown once."""
    node = NodeProcess(
        tmp_path / "phone",
        args=["--url", daemon.ws_url, "--token", daemon.token],
        config='profile = "phone"\n',
    )
    async with running(node):
        async with operator(daemon) as client:
            await approve(client, node)
            submitted = [await submit(client, node, number) for number in range(12)]
        daemon.kill()  # in the middle of the deliveries
        daemon.launch()
        node.kill()
        node.launch()
        async with operator(daemon) as client:
            ends = [await until_ended(client, item["id"]) for item in submitted]
        lines = notifications(node)
        assert len(lines) == len(set(lines)), lines
        for number, end in enumerate(ends):
            failure: Json = end.get("error") or {}
            code = failure.get("code")
            assert end["state"] == "done" or code == "INTERRUPTED", end
            assert (f"note {number}: " in lines) or code == "INTERRUPTED", end


async def submit(client: WireClient, node: NodeProcess, number: int) -> Json:
    """Have the node show a notification, whenever it is there."""
    call = {
        "nodeId": node.device_id,
        "command": "system.notify",
        "params": {"title": f"note {number}"},
        "idempotencyKey": f"k{number}",
    }
    return await client.call("node.work.submit", call)


def notifications(node: NodeProcess) -> list[str]:
    """What the phone showed over all its lives, as `title: body`."""
    marked = (line.partition("notification: ") for line in node.log_text().splitlines())
    return [text for _, mark, text in marked if mark]


async def until_ended(client: WireClient, work_id: str) -> Json:
    """A piece of work once it has ended."""
    async with asyncio.timeout(20):
        while True:
            found = await client.call("node.work.get", {"id": work_id})
            if found["state"] in {"done", "failed", "expired", "cancelled"}:
                return found
