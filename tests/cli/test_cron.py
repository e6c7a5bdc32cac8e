"""`homarus cron`."""

from tests.cli.command import ask, one_line_error
from tests.support.daemon import Daemon


def test_a_job_from_beginning_to_end(daemon: Daemon) -> None:
    assert "homarus cron add" in ask(daemon, "cron", "list").out
    added = ask(daemon, "cron", "add", "water", "remind me of the tomatoes", "--every", "2h")
    assert added.code == 0, added.err
    assert "next in" in added.out
    assert "every 2h" in ask(daemon, "cron", "list").out
    job = ask(daemon, "cron", "list", "--json").json[0]
    assert job["payload"] == {"kind": "agentTurn", "message": "remind me of the tomatoes"}
    assert "runs" in ask(daemon, "cron", "run", job["id"][:8]).out
    assert ask(daemon, "cron", "runs", "water").code == 0
    assert ask(daemon, "cron", "remove", "water").code == 0
    one_line_error(ask(daemon, "cron", "remove", "water"), 1)


def test_times_of_all_kinds(daemon: Daemon) -> None:
    for name, *when in (
        ("once", "--at", "+20m"),
        ("daily", "--cron", "0 9 * * *", "--tz", "Europe/Berlin"),
        ("note", "--every", "1d", "--main"),
    ):
        added = ask(daemon, "cron", "add", name, "help", *when, "--json")
        assert added.code == 0, added.err
    jobs = {job["name"]: job for job in ask(daemon, "cron", "list", "--json").json}
    assert jobs["daily"]["schedule"] == {"kind": "cron", "expr": "0 9 * * *", "tz": "Europe/Berlin"}
    assert jobs["note"]["payload"] == {"kind": "systemEvent", "text": "help"}
    assert jobs["once"]["deleteAfterRun"] is True


def test_a_schedule_that_cannot_be_is_named(daemon: Daemon) -> None:
    one_line_error(ask(daemon, "cron", "add", "x", "help", "--cron", "nonsense"), 1)
    one_line_error(ask(daemon, "cron", "add", "x", "help", "--every", "soon"), 2)
    one_line_error(ask(daemon, "cron", "add", "x", "help"), 2)
