"""`openclaw tui` in a real terminal: a sentence typed, the answer read off the screen.

Issue "Done when" 2; rows DC-1, S1.B-4, S3.M0-1.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from tests.interop.asking import say
from tests.interop.conftest import Gateway, ToolCall
from tests.support.openclaw import OpenClawCli
from tests.support.recorder import Recorder
from tests.support.terminal import ENTER, ESCAPE, Terminal

pytestmark = pytest.mark.asyncio(loop_scope="module")

ANSWER = "Hello from the scripted model. You said: "
# The line of either gateway's answer to /status that names the session.
STATUS = re.compile(r"Session:? agent:main:")
# The status line's size of the conversation, such as `94/128k`; `?` until the first answer.
TOKENS = re.compile(r"\| tokens (\d\S*)")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def tui(cli: OpenClawCli) -> AsyncIterator[Terminal]:
    """The TUI, connected and waiting for input; the tests of this module go on in one conversation."""
    async with Terminal(cli.argv("tui"), cli.env, cli.home) as terminal:
        await terminal.shows("gateway connected")
        yield terminal


@pytest.fixture(autouse=True)
def no_event_was_lost(tui: Terminal) -> Iterator[None]:
    """The TUI itself counts event sequence numbers and says so when one is missing."""
    yield
    assert b"event gap" not in tui.written


async def test_a_typed_sentence_is_answered_on_the_screen(tui: Terminal, recorder: Recorder) -> None:
    await tui.type("the otter sleeps at noon", ENTER)
    await tui.shows(f"{ANSWER}the otter sleeps at noon")
    await tui.shows("connected | idle")
    assert "event gap" not in tui.screen

    assert {"sessions.subscribe", "chat.history", "chat.send"} <= set(recorder.methods())
    final = [event for event in recorder.events("chat") if event["state"] == "final"]
    assert len(final) == 1
    assert final[0]["sessionKey"] == "agent:main:main"


async def test_escape_aborts_and_the_session_goes_on(tui: Terminal) -> None:
    await tui.type("SLOW please", ENTER)
    await tui.shows("word3")
    await tui.type(ESCAPE)
    await tui.shows("run aborted")

    await tui.type("and after the abort", ENTER)
    await tui.shows(f"{ANSWER}and after the abort")


async def test_a_failing_run_is_shown(tui: Terminal) -> None:
    await tui.type("FAIL now", ENTER)
    await tui.shows("run error")


async def test_a_second_client_in_the_same_session_is_seen(tui: Terminal, recorder: Recorder) -> None:
    await say(recorder, "typed somewhere else")
    await tui.shows(f"{ANSWER}typed somewhere else")


async def test_a_new_session_starts_empty_and_the_list_has_both(tui: Terminal) -> None:
    await tui.type("/new", ENTER)
    await tui.until(lambda screen: "typed somewhere else" not in screen, "an empty conversation")
    await tui.type("first in the new one", ENTER)
    await tui.shows(f"{ANSWER}first in the new one")
    await tui.type("/sessions", ENTER)
    screen = await tui.shows("Filter:")
    assert "main" in screen.split("Filter:")[1]
    await tui.type(ESCAPE)


async def test_a_tool_is_shown_with_its_result(
    tui: Terminal, recorder: Recorder, tool_call: ToolCall
) -> None:
    mark = recorder.mark()
    await tui.type("/verbose full", ENTER)
    await tui.shows("| verbose full |")
    assert "sessions.patch" in recorder.methods(mark)
    await tui.type(f"please {tool_call.request}", ENTER)
    screen = await tui.shows("The tool said: ")
    card = screen.split("please TOOL:")[-1].split("The tool said: ")[0]
    assert tool_call.title in card
    assert tool_call.result in card
    await tui.shows("connected | idle")

    streamed = [event["data"] for event in recorder.events("agent", mark) if event["stream"] == "tool"]
    assert [data["phase"] for data in streamed if data["phase"] != "update"] == ["start", "result"]
    assert {data["name"] for data in streamed} == {tool_call.name}


async def test_a_command_is_answered_once_and_costs_no_tokens(tui: Terminal) -> None:
    await tui.type("/new", ENTER)
    await tui.until(lambda screen: "The tool said" not in screen, "an empty conversation")
    await tui.type("before the command", ENTER)
    await tui.shows(f"{ANSWER}before the command")
    counted = TOKENS.findall(await tui.until(lambda screen: bool(TOKENS.search(screen)), "size"))
    await tui.type("/status", ENTER)
    await tui.until(lambda screen: bool(STATUS.search(screen)), "the answer to /status")
    screen = await tui.shows("connected | idle")
    assert len(STATUS.findall(screen)) == 1
    assert TOKENS.findall(screen) == counted


async def test_the_gateways_status_is_shown(tui: Terminal, recorder: Recorder) -> None:
    mark = recorder.mark()
    await tui.type("/gateway-status", ENTER)
    screen = await tui.shows("Gateway status")
    assert "Version: 2026." in screen
    assert recorder.methods(mark) == ["status"]


async def test_the_conversation_survives_the_gateways_death(tui: Terminal, gateway: Gateway) -> None:
    await tui.type("before the restart", ENTER)
    await tui.shows(f"{ANSWER}before the restart")
    await tui.shows("connected | idle")
    gateway.close()
    await tui.until(lambda screen: "connected | idle" not in screen, "sign of the lost connection")
    await asyncio.to_thread(gateway.launch)
    await tui.shows("connected | idle")
    await tui.type("after the restart", ENTER)
    await tui.shows(f"{ANSWER}after the restart")
    assert f"{ANSWER}before the restart" in tui.screen
