"""Filtering and sorting of jobs; there are few enough for plain Python."""

from collections.abc import Sequence

from gateway.cron.model import Job
from protocol.methods.cron import CronList

LAST = 1 << 62
"""Sorts jobs without a next slot behind all others."""


def select_jobs(jobs: Sequence[Job], call: CronList) -> list[Job]:
    """The jobs a call asks for, in its order."""
    wanted = [job for job in jobs if _wanted(job, call)]
    return sorted(wanted, key=_KEYS[call.sort_by], reverse=call.sort_dir == "desc")


def _by_due(job: Job) -> tuple[int, str]:
    return (job.due_ms if job.due_ms is not None else LAST, job.name)


def _by_update(job: Job) -> tuple[int, str]:
    return (job.updated_ms, job.name)


def _by_name(job: Job) -> tuple[int, str]:
    return (0, job.name.lower())


_KEYS = {"nextRunAtMs": _by_due, "updatedAtMs": _by_update, "name": _by_name}


def _wanted(job: Job, call: CronList) -> bool:
    shown = call.enabled or ("all" if call.include_disabled else "enabled")
    if shown != "all" and job.enabled != (shown == "enabled"):
        return False
    kind = job.definition.schedule.__struct_config__.tag
    if call.schedule_kind not in {"all", kind}:
        return False
    if call.last_run_status not in {"all", job.last.status or "unknown"}:
        return False
    if call.agent_id is not None and (job.agent_id or "main") != call.agent_id:
        return False
    return call.query is None or _matches(job, call.query.lower())


def _matches(job: Job, query: str) -> bool:
    texts = (job.id, job.name, job.definition.display_name, job.definition.description)
    return any(query in text.lower() for text in texts if text is not None)
