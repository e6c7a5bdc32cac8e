"""Configuration, logs and diagnostics as the official clients ask for them.

Every frame is judged against the published schema by `every_frame_is_valid`; these calls are those of the
CLI and of the Control UI's settings and debug views.
"""

import json

import pytest

from tests.support.daemon import TOKEN
from tests.support.openclaw import OpenClawCli
from tests.support.recorder import Recorder
from tests.support.wire import WireClient

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_shapes_of_settings_and_debug_views(recorder: Recorder) -> None:
    """Rows S4.12-3 and S4.21-1; `system.info`, `config.schema` and the like have published definitions."""
    async with await WireClient.open(f"ws://127.0.0.1:{recorder.port}/", token=TOKEN) as client:
        await client.connect()
        for method in ("health", "system.info", "update.status", "logs.tail", "config.schema", "usage.cost"):
            await client.call(method, {})
        await client.call("config.schema.lookup", {"path": "gateway"})
        await client.call("config.schema.lookup", {"path": "gateway.auth.token"})


async def test_logs_are_readable(cli: OpenClawCli) -> None:
    """`openclaw logs` understands our lines: time, level, subsystem and message in columns."""
    plain = await cli.ok("logs", "--limit", "3")
    rows = [line for line in plain.stdout.splitlines() if " info " in line]
    assert rows
    for row in rows:
        assert "{" not in row, row
    printed = await cli.ok("logs", "--limit", "3", "--json")
    records = [json.loads(line) for line in printed.stdout.splitlines() if line.startswith("{")]
    lines = [record for record in records if record["type"] == "log"]
    assert lines
    assert all(line["level"] and line["message"] and line["subsystem"] for line in lines)


async def test_diagnostics_are_readable(cli: OpenClawCli) -> None:
    """`openclaw gateway stability`, `gateway usage-cost` and `secrets reload` print what there is."""
    stability = await cli.ok("gateway", "stability")
    assert "diagnostic.memory.sample" in stability.stdout
    usage = await cli.ok("gateway", "usage-cost")
    assert "0 tokens" in usage.stdout or "$" in usage.stdout
    assert "reloaded" in (await cli.ok("secrets", "reload")).stdout
