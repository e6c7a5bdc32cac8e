"""Attacks on the authority of nodes, against the shipped daemon: cases 20, 21 and 38.

What a node may do with its own connection is in tests/gateway/nodes (cases 16, 18, 19, 40), what agents do
with nodes in tests/gateway/agents (cases 38, 39), and runs that a node invents in tests/gateway/node_road.
"""

import asyncio
import shutil
from pathlib import Path

from tests.support.daemon import Daemon
from tests.support.nodes import ScriptedNode, described, pending_request
from tests.support.wire import Closed, Json, RpcError, WireClient

RUN = ["system.run"]


async def operator(daemon: Daemon) -> WireClient:
    client = await WireClient.open(daemon.ws_url, token=daemon.token)
    await client.connect()
    return client


async def refusal(node: ScriptedNode, **overrides: Json) -> RpcError:
    try:
        await node.connect(**overrides)
    except RpcError as error:
        return error
    raise AssertionError("it was let in")


async def test_20_a_nodes_old_token_never_enters_after_its_rotation(daemon: Daemon) -> None:
    node = ScriptedNode(daemon, commands=RUN)
    await node.connect()
    old: Json = {"deviceToken": node.device_token}
    done = False
    late: list[ScriptedNode] = []
    early: list[ScriptedNode] = []

    async def reconnect() -> None:
        after = done
        again = ScriptedNode(daemon, commands=RUN, key=node.key)
        try:
            await again.connect(auth=old)
        except (RpcError, Closed):
            return
        (late if after else early).append(again)

    async with await operator(daemon) as admin:
        await node.approved_by(admin)

        async def rotate() -> None:
            nonlocal done
            await admin.call("device.token.rotate", {"deviceId": node.id, "role": "node"})
            done = True

        async with asyncio.TaskGroup() as group:
            for number in range(100):
                group.create_task(reconnect())
                if number == 50:
                    group.create_task(rotate())
        assert not late
        for one in early:
            assert (await one.wire.closed(5.0))[0] in {4000, 4001}
        assert (await refusal(node, auth=old)).details["code"] == "AUTH_DEVICE_TOKEN_MISMATCH"
        row = await described(admin, node.id)
        assert (row["connected"], row["approvalState"]) == (False, "approved")
        for one in early:
            await one.close()


async def test_21_a_removed_node_is_not_brought_back_by_an_old_database(
    daemon: Daemon, tmp_path: Path
) -> None:
    """Neither its token nor what it was approved for, whatever was put in place of `state.db`."""
    node = ScriptedNode(daemon, commands=RUN)
    async with node, await operator(daemon) as admin:
        await node.approved_by(admin)
        token: Json = {"deviceToken": node.device_token}
    await daemon.stop()
    state = daemon.home / "state"
    shutil.copytree(state, tmp_path / "kept")
    await daemon.start()
    async with await operator(daemon) as admin:
        await admin.call("node.pair.remove", {"nodeId": node.id})
    await daemon.stop()
    shutil.rmtree(state)
    shutil.copytree(tmp_path / "kept", state)
    await daemon.start()
    assert (await refusal(node, auth=token)).details["code"] == "AUTH_DEVICE_TOKEN_MISMATCH"
    async with node, await operator(daemon) as admin:  # with the shared secret, on this machine
        await pending_request(admin, node.id)
        row = await described(admin, node.id)
        assert (row["approvalState"], row["commands"]) == ("pending-approval", [])


async def test_21_a_removed_node_stays_removed_after_a_kill(daemon: Daemon) -> None:
    node = ScriptedNode(daemon, commands=RUN)
    async with await operator(daemon) as admin:
        await node.connect()
        await node.approved_by(admin)
        token: Json = {"deviceToken": node.device_token}
        await admin.call("device.pair.remove", {"deviceId": node.id})
    daemon.kill()
    await daemon.start()
    assert (await refusal(node, auth=token)).details["code"] == "AUTH_DEVICE_TOKEN_MISMATCH"
    async with await operator(daemon) as admin:
        listed = await admin.call("node.list", {})
        assert listed["nodes"] == []
        assert await admin.call("node.pair.list", {}) == {"pending": [], "paired": []}


async def test_38_no_tool_of_an_agent_decides_about_nodes(daemon: Daemon) -> None:
    """Agents look at nodes and ask them; letting one in is for people."""
    async with await operator(daemon) as admin:
        groups = (await admin.call("tools.catalog", {}))["groups"]
    names = {tool["id"] for group in groups for tool in group["tools"]}
    about_nodes = {name for name in names if name.startswith("node")}
    assert about_nodes == {"nodes_list", "nodes_describe", "nodes_invoke", "node_run"}
