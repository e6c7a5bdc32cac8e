"""`openclaw sessions archive|delete|compact`: the commands for stored sessions that go through the gateway.

Issue "Done when" 2; rows DC-1, S1.B-4.
"""

import json
from typing import Any

import pytest

from tests.support.openclaw import OpenClawCli
from tests.support.recorder import Recorder

pytestmark = pytest.mark.asyncio(loop_scope="module")

KEY = "agent:main:incident-42"


async def rows(cli: OpenClawCli) -> dict[str, dict[str, Any]]:
    """Every stored session by its key, archived ones too."""
    params = json.dumps({"archived": "all"})
    listed = (await cli.ok("gateway", "call", "sessions.list", "--json", "--params", params)).json()
    return {row["key"]: row for row in listed["sessions"]}


async def test_archive_then_delete(cli: OpenClawCli, recorder: Recorder) -> None:
    await cli.ok("agent", "--session-key", KEY, "--message", "first words")
    assert (await rows(cli))[KEY]["archived"] is False

    mark = recorder.mark()
    assert f"Archived session {KEY}." in (await cli.ok("sessions", "archive", KEY)).stdout
    assert recorder.methods(mark) == ["sessions.list", "sessions.patch"]
    assert (await rows(cli))[KEY]["archived"] is True
    assert "already archived" in (await cli.ok("sessions", "archive", KEY)).stdout

    assert f"Deleted session {KEY}." in (await cli.ok("sessions", "delete", KEY, "--yes")).stdout
    assert KEY not in await rows(cli)
    again = await cli.run("sessions", "delete", KEY, "--yes")
    assert again.code == 1
    assert "Session not found" in again.stderr


async def test_compact_keeps_the_last_lines(cli: OpenClawCli) -> None:
    for sentence in ("one", "two", "three"):
        await cli.ok("agent", "--session-key", "agent:main:long", "--message", sentence)
    run = await cli.ok("sessions", "compact", "agent:main:long", "--max-lines", "2")
    assert "Compacted session agent:main:long (kept 2 lines)." in run.stdout
    params = json.dumps({"sessionKey": "agent:main:long"})
    history = (await cli.ok("gateway", "call", "chat.history", "--json", "--params", params)).json()
    assert len(history["messages"]) <= 2


async def test_the_main_session_is_not_archived(cli: OpenClawCli) -> None:
    await cli.ok("agent", "--message", "hello")
    run = await cli.run("sessions", "archive", "agent:main:main")
    assert run.code == 1
    assert "main session" in run.stderr
