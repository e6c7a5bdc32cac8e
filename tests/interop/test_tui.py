"""`openclaw tui` in a real terminal: a sentence typed, the answer read off the screen.

Issue "Done when" 2; rows DC-1, S1.B-4, S3.M0-1.
"""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.interop.conftest import Gateway
from tests.support.openclaw import OpenClawCli
from tests.support.recorder import Recorder
from tests.support.terminal import ENTER, ESCAPE, Terminal

pytestmark = pytest.mark.asyncio(loop_scope="module")

ANSWER = "Hello from the scripted model. You said: "


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def tui(cli: OpenClawCli) -> AsyncIterator[Terminal]:
    """The TUI, connected and waiting for input; the tests of this module go on in one conversation."""
    async with Terminal(cli.argv("tui"), cli.env, cli.home) as terminal:
        await terminal.shows("gateway connected")
        yield terminal


@pytest.fixture(autouse=True)
def no_event_was_lost(tui: Terminal) -> None:
    """The TUI itself counts event sequence numbers and says so when one is missing."""
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


async def test_a_second_client_in_the_same_session_is_seen(tui: Terminal, cli: OpenClawCli) -> None:
    await cli.ok("agent", "--message", "typed somewhere else")
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
