"""Spoken sentences and canvas actions against the shipped gateway (rows DC-4, DC-5, S0.3-6)."""

import asyncio
import base64
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.support.daemon import Daemon
from tests.support.nodes import ApprovedNode
from tests.support.wire import DeviceKey, Json, RpcError, WireClient

PIXEL = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(32)).decode()

ENDS = {"final", "aborted", "error"}


@pytest.fixture
async def operator(shared_daemon: Daemon) -> AsyncIterator[WireClient]:
    """An operator who sees everything."""
    async with await WireClient.open(shared_daemon.ws_url, token=shared_daemon.token) as client:
        await client.connect()
        yield client


@pytest.fixture
async def node(shared_daemon: Daemon) -> AsyncIterator[ApprovedNode]:
    """A connected device; nobody approved anything of it."""
    async with ApprovedNode(shared_daemon, caps=["voiceWake"]) as one:
        yield one


async def inbox(operator: WireClient, **wanted: Any) -> list[Json]:
    """What was received, newest first."""
    return (await operator.call("inbox.list", {"limit": 50, **wanted}))["items"]


async def answer_of(operator: WireClient, run_id: str) -> str:
    """What the agent said to a run."""
    frame = await operator.wait_event("chat", lambda p: p["runId"] == run_id and p["state"] in ENDS)
    assert frame["payload"]["state"] == "final", frame
    return frame["payload"]["message"]["content"][0]["text"]


class TestVoice:
    """`voice.transcript`."""

    async def test_a_spoken_sentence_is_kept_and_answered(
        self, operator: WireClient, node: ApprovedNode
    ) -> None:
        taken = await node.event("voice.transcript", {"text": " what is 6 * 7 ", "eventId": "v1"})
        assert (taken["ok"], taken["handled"], taken["reason"]) == (True, True, "accepted")
        # On disk by the time the node is told so.
        (item,) = [item for item in await inbox(operator, channel="voice") if item["runId"] == taken["runId"]]
        assert (item["text"], item["sessionKey"]) == ("what is 6 * 7", "agent:main:main")
        assert (item["account"], item["sender"], item["senderName"]) == (node.id, node.id, "laptop")
        assert "42" in await answer_of(operator, taken["runId"])
        history = await operator.call("chat.history", {"sessionKey": "main"})
        assert "what is 6 * 7" in [message["content"] for message in history["messages"]]

    async def test_the_session_named_by_the_node_gets_it(
        self, operator: WireClient, node: ApprovedNode
    ) -> None:
        taken = await node.event("voice.transcript", {"text": "ping", "sessionKey": "agent:main:kitchen"})
        assert taken["sessionKey"] == "agent:main:kitchen"
        assert await answer_of(operator, taken["runId"]) == "pong"

    async def test_a_rule_decides_when_the_node_names_none(
        self, operator: WireClient, node: ApprovedNode
    ) -> None:
        await operator.call("agents.create", {"name": "Cook"})
        rule = {"id": "kitchen", "channel": "voice", "account": node.id, "agentId": "cook"}
        await operator.call("routing.rules.set", {"rules": [rule]})
        try:
            taken = await node.event("voice.transcript", {"text": "ping", "eventId": "ruled"})
        finally:
            await operator.call("routing.rules.set", {"rules": []})
        assert taken["sessionKey"] == "agent:cook:main"

    @pytest.mark.parametrize("name", ["eventId", "providerEventId", "transcriptId"])
    async def test_a_repeat_starts_nothing(self, operator: WireClient, node: ApprovedNode, name: str) -> None:
        call = {"text": "ping", name: f"again-{name}"}
        first, *others = await asyncio.gather(*[node.event("voice.transcript", call) for _ in range(5)])
        assert {other["runId"] for other in others} == {first["runId"]}
        assert sorted(one["reason"] for one in (first, *others)) == ["accepted", *["duplicate"] * 4]
        kept = [item for item in await inbox(operator) if item["externalId"] == f"event:again-{name}"]
        assert len(kept) == 1

    async def test_a_call_and_its_number_tell_a_repeat_too(self, node: ApprovedNode) -> None:
        call = {"text": "ping", "callId": "c1", "sequence": 1}
        first = await node.event("voice.transcript", call)
        assert (await node.event("voice.transcript", call))["runId"] == first["runId"]
        assert (await node.event("voice.transcript", {**call, "sequence": 2}))["reason"] == "accepted"

    async def test_two_devices_that_heard_the_same_words_are_one_sentence(
        self, shared_daemon: Daemon, node: ApprovedNode
    ) -> None:
        call = {"text": "status", "sessionKey": "agent:main:living-room"}
        async with ApprovedNode(shared_daemon, client={"displayName": "phone"}) as phone:
            one, two = await asyncio.gather(
                node.event("voice.transcript", call), phone.event("voice.transcript", call)
            )
            other = await phone.event("voice.transcript", {**call, "text": "uptime"})
        assert one["runId"] == two["runId"]
        assert {one["reason"], two["reason"]} == {"accepted", "duplicate"}
        assert other["reason"] == "accepted"

    async def test_equal_words_later_are_a_new_sentence(self, node: ApprovedNode) -> None:
        call = {"text": "ping", "sessionKey": "agent:main:later"}
        first = await node.event("voice.transcript", call)
        await asyncio.sleep(1.6)  # the window itself is what is tested
        assert (await node.event("voice.transcript", call))["runId"] != first["runId"]

    async def test_bad_payloads_name_the_field(self, node: ApprovedNode) -> None:
        for payload, field in (
            ({}, "text"),
            ({"text": " \n"}, "/text"),
            ({"text": "x" * 20_001}, "/text"),
            ({"text": 5}, "/text"),
            ({"text": "hi", "sessionKey": "a/../b"}, "sessionKey"),
            ({"text": "hi", "sessionKey": "agent:nobody:main"}, "sessionKey"),
            ({"text": "a\x00b"}, "message"),
        ):
            with pytest.raises(RpcError) as refused:
                await node.event("voice.transcript", payload)
            assert refused.value.code == "INVALID_REQUEST", payload
            assert field in refused.value.message, payload


