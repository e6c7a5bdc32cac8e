"""Health, status and diagnostics over RPC."""

from typing import cast

from gateway.kernel.clock import Clock
from gateway.kernel.config.store import ConfigStore
from gateway.kernel.home import Home
from gateway.kernel.rpc.context import Ctx
from gateway.kernel.rpc.router import handles
from gateway.operations import logs
from gateway.operations.facts import Facts
from gateway.operations.health import HealthFeed
from gateway.operations.stability import StabilityRecorder
from gateway.operations.status import StatusService
from gateway.operations.usage import UsageReports
from protocol.methods.diagnostics import (
    DiagnosticsLanes,
    DiagnosticsStability,
    DoctorMemoryStatus,
    EmbeddingState,
    LanesResult,
    LogsTail,
    LogsTailResult,
    MemoryStatus,
    StabilityResult,
)
from protocol.methods.health import (
    Health,
    SecretsReload,
    SecretsReloaded,
    Status,
    StatusSummary,
    SystemInfo,
    SystemInfoResult,
    UpdateSchedule,
    UpdateStatus,
    UpdateStatusResult,
)
from protocol.methods.usage import UsageCost, UsageCostResult, UsageStatus, UsageStatusResult
from protocol.nouns.health import HealthSummary
from protocol.scopes import Scope, allows


class HealthApi:
    """`health`, `status`, `system.info`, `usage.*`, `update.status`."""

    def __init__(self, feed: HealthFeed, status: StatusService, usage: UsageReports) -> None:
        self._feed = feed
        self._status = status
        self._usage = usage

    @handles(Health)
    def health(self, _ctx: Ctx, call: Health) -> HealthSummary:
        """The snapshot."""
        # Already JSON: encoding the same struct for every poll would cost more than composing it.
        return cast("HealthSummary", self._feed.current(fresh=call.probe))

    @handles(Status)
    async def status(self, ctx: Ctx, call: Status) -> StatusSummary:
        """The overview."""
        admin = allows(ctx.principal.scopes, Scope.ADMIN)
        return await self._status.summary(channels=call.include_channel_summary, paths=admin)

    @handles(SystemInfo)
    async def system_info(self, _ctx: Ctx, _call: SystemInfo) -> SystemInfoResult:
        """The machine."""
        return self._status.system_info()

    @handles(UsageCost)
    async def usage_cost(self, _ctx: Ctx, call: UsageCost) -> UsageCostResult:
        """Usage by day."""
        return await self._usage.cost(call)

    @handles(UsageStatus)
    async def usage_status(self, _ctx: Ctx, _call: UsageStatus) -> UsageStatusResult:
        """Allowances."""
        return self._usage.status()

    @handles(UpdateStatus)
    def update_status(self, _ctx: Ctx, _call: UpdateStatus) -> UpdateStatusResult:
        """Nothing looks for updates or installs them: whoever installed the package does."""
        schedule = UpdateSchedule(channel="stable", auto_enabled=False)
        return UpdateStatusResult(
            sentinel=None, update_available=None, effective_channel="stable", schedule=schedule
        )


class DiagnosticsApi:
    """`logs.tail`, `diagnostics.*`, `secrets.reload`, `doctor.memory.status`."""

    def __init__(
        self, facts: Facts, recorder: StabilityRecorder, config: ConfigStore, home: Home, clock: Clock
    ) -> None:
        self._facts = facts
        self._recorder = recorder
        self._config = config
        self._home = home
        self._clock = clock

    @handles(LogsTail)
    async def logs_tail(self, _ctx: Ctx, call: LogsTail) -> LogsTailResult:
        """The end of the log."""
        return await logs.tail(self._home.log_path, call)

    @handles(DiagnosticsStability)
    def stability(self, _ctx: Ctx, call: DiagnosticsStability) -> StabilityResult:
        """Recent troubles."""
        return self._recorder.query(call)

    @handles(DiagnosticsLanes)
    def lanes(self, _ctx: Ctx, _call: DiagnosticsLanes) -> LanesResult:
        """All queues."""
        lanes = [lane for provider in self._facts.lanes for lane in provider()]
        return LanesResult(ts=self._clock.now_ms(), lanes=lanes, dynamic=None)

    @handles(SecretsReload)
    async def reload_secrets(self, _ctx: Ctx, _call: SecretsReload) -> SecretsReloaded:
        """Read secrets and the file again."""
        await self._config.reload()
        warnings = len(self._config.missing_secrets()) + len(self._config.issues)
        return SecretsReloaded(ok=True, warning_count=warnings)

    @handles(DoctorMemoryStatus)
    async def memory_status(self, _ctx: Ctx, call: DoctorMemoryStatus) -> MemoryStatus:
        """How memory is searched."""
        found = await self._facts.memory(call.agent_id)
        if found is not None:
            return found
        missing = EmbeddingState(ok=False, checked=True, error="memory is switched off")
        return MemoryStatus(
            agent_id=call.agent_id or self._facts.default_agent(), provider="none", embedding=missing
        )
