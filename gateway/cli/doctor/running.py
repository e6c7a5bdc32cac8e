"""What a running gateway says about itself."""

from collections.abc import Iterator

from gateway.cli.client import Client
from gateway.cli.doctor.finding import Finding, error, note, ok
from gateway.cli.failure import CommandFailed
from gateway.cli.output import duration, size_text
from protocol.methods.backup import DatabasesStatus
from protocol.methods.config import ConfigGet
from protocol.methods.health import Status


def check(client: Client) -> Iterator[Finding]:
    """Findings about parts, configuration and databases; a question it cannot answer is a finding too."""
    for ask in (_parts, _config, _databases):
        try:
            yield from ask(client)
        except CommandFailed as failed:
            yield error("gateway", failed.what, failed.next_step)


def _parts(client: Client) -> Iterator[Finding]:
    status = client.ask(Status()).value
    yield ok(
        "gateway",
        f"version {status.homarus_version} runs for {duration(status.uptime_ms)} as process {status.pid}, "
        f"with {status.connections} connections",
    )
    for name, part in status.parts.items():
        if not part.ok:
            yield error(name, part.detail or "does not work", "look at `homarus logs`")
    for owner in status.degraded_secret_owners:
        yield error("secrets", f"{owner} has no secret", "set it, or the variable or file it refers to")


def _config(client: Client) -> Iterator[Finding]:
    snapshot = client.ask(ConfigGet()).value
    for fault in snapshot.issues:
        text = f"{fault.path}: {fault.message}" if fault.path else fault.message
        yield error("config", text, f"edit {snapshot.path}")
    if not snapshot.issues:
        yield ok("config", f"{snapshot.path} is in force")
    if snapshot.pending_restart:
        waiting = ", ".join(snapshot.pending_restart)
        yield note("config", f"changes of {waiting} wait for a restart", "homarus gateway stop, then run it")


def _databases(client: Client) -> Iterator[Finding]:
    for database in client.ask(DatabasesStatus()).value.databases:
        newest = ", ".join(f"{entry.feature} {entry.number:03d}" for entry in database.migrations)
        text = f"{database.name}: {size_text(database.file_bytes)}, migrated to {newest or 'nothing'}"
        yield ok("database", text)
