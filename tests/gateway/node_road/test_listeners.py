"""A node hears the conversations it subscribed to and nothing else (rows DC-5, S1.B-5)."""

from tests.support.daemon import Daemon
from tests.support.nodes import ApprovedNode, ScriptedNode
from tests.support.wire import RpcError, WireClient

ENDS = {"final", "aborted", "error"}


async def ask(operator: WireClient, session_key: str, run_id: str) -> None:
    """Let the agent answer something, and wait for it."""
    call = {"sessionKey": session_key, "message": "ping", "idempotencyKey": run_id}
    await operator.call("chat.send", call)
    await operator.wait_event("chat", lambda p: p["runId"] == run_id and p["state"] in ENDS)


def heard(node: ApprovedNode) -> set[str]:
    """Sessions a node has heard anything of."""
    return {
        frame["payload"]["sessionKey"] for frame in node.wire.events if frame["event"] in {"chat", "agent"}
    }


async def test_a_node_hears_what_it_subscribed_to_and_nothing_else(shared_daemon: Daemon) -> None:
    async with (
        await WireClient.open(shared_daemon.ws_url, token=shared_daemon.token) as operator,
        ApprovedNode(shared_daemon) as node,
        ApprovedNode(shared_daemon) as other,
    ):
        await operator.connect(caps=["tool-events"])
        await ask(operator, "agent:main:mine", "l1")
        # Folded and short names are the same conversation.
        assert (await node.event("chat.subscribe", {"sessionKey": "Mine"}))["handled"] is True
        await ask(operator, "agent:main:mine", "l2")
        await ask(operator, "agent:main:secret", "l3")
        frame = await node.wire.wait_event("chat", lambda p: p["state"] == "final")
        assert (frame["payload"]["runId"], "seq" in frame) == ("l2", False)
        assert node.wire.payloads("agent")

        await node.event("chat.unsubscribe", {"sessionKey": "agent:main:mine"})
        mark = node.wire.mark()
        await ask(operator, "agent:main:mine", "l4")
        await node.event("node.presence.alive", {"trigger": "manual"})  # after whatever was sent before
        assert not node.wire.payloads("chat", mark)
        assert heard(node) == {"agent:main:mine"}
        assert heard(other) == set()


async def test_operators_hear_as_before(shared_daemon: Daemon) -> None:
    async with await WireClient.open(shared_daemon.ws_url, token=shared_daemon.token) as operator:
        await operator.connect()
        await ask(operator, "agent:main:plain", "o1")
        assert {p["sessionKey"] for p in operator.payloads("chat")} == {"agent:main:plain"}


async def test_a_subscription_ends_with_its_connection(shared_daemon: Daemon) -> None:
    async with await WireClient.open(shared_daemon.ws_url, token=shared_daemon.token) as operator:
        await operator.connect()
        node = ApprovedNode(shared_daemon)
        await node.connect()
        await node.event("chat.subscribe", {"sessionKey": "agent:main:gone"})
        await node.connect()
        await ask(operator, "agent:main:gone", "g1")
        await node.event("node.presence.alive", {"trigger": "manual"})
        assert heard(node) == set()
        await node.close()


async def test_subscriptions_are_bounded_and_checked(shared_daemon: Daemon) -> None:
    async with ApprovedNode(shared_daemon) as node:
        for number in range(64):
            await node.event("chat.subscribe", {"sessionKey": f"s{number}"})
        refused: list[str] = []
        for payload in ({"sessionKey": "one-more"}, {"sessionKey": "a/../b"}, {"sessionKey": ""}, {}):
            try:
                await node.event("chat.subscribe", payload)
            except RpcError as error:
                refused.append(error.message)
        assert len(refused) == 4
        assert "64" in refused[0]
        assert all("sessionKey" in message for message in refused[1:])
        await node.event("chat.subscribe", {"sessionKey": "s3"})  # one it has already


async def test_a_node_nobody_approved_neither_speaks_nor_listens(shared_daemon: Daemon) -> None:
    async with ScriptedNode(shared_daemon) as node:
        for event, payload in (
            ("chat.subscribe", {"sessionKey": "main"}),
            ("voice.transcript", {"text": "hello"}),
            ("agent.request", {"message": "hello"}),
            ("notifications.changed", {"change": "posted", "key": "k"}),
        ):
            answer = await node.event(event, payload)
            assert (answer["handled"], answer["reason"]) == (False, "approval_required"), event
        assert (await node.event("node.presence.alive", {"trigger": "connect"}))["handled"] is True
