"""`homarus cron`: jobs that run at a time."""

import argparse
import time

from gateway.cli.arguments import Parser, Subcommands, add_reach
from gateway.cli.client import Client, connect
from gateway.cli.failure import CommandFailed, Misused
from gateway.cli.output import age, duration, one_line, print_json, print_table
from gateway.cli.schedules import instant, interval_ms, local_zone
from protocol.methods.cron import CronAdd, CronList, CronRemove, CronRun, CronRuns
from protocol.nouns.cron import (
    AgentTurnPayload,
    AtSchedule,
    CronJob,
    CronSchedule,
    EverySchedule,
    Payload,
    Schedule,
    SystemEventPayload,
)

PAGE = 200
"""Jobs asked for at a time, the most one answer may hold."""


def configure(parser: Parser) -> None:
    """Declare the commands."""
    commands = Subcommands(parser)
    add_reach(commands.add("list", _list, "every job, the next one first"))
    add = add_reach(commands.add("add", _add, "let an agent do something at a time"))
    add.add_argument("name")
    add.add_argument("message", help="what to do, in words")
    when = add.add_mutually_exclusive_group(required=True)
    when.add_argument("--at", metavar="TIME", help="once: 2027-01-31T09:00 (your time), or +20m from now")
    when.add_argument("--every", metavar="LENGTH", help="again and again: 30s, 10m, 2h or 1d apart")
    when.add_argument(
        "--cron", metavar="EXPR", help="at the times of a cron expression, such as '0 9 * * 1-5'"
    )
    add.add_argument("--tz", metavar="ZONE", help="of --cron, such as Europe/Berlin (this machine's)")
    add.add_argument("--agent", metavar="ID", help="which agent (the default one)")
    add.add_argument(
        "--main", action="store_true", help="as a note in the main conversation, not in one of its own"
    )
    for name, run, text in (
        ("remove", _remove, "delete a job; what it did stays on record"),
        ("run", _run, "run a job now"),
        ("runs", _runs, "what a job did, the newest first"),
    ):
        add_reach(commands.add(name, run, text)).add_argument(
            "job", help="its name, id, or the start of its id"
        )


def _list(options: argparse.Namespace) -> int:
    with connect(options) as client:
        jobs = _all_jobs(client)
    if options.json:
        print_json(jobs)
        return 0
    if not jobs:
        print("No job yet; add one with: homarus cron add")
        return 0
    print_table(
        ("JOB", "NAME", "WHEN", "NEXT", "LAST", "RESULT"),
        [
            (
                job.id[:8],
                job.name,
                _when(job.schedule),
                _until(job) if job.enabled else "off",
                age(job.state.last_run_at_ms),
                job.state.last_run_status or "-",
            )
            for job in jobs
        ],
    )
    return 0


def _all_jobs(client: Client) -> list[CronJob]:
    jobs: list[CronJob] = []
    while True:
        page = client.ask(CronList(include_disabled=True, limit=PAGE, offset=len(jobs))).value
        jobs += page.jobs
        if not page.has_more or not page.jobs:
            return jobs


def _when(schedule: Schedule) -> str:
    if isinstance(schedule, EverySchedule):
        return f"every {duration(schedule.every_ms)}"
    return (
        f"at {schedule.at}" if isinstance(schedule, AtSchedule) else f"{schedule.expr} {schedule.tz or 'UTC'}"
    )


def _until(job: CronJob) -> str:
    next_ms = job.state.next_run_at_ms
    return "-" if next_ms is None else f"in {duration(next_ms - time.time() * 1000)}"


def _add(options: argparse.Namespace) -> int:
    payload: Payload = (
        SystemEventPayload(text=options.message)
        if options.main
        else AgentTurnPayload(message=options.message)
    )
    call = CronAdd(
        name=options.name,
        schedule=_schedule(options),
        payload=payload,
        session_target="main" if options.main else "isolated",
        agent_id=options.agent,
        delete_after_run=True if options.at else None,
    )
    with connect(options) as client:
        answer = client.ask(call)
    if options.json:
        print_json(answer.raw)
    else:
        job = answer.value
        print(f"added {one_line(job.name)} ({job.id[:8]}), next {_until(job)}")
    return 0


def _schedule(options: argparse.Namespace) -> Schedule:
    if options.at is not None:
        return AtSchedule(at=instant(options.at))
    if options.every is not None:
        return EverySchedule(every_ms=interval_ms(options.every))
    return CronSchedule(expr=options.cron, tz=options.tz or local_zone())


def _remove(options: argparse.Namespace) -> int:
    with connect(options) as client:
        job = _job(client, options.job)
        answer = client.ask(CronRemove(id=job.id))
    if options.json:
        print_json(answer.raw)
    else:
        print(f"removed {one_line(job.name)}")
    return 0


def _run(options: argparse.Namespace) -> int:
    with connect(options) as client:
        job = _job(client, options.job)
        answer = client.ask(CronRun(id=job.id))
    started = answer.value
    if options.json:
        print_json(answer.raw)
    elif started.reason is not None:
        print(f"{one_line(job.name)} does not run: {started.reason.replace('-', ' ')}")
    else:
        print(f"{one_line(job.name)} runs; see what became of it with: homarus cron runs {job.id[:8]}")
    return 0 if started.reason is None else 1


def _runs(options: argparse.Namespace) -> int:
    with connect(options) as client:
        job = _job(client, options.job)
        answer = client.ask(CronRuns(id=job.id))
    if options.json:
        print_json(answer.raw)
        return 0
    entries = answer.value.entries
    print_table(
        ("WHEN", "RESULT", "TOOK", "DELIVERED", "SAID"),
        [
            (
                age(entry.run_at_ms),
                entry.status,
                duration(entry.duration_ms),
                entry.delivery_status,
                entry.error or entry.summary or "-",
            )
            for entry in entries
        ],
    )
    return 0


def _job(client: Client, typed: str) -> CronJob:
    found = [job for job in _all_jobs(client) if job.name == typed or job.id.startswith(typed)]
    if not found:
        raise CommandFailed(f"there is no job {one_line(typed)}", "look at `homarus cron list`")
    if len(found) > 1:
        raise Misused(f"{len(found)} jobs are called {one_line(typed)}", "use the id of one")
    return found[0]
