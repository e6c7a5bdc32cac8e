"""Notes about what happened on nodes; reports of runs nobody asked for are dropped (rows S1.B-5, case 40)."""

import contextlib
import json
import sqlite3
from collections.abc import AsyncIterator

import pytest

from tests.support.daemon import Daemon
from tests.support.nodes import ApprovedNode, invoke
from tests.support.wire import Json, RpcError, WireClient

RAN = {"exitCode": 3, "timedOut": False, "success": False, "stdout": "", "stderr": "", "error": None}


@pytest.fixture
async def operator(shared_daemon: Daemon) -> AsyncIterator[WireClient]:
    """An operator who may approve."""
    async with await WireClient.open(shared_daemon.ws_url, token=shared_daemon.token) as client:
        await client.connect()
        yield client


def notes(daemon: Daemon, node: ApprovedNode) -> list[tuple[str, str | None]]:
    """What a node left for agents: text and session, by text."""
    path = daemon.home / "state" / "state.db"
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
        return db.execute(
            "SELECT text, session_key FROM wake_notes WHERE left_by = ? ORDER BY text", (node.id,)
        ).fetchall()


async def started(operator: WireClient, node: ApprovedNode) -> Json:
    """Let a node run something for a session; returns the parameters it got."""
    params = {"command": ["false"]}
    await invoke(operator, node, "system.run", params=params, sessionKey="agent:main:work")
    return json.loads(node.seen[-1]["paramsJSON"])


def runner(daemon: Daemon) -> ApprovedNode:
    """A node that runs programs."""
    return ApprovedNode(
        daemon,
        caps=["system"],
        commands=["system.run"],
        answers={"system.run": RAN},
        client={"platform": "linux", "deviceFamily": "Linux"},
    )


async def test_notifications_of_other_apps_become_notes(shared_daemon: Daemon) -> None:
    async with ApprovedNode(shared_daemon) as node:
        posted = {
            "change": "posted",
            "key": "k1",
            "packageName": "org.mail",
            "title": "Ann",
            "text": "See\nyou",
        }
        assert (await node.event("notifications.changed", posted))["handled"] is True
        await node.event("notifications.changed", {"change": "removed", "key": "k1", "sessionKey": "Home"})
        await node.event("notifications.changed", {"change": "posted", "key": "k2", "text": "x" * 500})
        first, third, second = notes(shared_daemon, node)
        assert first == (f"Notification posted (node={node.id} key=k1 package=org.mail): Ann - See you", None)
        assert second == (f"Notification removed (node={node.id} key=k1)", "agent:main:home")
        assert third[0].endswith("): " + "x" * 119 + "…")


async def test_bad_notifications_name_the_field(shared_daemon: Daemon) -> None:
    async with ApprovedNode(shared_daemon) as node:
        for payload, field in (
            ({"change": "moved", "key": "k"}, "/change"),
            ({"change": "posted"}, "key"),
            ({"change": "posted", "key": "k", "sessionKey": "a/../b"}, "sessionKey"),
        ):
            with pytest.raises(RpcError, match=field):
                await node.event("notifications.changed", payload)
        assert notes(shared_daemon, node) == []


async def test_a_run_that_was_asked_for_is_noted_once(shared_daemon: Daemon, operator: WireClient) -> None:
    async with runner(shared_daemon) as node:
        run_id = (await started(operator, node))["runId"]
        report = {"runId": run_id, "sessionKey": "agent:main:work", "host": "node", "command": "false"}
        assert (await node.event("exec.started", report))["reason"] == "noted"
        ended = {**report, "exitCode": 3, "timedOut": False, "success": False, "output": "it\nfailed"}
        assert (await node.event("exec.finished", ended))["handled"] is True
        again = await node.event("exec.finished", ended)
        assert (again["handled"], again["reason"]) == (False, "unmatched_exec_event")
        assert notes(shared_daemon, node) == [
            (f"Exec finished (node={node.id} id={run_id}, code 3)\nit failed", "agent:main:work"),
            (f"Exec started (node={node.id} id={run_id}): false", "agent:main:work"),
        ]


@pytest.mark.parametrize("quiet", [{"exitCode": 0}, {"exitCode": 1, "suppressNotifyOnExit": True}])
async def test_what_nobody_needs_to_know_leaves_no_note(
    shared_daemon: Daemon, operator: WireClient, quiet: Json
) -> None:
    async with runner(shared_daemon) as node:
        report = {"runId": (await started(operator, node))["runId"], "sessionKey": "agent:main:work", **quiet}
        assert (await node.event("exec.finished", report))["reason"] == "quiet"
        assert notes(shared_daemon, node) == []


async def test_a_report_names_the_conversation_of_the_program(
    shared_daemon: Daemon, operator: WireClient
) -> None:
    """OpenClaw's node host repeats the session of the parameters, whatever the call around them named."""
    async with runner(shared_daemon) as node:
        params = {"command": ["false"], "sessionKey": "node"}
        await invoke(operator, node, "system.run", params=params, sessionKey="agent:main:work")
        report = {"runId": json.loads(node.seen[-1]["paramsJSON"])["runId"], "exitCode": 1}
        other = await node.event("exec.finished", {**report, "sessionKey": "agent:main:work"})
        assert other["reason"] == "unmatched_exec_event"
        assert (await node.event("exec.finished", {**report, "sessionKey": "node"}))["handled"] is True


async def test_inventions_are_dropped(shared_daemon: Daemon, operator: WireClient) -> None:
    async with runner(shared_daemon) as node, ApprovedNode(shared_daemon) as stranger:
        run_id = (await started(operator, node))["runId"]
        good = {"runId": run_id, "sessionKey": "agent:main:work", "exitCode": 1}
        for who, report in (
            (stranger, good),
            (node, {**good, "runId": "unknown"}),
            (node, {**good, "sessionKey": "agent:main:main"}),
            (node, {"exitCode": 1, "sessionKey": "agent:main:work"}),
        ):
            for name in ("exec.started", "exec.finished", "exec.denied"):
                answer = await who.event(name, report)
                assert (answer["handled"], answer["reason"]) == (False, "unmatched_exec_event"), report
        assert notes(shared_daemon, node) == notes(shared_daemon, stranger) == []
        (row,) = (await operator.call("audit.entries", {"actor": stranger.id}))["entries"][:1]
        assert (row["subject"], row["outcome"]) == (run_id, "unmatched_exec_event")
        assert (await node.event("exec.finished", good))["handled"] is True
