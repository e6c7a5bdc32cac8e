"""SQL of scheduled jobs."""

from typing import Any, Final

import msgspec

from gateway.cron.model import Definition, Job, LastRun, Result, Run
from gateway.kernel.store.connection import Tx
from protocol.methods.cron import Scratch

_JOB: Final = (
    "SELECT id, name, agent_id, enabled, definition, created_ms, updated_ms, revision, due_ms, last "
    "FROM cron_jobs"
)

_RUN: Final = (
    "SELECT run_id, job_id, job_name, agent_id, slot_ms, status, claimed_ms, ended_ms, result FROM cron_runs"
)

_COUNT: Final = "SELECT count(*) FROM cron_runs"

_WANTED: Final = (
    " WHERE ended_ms IS NOT NULL AND (?1 IS NULL OR job_id = ?1) AND (?2 IS NULL OR run_id = ?2) "
    "AND (?3 IS NULL OR coalesce(agent_id, 'main') = ?3) "
    "AND (?4 = '' OR instr(?4, '|' || status || '|') > 0)"
)

KEPT_RUNS: Final = 2000
"""Of one job: a month of hourly runs and more, while a job of every second leaves no gigabyte behind."""

_encode = msgspec.json.encode


class RunFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which ended runs are wanted; what is None or empty does not narrow."""

    job_id: str | None = None
    run_id: str | None = None
    agent_id: str | None = None
    statuses: frozenset[str] = frozenset()


def save(tx: Tx, job: Job) -> None:
    """Insert or replace a job."""
    tx.execute(
        "INSERT OR REPLACE INTO cron_jobs VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            job.id,
            job.name,
            job.agent_id,
            job.enabled,
            _encode(job.definition),
            job.created_ms,
            job.updated_ms,
            job.revision,
            job.due_ms,
            _encode(job.last),
        ),
    )


def find(tx: Tx, job_id: str) -> Job | None:
    """One job."""
    row = tx.execute(_JOB + " WHERE id = ?", (job_id,)).fetchone()
    return None if row is None else _job(row)


def every(tx: Tx) -> list[Job]:
    """All jobs; there are dozens."""
    return [_job(row) for row in tx.execute(_JOB + " ORDER BY created_ms, id")]


def due(tx: Tx, now_ms: int) -> list[Job]:
    """Jobs whose slot has come."""
    return [_job(row) for row in tx.execute(_JOB + " WHERE due_ms <= ? ORDER BY due_ms, id", (now_ms,))]


def next_due_ms(tx: Tx) -> int | None:
    """The earliest slot of all jobs."""
    return tx.execute("SELECT min(due_ms) FROM cron_jobs").fetchone()[0]


def delete(tx: Tx, job_id: str) -> bool:
    """Delete a job with its notes; false when there was none."""
    tx.execute("DELETE FROM cron_scratch WHERE job_id = ?", (job_id,))
    return tx.execute("DELETE FROM cron_jobs WHERE id = ?", (job_id,)).rowcount == 1


def claim(tx: Tx, run: Run) -> bool:
    """Take a slot; false when it is taken, so that each slot starts once."""
    inserted = tx.execute(
        "INSERT OR IGNORE INTO cron_runs VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            run.run_id,
            run.job_id,
            run.job_name,
            run.agent_id,
            run.slot_ms,
            run.status,
            run.claimed_ms,
            run.ended_ms,
            None if run.result is None else _encode(run.result),
        ),
    )
    return inserted.rowcount == 1


def finish(tx: Tx, run_id: str, result: Result, now_ms: int) -> None:
    """Record how a claimed run ended."""
    tx.execute(
        "UPDATE cron_runs SET status = ?, result = ?, ended_ms = ? WHERE run_id = ? AND status = 'running'",
        (result.outcome, _encode(result), now_ms, run_id),
    )


def open_runs(tx: Tx) -> list[Run]:
    """Claimed runs without a result: after a start these were cut short."""
    return [_run(row) for row in tx.execute(_RUN + " WHERE status = 'running' ORDER BY claimed_ms")]


def ended_runs(tx: Tx, wanted: RunFilter, limit: int, offset: int, *, newest_first: bool) -> list[Run]:
    """A page of the ended runs that are wanted, by the time they ended."""
    order = "ended_ms DESC, run_id DESC" if newest_first else "ended_ms, run_id"
    rows = tx.execute(
        _RUN + f"{_WANTED} ORDER BY {order} LIMIT ?5 OFFSET ?6", (*_wanted(wanted), limit, offset)
    )
    return [_run(row) for row in rows]


def count_ended_runs(tx: Tx, wanted: RunFilter) -> int:
    """How many ended runs are wanted."""
    return tx.execute(_COUNT + _WANTED, _wanted(wanted)).fetchone()[0]


def reap(tx: Tx, job_id: str, ended_before_ms: int) -> None:
    """Forget runs that ended before, and of one job all but the newest `KEPT_RUNS`."""
    tx.execute("DELETE FROM cron_runs WHERE ended_ms < ?", (ended_before_ms,))
    tx.execute(
        "DELETE FROM cron_runs WHERE job_id = ?1 AND ended_ms < (SELECT ended_ms FROM cron_runs "
        "WHERE job_id = ?1 AND ended_ms IS NOT NULL ORDER BY ended_ms DESC LIMIT 1 OFFSET ?2)",
        (job_id, KEPT_RUNS - 1),
    )


def scratch(tx: Tx, job_id: str) -> Scratch | None:
    """A job's notes."""
    row = tx.execute(
        "SELECT content, revision, updated_ms FROM cron_scratch WHERE job_id = ?", (job_id,)
    ).fetchone()
    return None if row is None else Scratch(content=row[0], revision=row[1], updated_at_ms=row[2])


def write_scratch(tx: Tx, job_id: str, scratch_: Scratch | None) -> None:
    """Replace or remove a job's notes."""
    if scratch_ is None:
        tx.execute("DELETE FROM cron_scratch WHERE job_id = ?", (job_id,))
        return
    tx.execute(
        "INSERT OR REPLACE INTO cron_scratch VALUES (?, ?, ?, ?)",
        (job_id, scratch_.content, scratch_.revision, scratch_.updated_at_ms),
    )


def _wanted(wanted: RunFilter) -> tuple[str | None, ...]:
    statuses = "|".join(["", *sorted(wanted.statuses), ""]) if wanted.statuses else ""
    return (wanted.job_id, wanted.run_id, wanted.agent_id, statuses)


def _job(row: tuple[Any, ...]) -> Job:
    values = dict(zip(Job.__struct_fields__, row, strict=True))
    values["enabled"] = bool(values["enabled"])
    values["definition"] = msgspec.json.decode(values["definition"], type=Definition)
    values["last"] = msgspec.json.decode(values["last"], type=LastRun)
    return Job(**values)


def _run(row: tuple[Any, ...]) -> Run:
    values = dict(zip(Run.__struct_fields__, row, strict=True))
    if values["result"] is not None:
        values["result"] = msgspec.json.decode(values["result"], type=Result)
    return Run(**values)
