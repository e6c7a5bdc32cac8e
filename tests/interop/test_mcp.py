"""`openclaw mcp serve`: another agent reads the gateway's conversations through the Model Context Protocol.

Issue "Done when" 2; rows DC-1, S1.B-4. Source: Model Context Protocol 2025-06-18, as the bridge answers it.
"""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.interop.asking import MAIN, connected, say
from tests.interop.stdio import Json, StdioPeer
from tests.support.openclaw import OpenClawCli
from tests.support.recorder import Recorder
from tests.support.wire import payload_of

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def bridge(cli: OpenClawCli, recorder: Recorder) -> AsyncIterator[StdioPeer]:
    """An initialised bridge to a gateway with one conversation."""
    await say(recorder, "the otter sleeps at noon")
    hello = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}
    async with StdioPeer(cli, "mcp", "serve") as peer:
        assert (await peer.request("initialize", hello))["serverInfo"]["name"] == "openclaw"
        await peer.notify("notifications/initialized", {})
        yield peer


async def use(bridge: StdioPeer, tool: str, **arguments: object) -> Json:
    """Call a tool that must succeed and return its structured result."""
    result = await bridge.request("tools/call", {"name": tool, "arguments": arguments})
    assert not result.get("isError"), result
    return result["structuredContent"]


async def test_the_tools_are_listed(bridge: StdioPeer) -> None:
    listed = await bridge.request("tools/list", {})
    names = {tool["name"] for tool in listed["tools"]}
    assert {"conversations_list", "conversation_get", "messages_read", "events_poll"} <= names


async def test_the_transcript_is_read(bridge: StdioPeer, recorder: Recorder) -> None:
    read = await use(bridge, "messages_read", session_key=MAIN)
    assert [message["role"] for message in read["messages"]] == ["user", "assistant"]
    assert read["messages"][0]["content"] == "the otter sleeps at noon"
    assert read["messages"][1]["content"][0]["text"].endswith("You said: the otter sleeps at noon")
    assert {"sessions.subscribe", "sessions.get"} <= set(recorder.methods())


async def test_conversations_are_those_with_a_channel(bridge: StdioPeer, recorder: Recorder) -> None:
    mark = recorder.mark()
    # The main session came from the command line, which no reply can be sent back to.
    assert (await use(bridge, "conversations_list"))["conversations"] == []
    missing = await bridge.request(
        "tools/call", {"name": "conversation_get", "arguments": {"session_key": MAIN}}
    )
    assert missing["isError"] is True
    assert recorder.methods(mark) == ["sessions.list", "sessions.describe"]


@pytest.mark.usefixtures("homarus_only")
async def test_a_permission_is_listed_and_granted(bridge: StdioPeer, recorder: Recorder) -> None:
    """OpenClaw tells only admins of requests that are not their own; the bridge asks for `approvals` only."""
    assert (await use(bridge, "permissions_list_open"))["approvals"] == []
    cursor = (await use(bridge, "events_poll", after_cursor=0))["next_cursor"]
    question = {"command": "echo otters", "twoPhase": True, "timeoutMs": 60_000}
    async with await connected(recorder) as agent:
        request = await agent.request("exec.approval.request", question)
        asked = payload_of(await agent.response(request))
        assert asked["status"] == "accepted"

        waited = await use(bridge, "events_wait", after_cursor=cursor, timeout_ms=10_000)
        assert waited["event"]["type"] == "exec_approval_requested"
        (approval,) = (await use(bridge, "permissions_list_open"))["approvals"]
        assert approval["id"] == asked["id"]
        assert approval["request"]["command"] == "echo otters"

        await use(bridge, "permissions_respond", kind="exec", id=asked["id"], decision="allow-once")
        verdict = payload_of(await agent.response(request, nth=2))
        assert (verdict["id"], verdict["decision"]) == (asked["id"], "allow-once")
    cursor = waited["event"]["cursor"]
    waited = await use(bridge, "events_wait", after_cursor=cursor, timeout_ms=10_000)
    assert waited["event"]["type"] == "exec_approval_resolved"
    assert (await use(bridge, "permissions_list_open"))["approvals"] == []


async def test_a_message_without_files_has_no_attachments(bridge: StdioPeer) -> None:
    read = await use(bridge, "messages_read", session_key=MAIN, limit=1)
    message = read["messages"][0]["__openclaw"]["id"]
    fetched = await use(bridge, "attachments_fetch", session_key=MAIN, message_id=message)
    assert fetched["attachments"] == []


async def test_a_new_message_arrives_as_an_event(bridge: StdioPeer, recorder: Recorder) -> None:
    cursor = (await use(bridge, "events_poll", after_cursor=0))["next_cursor"]
    await say(recorder, "news for the bridge")
    waited = await use(bridge, "events_wait", after_cursor=cursor, session_key=MAIN, timeout_ms=5000)
    assert "news for the bridge" in str(waited["event"])
