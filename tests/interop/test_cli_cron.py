"""`openclaw cron …`: a job from its creation over a run to its removal.

Issue "Done when" 2 and set 8 of "The rest of what the official clients call"; row S1.B-4.
"""

import re

import pytest

from tests.support.openclaw import OpenClawCli

pytestmark = pytest.mark.asyncio(loop_scope="module")

HOUR_MS = 3_600_000


async def add(cli: OpenClawCli, name: str) -> str:
    """Create an hourly job that asks the agent; returns its id."""
    when = ("--name", name, "--every", "1h", "--agent", "main")
    what = ("--message", "cron says hi", "--session", "isolated", "--no-deliver")
    job = (await cli.ok("cron", "add", *when, *what, "--json")).json()
    assert (job["name"], job["enabled"]) == (name, True)
    assert job["schedule"]["everyMs"] == HOUR_MS
    assert job["state"]["nextRunAtMs"] == job["createdAtMs"] + HOUR_MS
    return str(job["id"])


async def test_a_job_from_creation_to_removal(cli: OpenClawCli) -> None:
    job = await add(cli, "hourly")
    assert re.search(rf"^{job}.*\bhourly\b.*every 1h", (await cli.ok("cron", "list")).stdout, re.MULTILINE)
    shown = (await cli.ok("cron", "show", job)).stdout
    assert "name: hourly" in shown
    assert "schedule: every 1h" in shown

    edited = (await cli.ok("cron", "edit", job, "--description", "says hi", "--every", "2h")).json()
    assert (edited["description"], edited["schedule"]["everyMs"]) == ("says hi", 2 * HOUR_MS)

    assert (await cli.ok("cron", "disable", job)).json()["enabled"] is False
    assert job not in (await cli.ok("cron", "list")).stdout
    assert job in (await cli.ok("cron", "list", "--all")).stdout
    assert (await cli.ok("cron", "enable", job)).json()["enabled"] is True

    assert (await cli.ok("cron", "rm", job)).json() == {"ok": True, "removed": True}
    again = await cli.run("cron", "rm", job)
    assert again.code == 1
    assert "not found" in again.stderr


async def test_a_run_is_waited_for_and_kept(cli: OpenClawCli) -> None:
    job = await add(cli, "run me")
    outcome = (await cli.ok("cron", "run", job, "--wait", "--wait-timeout", "30s")).json()
    assert (outcome["completed"], outcome["status"]) == (True, "ok")
    assert outcome["run"]["jobId"] == job
    assert "Hello from the scripted model" in outcome["run"]["summary"]

    ledger = (await cli.ok("cron", "runs", "--id", job)).json()
    assert [(entry["runId"], entry["status"]) for entry in ledger["entries"]] == [(outcome["runId"], "ok")]
    assert "status: ok" in (await cli.ok("cron", "show", job)).stdout


async def test_status_counts_jobs_and_names_the_next(cli: OpenClawCli) -> None:
    before = (await cli.ok("cron", "status", "--json")).json()
    assert before["enabled"] is True
    at_nine = ("--name", "nine", "--cron", "0 9 * * *", "--system-event", "tick", "--session", "main")
    job = (await cli.ok("cron", "add", *at_nine, "--json")).json()
    assert job["payload"] == {"kind": "systemEvent", "text": "tick"}
    after = (await cli.ok("cron", "status", "--json")).json()
    assert after["jobs"] == before["jobs"] + 1
    assert after["nextWakeAtMs"] <= job["state"]["nextRunAtMs"]


async def test_an_impossible_schedule_is_refused(cli: OpenClawCli) -> None:
    run = await cli.run("cron", "add", "--name", "bad", "--cron", "99 99 * * *", "--message", "x")
    assert run.code == 1
    assert "invalid cron.add params" in run.stderr
