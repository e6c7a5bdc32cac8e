"""Asking the gateway how it is.

Source: shapes as recorded from OpenClaw 2026.9.6.
"""

from protocol.method import Call, Wire, method
from protocol.nouns.health import EventLoopReading, HealthSummary, ModelRuntimeHealth, PartState
from protocol.nouns.status import (
    HeartbeatStatus,
    ProcessMemory,
    SessionsStatus,
    StoreStatus,
    TaskAudit,
    TasksStatus,
)
from protocol.scopes import Scope


@method("health", Scope.READ)
class Health(Call[HealthSummary]):
    """The gateway's state, at most a second old."""

    probe: bool = False
    """Compose it anew."""


class StatusSummary(Wire):
    """What a person wants to see first. Paths are for callers with admin only."""

    runtime_version: str
    heartbeat: HeartbeatStatus
    channel_summary: list[str]
    queued_system_events: list[str]
    degraded_secret_owners: list[str]
    """Settings whose secret is missing."""
    degraded_plugins: list[str]
    tasks: TasksStatus
    task_audit: TaskAudit
    sessions: SessionsStatus
    model_runtime: ModelRuntimeHealth
    process_memory: ProcessMemory
    pid: int
    parts: dict[str, PartState]
    """Homarus only: every part that reported."""
    stores: dict[str, StoreStatus]
    """Homarus only: every database."""
    homarus_version: str
    """Homarus only."""
    connections: int
    """Homarus only: admitted connections."""
    uptime_ms: int
    event_loop: EventLoopReading | None = None


@method("status", Scope.READ)
class Status(Call[StatusSummary]):
    """An overview of sessions, tasks, heartbeats and the process."""

    include_channel_summary: bool = True


class SystemInfoResult(Wire):
    """The machine and the process."""

    machine_name: str
    hostname: str
    platform: str
    release: str
    arch: str
    os_label: str
    node_version: str
    """Runtime of the gateway; clients show it as it is."""
    pid: int
    process_instance_id: str
    uptime_ms: int
    cpu_count: int
    memory_total_bytes: int
    memory_free_bytes: int
    disk_total_bytes: int
    disk_available_bytes: int
    disk_path: str
    port: int | None = None
    cpu_model: str | None = None
    load_average: tuple[float, float, float] | None = None


@method("system.info", Scope.READ)
class SystemInfo(Call[SystemInfoResult]):
    """The machine the gateway runs on."""


class SecretsReloaded(Wire):
    """Secrets were read again."""

    ok: bool
    warning_count: int
    """References that point to nothing."""


@method("secrets.reload", Scope.ADMIN)
class SecretsReload(Call[SecretsReloaded]):
    """Read every secret the configuration refers to again, from its variable or file."""


class UpdateSchedule(Wire):
    """Whether the gateway replaces itself."""

    channel: str
    auto_enabled: bool


class UpdateStatusResult(Wire):
    """What is known about newer versions: the gateway never looks for them by itself."""

    sentinel: None
    update_available: None
    effective_channel: str
    schedule: UpdateSchedule


@method("update.status", Scope.ADMIN)
class UpdateStatus(Call[UpdateStatusResult]):
    """Whether an update is known or running."""

    refresh_checkout: bool = False
