"""`status`, `system.info` and what else is read off the process on demand."""

import os
import platform
import shutil
import socket
from collections.abc import Mapping
from typing import Final

from gateway.kernel.clock import Clock
from gateway.kernel.config.store import ConfigStore
from gateway.kernel.home import Home
from gateway.kernel.net.hub import Hub
from gateway.kernel.store.db import Database
from gateway.operations import machine
from gateway.operations.facts import TASK_RUNTIMES, TASK_STATES, Facts, SessionFacts, TaskFacts
from gateway.operations.health import HealthFeed
from gateway.operations.loop import EventLoopMonitor
from protocol.methods.health import StatusSummary, SystemInfoResult
from protocol.nouns.health import ModelRuntimeHealth
from protocol.nouns.status import (
    AgentHeartbeat,
    AgentSessionsStatus,
    HeartbeatStatus,
    SessionDefaultsStatus,
    SessionsStatus,
    StatusSession,
    StoreStatus,
    TaskAudit,
    TasksStatus,
)
from protocol.version import COMPATIBLE_RELEASE, RELEASE

HIDDEN: Final = "[redacted]"
"""In place of a path, for callers without admin. Observed from OpenClaw 2026.9.6."""

_ACTIVE: Final = frozenset({"queued", "running"})
_FAILED: Final = frozenset({"failed", "timed_out", "lost"})

_AUDIT_CODES: Final = (
    "stale_queued",
    "stale_running",
    "lost",
    "delivery_failed",
    "missing_cleanup",
    "inconsistent_timestamps",
)
"""Keys clients print, also at zero. Observed in `status` of OpenClaw 2026.9.6."""


class StatusService:
    """Reads everything anew for each caller; nothing here is hot."""

    def __init__(
        self,
        *,
        facts: Facts,
        feed: HealthFeed,
        loop: EventLoopMonitor,
        config: ConfigStore,
        hub: Hub,
        clock: Clock,
        home: Home,
        stores: Mapping[str, Database],
        boot_id: str,
        started_ms: int,
    ) -> None:
        self._facts = facts
        self._feed = feed
        self._loop = loop
        self._config = config
        self._hub = hub
        self._clock = clock
        self._home = home
        self._stores = stores
        self._boot_id = boot_id
        self._started_ms = started_ms

    async def summary(self, *, channels: bool, paths: bool) -> StatusSummary:
        """The overview; `paths` for callers with admin."""
        facts = self._facts
        unready = list(facts.unready_agents())
        sessions, tasks = await facts.sessions(), await facts.tasks()
        return StatusSummary(
            runtime_version=COMPATIBLE_RELEASE,
            homarus_version=RELEASE,
            heartbeat=self._heartbeats(),
            channel_summary=list(facts.channels().summary) if channels else [],
            queued_system_events=list(facts.system_events()),
            degraded_secret_owners=self._config.missing_secrets(),
            degraded_plugins=[],
            tasks=_tasks(tasks),
            task_audit=_audit(tasks),
            sessions=self._sessions(sessions, paths=paths),
            model_runtime=ModelRuntimeHealth(degraded=bool(unready), pending_agents=unready),
            process_memory=machine.process_memory(),
            pid=os.getpid(),
            parts=self._feed.parts(),
            stores=self.stores(),
            connections=len(self._hub),
            uptime_ms=self.uptime_ms(),
            event_loop=self._loop.reading,
        )

    def system_info(self) -> SystemInfoResult:
        """The machine and the process."""
        name = socket.gethostname()
        total, free = machine.host_memory()
        disk = shutil.disk_usage(self._home.root)
        return SystemInfoResult(
            machine_name=name,
            hostname=name,
            platform=platform.system().lower(),
            release=platform.release(),
            arch=machine.arch(),
            os_label=f"{platform.system()} {platform.release()}",
            node_version=f"Python {platform.python_version()}",
            pid=os.getpid(),
            process_instance_id=self._boot_id,
            uptime_ms=self.uptime_ms(),
            cpu_count=os.cpu_count() or 1,
            cpu_model=machine.cpu_model(),
            load_average=os.getloadavg(),
            memory_total_bytes=total,
            memory_free_bytes=free,
            disk_total_bytes=disk.total,
            disk_available_bytes=disk.free,
            disk_path=str(self._home.root),
            port=self._facts.port(),
        )

    def stores(self) -> dict[str, StoreStatus]:
        """Every database, by name."""
        return {name: _store(database) for name, database in self._stores.items()}

    def uptime_ms(self) -> int:
        """Milliseconds since the start."""
        return max(self._clock.now_ms() - self._started_ms, 0)

    def _heartbeats(self) -> HeartbeatStatus:
        return HeartbeatStatus(
            default_agent_id=self._facts.default_agent(),
            agents=[
                AgentHeartbeat(
                    agent_id=agent.agent_id,
                    enabled=agent.heartbeat.enabled,
                    every=agent.heartbeat.every,
                    every_ms=agent.heartbeat.every_ms,
                    waiting_for_route=False,
                )
                for agent in self._facts.agents()
            ],
        )

    def _sessions(self, sessions: SessionFacts, *, paths: bool) -> SessionsStatus:
        path = str(self._home.state_dir / "state.db") if paths else HIDDEN
        recent = [row for agent in sessions.by_agent.values() for row in agent.recent]
        recent.sort(key=_updated, reverse=True)
        return SessionsStatus(
            paths=[path] if paths else [],
            count=sum(agent.count for agent in sessions.by_agent.values()),
            defaults=SessionDefaultsStatus(model=sessions.model, context_tokens=sessions.context_tokens),
            recent=recent[:10],
            by_agent=[
                AgentSessionsStatus(
                    agent_id=name, path=path, count=agent.count, recent=list(agent.recent)[:10]
                )
                for name, agent in sessions.by_agent.items()
            ],
        )


def _updated(row: StatusSession) -> int:
    return row.updated_at


def _tasks(tasks: TaskFacts) -> TasksStatus:
    by_status = {**dict.fromkeys(TASK_STATES, 0), **tasks.by_status}
    active = sum(count for state, count in by_status.items() if state in _ACTIVE)
    total = sum(by_status.values())
    return TasksStatus(
        total=total,
        active=active,
        terminal=total - active,
        failures=sum(count for state, count in by_status.items() if state in _FAILED),
        by_status=by_status,
        by_runtime={**dict.fromkeys(TASK_RUNTIMES, 0), **tasks.by_runtime},
    )


def _audit(tasks: TaskFacts) -> TaskAudit:
    by_code = {**dict.fromkeys(_AUDIT_CODES, 0), **tasks.suspect}
    total = sum(by_code.values())
    return TaskAudit(total=total, warnings=total - by_code["lost"], errors=by_code["lost"], by_code=by_code)


def _store(database: Database) -> StoreStatus:
    stats = database.stats()
    return StoreStatus(
        database_bytes=stats.file_bytes,
        wal_bytes=stats.wal_bytes,
        commits=stats.commits,
        units=stats.units,
        queued_units=stats.queued_units,
    )
