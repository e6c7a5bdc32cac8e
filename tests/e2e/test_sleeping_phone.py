"""The shipped gateway, killed, and the shipped simulated phone, asleep and in the background.

Issue 3, "Done when" 2, and row S0.3-14: what waits for a phone is delivered exactly once, with its receipts.
`test_node_homarus.py` has the plain case; here are the receipts, the background, and two phones to choose
from.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.support.daemon import Daemon
from tests.support.node import NodeProcess, running
from tests.support.nodes import pending_request
from tests.support.wire import Json, RpcError, WireClient

PHONE = 'profile = "phone"\n[permissions]\ncamera = true\n'


@asynccontextmanager
async def operator(daemon: Daemon) -> AsyncGenerator[WireClient]:
    """An administrator."""
    async with await WireClient.open(daemon.ws_url, token=daemon.token) as client:
        await client.connect()
        yield client


@asynccontextmanager
async def approved_phone(daemon: Daemon, folder: Path, name: str = "phone") -> AsyncGenerator[NodeProcess]:
    """A simulated iPhone whose surface is approved."""
    args = ["--url", daemon.ws_url, "--token", daemon.token, "--display-name", name]
    node = NodeProcess(folder / name, args=args, config=PHONE)
    async with running(node):
        await node.until(lambda status: status.surface == "waiting")
        async with operator(daemon) as client:
            request = await pending_request(client, node.device_id)
            await client.call("node.pair.approve", {"requestId": request["requestId"]})
        await node.until(lambda status: status.surface == "approved")
        yield node


async def move(node: NodeProcess, posture: str) -> None:
    """Move the phone, and wait until it is there."""
    await asyncio.to_thread(node.move, posture)  # type: ignore[arg-type]
    if posture == "asleep":
        await node.until(lambda status: status.state == "asleep")


async def submit(client: WireClient, node: NodeProcess | None, key: str, command: str, **params: str) -> str:
    """Submit work; returns its id."""
    call: Json = {"command": command, "params": params, "idempotencyKey": key}
    if node is not None:
        call["nodeId"] = node.device_id
    return (await client.call("node.work.submit", call))["id"]


async def ended(client: WireClient, work_id: str) -> Json:
    """A piece of work once it has ended."""
    mark = client.mark()
    while "endedAtMs" not in (found := await client.call("node.work.get", {"id": work_id})):
        await client.wait_event("node.work", lambda told: told["id"] == work_id, since=mark, timeout_s=30.0)
        mark = client.mark()
    return found


def shown(node: NodeProcess) -> list[str]:
    """Titles of the notifications the phone showed, over its whole life."""
    lines = [line.partition("notification: ")[2] for line in node.log_text().splitlines()]
    return [line.partition(":")[0] for line in lines if line]


async def test_killed_while_it_sleeps_and_while_it_wakes(daemon: Daemon, tmp_path: Path) -> None:
    titles = [f"note {number}" for number in range(8)]
    async with approved_phone(daemon, tmp_path) as node:
        await move(node, "asleep")
        async with operator(daemon) as client:
            ids = [await submit(client, node, title, "system.notify", title=title) for title in titles]
            again = [await submit(client, node, title, "system.notify", title=title) for title in titles]
            assert again == ids
        daemon.kill()
        await daemon.start()
        async with operator(daemon) as client:
            waiting = await client.call("node.work.list", {"nodeId": node.device_id, "state": "queued"})
            assert [item["id"] for item in waiting["items"]] == ids[::-1]
            assert waiting["items"][0]["reason"] == "waits for phone to connect"
            await move(node, "foreground")
            # As soon as the first piece is on its way, and the others are not.
            await client.wait_event("node.work", lambda told: told["state"] != "queued", timeout_s=30.0)
        daemon.kill()
        await daemon.start()
        async with operator(daemon) as client:
            for work_id in ids:
                done = await ended(client, work_id)
                assert done["state"] == "done", done
                steps = ("createdAtMs", "acknowledgedAtMs", "endedAtMs")
                assert [done[step] for step in steps] == sorted(done[step] for step in steps)
                assert done["createdAtMs"] <= done["deliveredAtMs"] <= done["endedAtMs"]
        assert shown(node) == titles


async def test_what_needs_the_screen_waits_for_it_over_a_kill(daemon: Daemon, tmp_path: Path) -> None:
    async with approved_phone(daemon, tmp_path) as node:
        await move(node, "background")
        call = {"nodeId": node.device_id, "command": "camera.list", "idempotencyKey": "cameras"}
        async with operator(daemon) as client:
            work_id = await submit(client, node, "work", "camera.list")
            with pytest.raises(RpcError) as waits:
                await client.call("node.invoke", call)
            assert waits.value.details["code"] == "QUEUED_UNTIL_FOREGROUND"
            # What needs no screen is done in the background.
            other = await submit(client, node, "note", "system.notify", title="note")
            assert (await ended(client, other))["state"] == "done"
            parked = await client.call("node.work.get", {"id": work_id})
            assert parked["state"] == "queued"
            assert "foreground" in parked["reason"]
        daemon.kill()
        await daemon.start()
        await node.until(lambda status: status.state == "connected")
        async with operator(daemon) as client:
            await move(node, "foreground")
            for kept in (work_id, waits.value.details["queuedActionId"]):
                done = await ended(client, kept)
                assert done["state"] == "done", done
                assert "Back Camera" in done["payloadJSON"]
            answered = await client.call("node.invoke", call)
            assert answered["payload"]["devices"][0]["name"] == "Back Camera"


async def test_the_phone_that_wakes_first_does_what_named_no_phone(daemon: Daemon, tmp_path: Path) -> None:
    async with (
        approved_phone(daemon, tmp_path, "one") as one,
        approved_phone(daemon, tmp_path, "two") as two,
    ):
        for node in (one, two):
            await move(node, "asleep")
        async with operator(daemon) as client:
            work_id = await submit(client, None, "note", "system.notify", title="note")
            waiting = await client.call("node.work.get", {"id": work_id})
            assert waiting["nodeId"] is None
            assert waiting["reason"].endswith("it waits for one, two")
        daemon.kill()
        await daemon.start()
        async with operator(daemon) as client:
            await move(two, "foreground")
            assert (await ended(client, work_id))["nodeId"] == two.device_id
            await move(one, "foreground")
            await one.until(lambda status: status.surface == "approved")
        assert (shown(one), shown(two)) == ([], ["note"])