class TestRequests:
    """`agent.request`."""

    async def test_a_canvas_action_is_answered_once(self, operator: WireClient, node: ApprovedNode) -> None:
        message = "CANVAS_A2UI action=save session=main surface=main component=btn host=lap instance=i1"
        call = {"message": message, "sessionKey": "agent:main:canvas-test", "key": "action-1"}
        first, second = await asyncio.gather(
            node.event("agent.request", call), node.event("agent.request", call)
        )
        assert first["runId"] == second["runId"]
        items = await inbox(operator, channel="canvas", sessionKey="agent:main:canvas-test")
        assert [item["text"] for item in items] == [message]
        assert await answer_of(operator, first["runId"])

    async def test_the_prefix_alone_makes_it_a_canvas_action(
        self, operator: WireClient, node: ApprovedNode
    ) -> None:
        await node.event("agent.request", {"message": "CANVAS_A2UI action=x", "sessionKey": "unkeyed"})
        assert len(await inbox(operator, channel="canvas", sessionKey="agent:main:unkeyed")) == 1

    async def test_by_default_a_node_has_a_session_of_its_own(
        self, operator: WireClient, node: ApprovedNode
    ) -> None:
        taken = await node.event("agent.request", {"message": "ping"})
        assert taken["sessionKey"] == f"agent:main:node-{node.id}"
        (item,) = await inbox(operator, channel="node", sessionKey=taken["sessionKey"])
        assert item["text"] == "ping"
        assert await answer_of(operator, taken["runId"]) == "pong"

    async def test_images_come_along_and_other_files_do_not(
        self, operator: WireClient, node: ApprovedNode
    ) -> None:
        image = {"mimeType": "image/png", "fileName": "a.png", "content": PIXEL}
        taken = await node.event("agent.request", {"attachments": [image], "sessionKey": "seen"})
        (item,) = await inbox(operator, sessionKey=taken["sessionKey"])
        assert [file["mimeType"] for file in item["attachments"]] == ["image/png"]
        for bad, field in (
            ({**image, "mimeType": "text/html"}, "attachments/0/mimeType"),
            ({**image, "content": "%%"}, "attachments/0/content"),
            ({"content": PIXEL}, "attachments/0/mimeType"),
        ):
            with pytest.raises(RpcError, match=field):
                await node.event("agent.request", {"message": "look", "attachments": [bad]})

    async def test_delivery_elsewhere_is_not_promised(self, node: ApprovedNode) -> None:
        call = {"message": "ping", "deliver": True, "channel": "telegram", "to": "42", "receipt": True}
        assert (await node.event("agent.request", call))["reason"] == "delivery_unavailable"

    async def test_nothing_to_say_is_refused(self, node: ApprovedNode) -> None:
        for payload, field in (
            ({"message": " "}, "/message"),
            ({"message": "x" * 20_001}, "/message"),
            ({"message": "hi", "timeoutSeconds": -1}, "/timeoutSeconds"),
            ({"message": "hi", "attachments": "none"}, "/attachments"),
        ):
            with pytest.raises(RpcError) as refused:
                await node.event("agent.request", payload)
            assert field in refused.value.message, payload


class TestBounds:
    """A node gone mad."""

    async def test_a_flood_is_refused_and_not_kept(self, daemon: Daemon) -> None:
        async with (
            await WireClient.open(daemon.ws_url, token=daemon.token) as operator,
            ApprovedNode(daemon) as node,
        ):
            await operator.connect()
            outcomes = await asyncio.gather(
                *[
                    node.event(
                        "voice.transcript", {"text": "ping", "sessionKey": f"s{n}", "eventId": f"e{n}"}
                    )
                    for n in range(150)
                ],
                return_exceptions=True,
            )
            refused = [one for one in outcomes if isinstance(one, RpcError)]
            assert len(refused) == 30
            assert all(one.retryable and one.retry_after_ms for one in refused)
            kept: list[Json] = []
            cursor: str | None = None
            while True:
                page = await operator.call(
                    "inbox.list", {"limit": 100, **({"cursor": cursor} if cursor else {})}
                )
                kept += page["items"]
                if (cursor := page.get("nextCursor")) is None:
                    break
            assert len(kept) == 120

    async def test_an_accepted_sentence_survives_a_crash(self, daemon: Daemon) -> None:
        """Accept before acknowledge: what a node was told is taken is answered after a kill."""
        key = DeviceKey()
        node = ApprovedNode(daemon, key=key)
        await node.connect()
        call = {"text": "ping", "eventId": "crash", "sessionKey": "agent:main:crash"}
        taken = await node.event("voice.transcript", call)
        await node.drop()
        daemon.kill()
        await daemon.start()
        async with (
            await WireClient.open(daemon.ws_url, token=daemon.token) as operator,
            ApprovedNode(daemon, key=key) as back,
        ):
            await operator.connect()
            again = await back.event("voice.transcript", call)
            assert (again["runId"], again["reason"]) == (taken["runId"], "duplicate")
            assert len(await inbox(operator, sessionKey="agent:main:crash")) == 1
            ended = await operator.call("agent.wait", {"runId": taken["runId"], "timeoutMs": 8000})
            assert ended["status"] in {"ok", "error"}
