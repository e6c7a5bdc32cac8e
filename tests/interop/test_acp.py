"""`openclaw acp`: an editor speaks the Agent Client Protocol to the bridge, the bridge to the gateway.

Issue "Done when" 2; rows DC-1, S1.B-4. Source: Agent Client Protocol 1, as the bridge announces it.
"""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from tests.interop.conftest import ToolCall
from tests.interop.stdio import Json, StdioPeer
from tests.support.openclaw import OpenClawCli
from tests.support.recorder import Recorder

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def editor(cli: OpenClawCli) -> AsyncIterator[StdioPeer]:
    """An editor whose bridge is initialised."""
    async with StdioPeer(cli, "acp") as peer:
        hello = await peer.request("initialize", {"protocolVersion": 1, "clientCapabilities": {}})
        assert hello["agentInfo"]["name"] == "openclaw-acp"
        yield peer


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def session(editor: StdioPeer, cli: OpenClawCli) -> str:
    """The id of a fresh ACP session."""
    opened = await editor.request("session/new", {"cwd": str(cli.home), "mcpServers": []})
    return str(opened["sessionId"])


def prompt(session: str, text: str) -> Json:
    return {"sessionId": session, "prompt": [{"type": "text", "text": text}]}


def spoken(messages: list[Json]) -> str:
    """The agent's words among `session/update` notifications."""
    updates: list[dict[str, Any]] = [message["params"]["update"] for message in messages]
    chunks = [update for update in updates if update["sessionUpdate"] == "agent_message_chunk"]
    return "".join(chunk["content"]["text"] for chunk in chunks)


async def test_a_prompt_is_answered_in_chunks(editor: StdioPeer, session: str, recorder: Recorder) -> None:
    before = len(editor.notifications)
    result = await editor.request("session/prompt", prompt(session, "the otter sleeps at noon"))
    assert result["stopReason"] == "end_turn"
    said = spoken(editor.notifications[before:])
    assert said == "Hello from the scripted model. You said: the otter sleeps at noon"
    assert "chat.send" in recorder.methods()


async def test_a_tool_is_shown_from_its_start_to_its_end(
    editor: StdioPeer, session: str, tool_call: ToolCall
) -> None:
    before = len(editor.notifications)
    result = await editor.request("session/prompt", prompt(session, f"please {tool_call.request}"))
    assert result["stopReason"] == "end_turn"
    messages = editor.notifications[before:]
    assert tool_call.result in spoken(messages)

    updates: list[dict[str, Any]] = [message["params"]["update"] for message in messages]
    (started,) = [update for update in updates if update["sessionUpdate"] == "tool_call"]
    assert tool_call.name in started["title"]
    assert started["status"] == "in_progress"
    changes = [update for update in updates if update["sessionUpdate"] == "tool_call_update"]
    assert changes[-1]["toolCallId"] == started["toolCallId"]
    assert changes[-1]["status"] == "completed"
    assert tool_call.result in str(changes[-1])


async def test_cancel_stops_the_run(editor: StdioPeer, session: str, recorder: Recorder) -> None:
    before, mark = len(editor.notifications), recorder.mark()
    request = await editor.send("session/prompt", prompt(session, "SLOW please"))
    await editor.until(lambda messages: "word3" in spoken(messages[before:]), "word3")
    await editor.notify("session/cancel", {"sessionId": session})
    assert (await editor.answer(request))["result"]["stopReason"] == "cancelled"
    assert "chat.abort" in recorder.methods(mark)
    await recorder.event("chat", lambda event: event["state"] == "aborted", mark)


async def test_the_session_is_listed(editor: StdioPeer, session: str) -> None:
    listed = await editor.request("session/list", {})
    keys = [entry["_meta"]["sessionKey"] for entry in listed["sessions"]]
    assert f"agent:main:acp-bridge:{session}" in keys


async def test_a_loaded_session_repeats_what_was_said(
    editor: StdioPeer, session: str, cli: OpenClawCli
) -> None:
    before = len(editor.notifications)
    await editor.request("session/load", {"sessionId": session, "cwd": str(cli.home), "mcpServers": []})
    repeated = editor.notifications[before:]
    assert "You said: the otter sleeps at noon" in spoken(repeated)
    updates = [message["params"]["update"] for message in repeated]
    asked = [update for update in updates if update["sessionUpdate"] == "user_message_chunk"]
    assert "the otter sleeps at noon" in asked[0]["content"]["text"]


async def test_a_failed_run_ends_the_prompt_and_the_next_is_answered(
    editor: StdioPeer, session: str, recorder: Recorder
) -> None:
    mark = recorder.mark()
    await editor.request("session/prompt", prompt(session, "FAIL please"))
    await recorder.event("chat", lambda event: event["state"] == "error", mark)
    before = len(editor.notifications)
    await editor.request("session/prompt", prompt(session, "and on it goes"))
    assert spoken(editor.notifications[before:]).endswith("You said: and on it goes")
