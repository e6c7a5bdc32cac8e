"""`openclaw sessions archive|delete|compact`: the commands for stored sessions that go through the gateway.

Issue "Done when" 2; rows DC-1, S1.B-4.
"""

from typing import Any

import pytest

from tests.interop.asking import MAIN, ask, say
from tests.support.openclaw import OpenClawCli
from tests.support.recorder import Recorder

pytestmark = pytest.mark.asyncio(loop_scope="module")

KEY = "agent:main:incident-42"


async def rows(recorder: Recorder) -> dict[str, dict[str, Any]]:
    """Every stored session by its key, archived ones too."""
    listed = await ask(recorder, "sessions.list", archived="all")
    return {row["key"]: row for row in listed["sessions"]}


async def test_archive_then_delete(cli: OpenClawCli, recorder: Recorder) -> None:
    await say(recorder, "first words", KEY)
    assert (await rows(recorder))[KEY]["archived"] is False

    mark = recorder.mark()
    assert f"Archived session {KEY}." in (await cli.ok("sessions", "archive", KEY)).stdout
    assert recorder.methods(mark) == ["sessions.list", "sessions.patch"]
    assert (await rows(recorder))[KEY]["archived"] is True
    assert "already archived" in (await cli.ok("sessions", "archive", KEY)).stdout

    assert f"Deleted session {KEY}." in (await cli.ok("sessions", "delete", KEY, "--yes")).stdout
    assert KEY not in await rows(recorder)
    again = await cli.run("sessions", "delete", KEY, "--yes")
    assert again.code == 1
    assert "Session not found" in again.stderr


async def test_compact_keeps_the_last_lines(cli: OpenClawCli, recorder: Recorder) -> None:
    for sentence in ("one", "two", "three"):
        await say(recorder, sentence, "agent:main:long")
    run = await cli.ok("sessions", "compact", "agent:main:long", "--max-lines", "2")
    assert "Compacted session agent:main:long (kept 2 lines)." in run.stdout
    history = await ask(recorder, "chat.history", sessionKey="agent:main:long")
    assert len(history["messages"]) <= 2


async def test_the_main_session_is_not_archived(cli: OpenClawCli, recorder: Recorder) -> None:
    await say(recorder, "hello")
    run = await cli.run("sessions", "archive", MAIN)
    assert run.code == 1
    assert "main session" in run.stderr
