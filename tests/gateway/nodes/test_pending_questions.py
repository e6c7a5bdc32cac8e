"""Questions for sleeping nodes: `node.pending.enqueue` and `.drain`, by OpenClaw's numbers (1.6)."""

import pytest

from tests.gateway.nodes.ledger_node import LedgerNode, Rig
from tests.support.daemon import Daemon
from tests.support.wire import Json, RpcError

DAY_MS = 86_400_000


async def enqueue(rig: Rig, node: LedgerNode, kind: str, **more: object) -> Json:
    """Keep a question."""
    return await rig.admin.call("node.pending.enqueue", {"nodeId": node.id, "type": kind, **more})


async def drain(node: LedgerNode, **more: object) -> Json:
    """Take what waits."""
    return await node.wire.call("node.pending.drain", more)


async def test_a_question_survives_a_kill_and_is_handed_out_once(daemon: Daemon) -> None:
    node = LedgerNode(daemon)
    async with Rig(daemon, node) as rig:
        kept = await enqueue(rig, node, "status.request")
        question = kept["queued"]
        assert kept == {"nodeId": node.id, "revision": 1, "queued": question, "wakeTriggered": False}
        assert question["priority"] == "normal"
        assert question["expiresAtMs"] - question["createdAtMs"] == DAY_MS
        again = await enqueue(rig, node, "status.request", priority="high")
        assert again == kept
        place = (await enqueue(rig, node, "location.request", priority="high", expiresInMs=60_000))["queued"]
        assert place["expiresAtMs"] - place["createdAtMs"] == 60_000
        await rig.killed()
        await node.connect()
        first = await drain(node, maxItems=1)
        assert first == {"nodeId": node.id, "revision": 3, "items": [place], "hasMore": True}
        second = await drain(node)
        assert second == {"nodeId": node.id, "revision": 4, "items": [question], "hasMore": False}
        await rig.killed()
        await node.connect()
        last = await drain(node)
        assert last["revision"] == 4
        (baseline,) = last["items"]
        del baseline["createdAtMs"]
        assert baseline == {
            "id": "baseline-status",
            "type": "status.request",
            "priority": "default",
            "expiresAtMs": None,
        }
        assert last["hasMore"] is False


async def test_the_standing_question_has_no_place_but_more_to_come(shared_daemon: Daemon) -> None:
    node = LedgerNode(shared_daemon)
    async with Rig(shared_daemon, node) as rig:
        await enqueue(rig, node, "location.request")
        await node.connect()
        taken = await drain(node, maxItems=1)
        assert [item["type"] for item in taken["items"]] == ["location.request"]
        assert taken["hasMore"] is True


async def test_an_expired_question_is_not_asked(shared_daemon: Daemon) -> None:
    node = LedgerNode(shared_daemon)
    async with Rig(shared_daemon, node) as rig:
        kept = await enqueue(rig, node, "location.request", expiresInMs=1000)
        # Work expires by the same clock; when it has, so has the question that was kept before it.
        await rig.reached((await rig.submit(node, expiresInMs=1000))["id"], "expired")
        await node.connect()
        taken = await drain(node)
        assert [item["id"] for item in taken["items"]] == ["baseline-status"]
        assert taken["revision"] == kept["revision"] + 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"nodeId": "f" * 64},
        {"type": "picture.request"},
        {"priority": "default"},
        {"expiresInMs": 999},
        {"expiresInMs": DAY_MS + 1},
    ],
)
async def test_what_cannot_be_asked(shared_daemon: Daemon, wrong: Json) -> None:
    node = LedgerNode(shared_daemon)
    async with Rig(shared_daemon, node) as rig:
        with pytest.raises(RpcError) as refused:
            await enqueue(rig, node, **({"kind": "status.request"} | wrong))
        assert refused.value.code == "INVALID_REQUEST"
        assert next(iter(wrong)) in refused.value.details["field"]


@pytest.mark.parametrize("count", [0, 11])
async def test_a_node_takes_one_to_ten(shared_daemon: Daemon, count: int) -> None:
    node = LedgerNode(shared_daemon)
    async with Rig(shared_daemon, node):
        await node.connect()
        with pytest.raises(RpcError) as refused:
            await drain(node, maxItems=count)
        assert refused.value.details == {"field": "/maxItems"}


async def test_the_queues_belong_to_nodes(shared_daemon: Daemon) -> None:
    async with Rig(shared_daemon) as rig:
        for method, params in (
            ("node.pending.pull", {}),
            ("node.pending.drain", {}),
            ("node.pending.ack", {"ids": ["x"]}),
        ):
            with pytest.raises(RpcError) as refused:
                await rig.admin.call(method, params)
            assert refused.value.details["code"] == "ROLE_NOT_ALLOWED"
