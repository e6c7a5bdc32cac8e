"""Cron methods."""

from gateway.cron.model import Announce
from gateway.cron.service import CronService
from gateway.kernel.rpc.context import Ctx
from gateway.kernel.rpc.router import handles
from protocol.methods.cron import (
    CronAdd,
    CronGet,
    CronJobPage,
    CronList,
    CronRemove,
    CronRun,
    CronRunPage,
    CronRuns,
    CronScratchGet,
    CronScratchSet,
    CronStarted,
    CronState,
    CronStatus,
    CronUpdate,
    Removed,
    ScratchView,
)
from protocol.nouns.cron import CronJob


class CronApi:
    """Answers for scheduled jobs."""

    def __init__(self, cron: CronService, announce: Announce) -> None:
        self._cron = cron
        self._announce = announce

    @handles(CronStatus)
    async def status(self, _: Ctx, __: CronStatus) -> CronState:
        """See `CronStatus`."""
        return await self._cron.status()

    @handles(CronList)
    async def list(self, _: Ctx, call: CronList) -> CronJobPage:
        """See `CronList`."""
        return await self._cron.page(call)

    @handles(CronGet)
    async def get(self, _: Ctx, call: CronGet) -> CronJob:
        """See `CronGet`."""
        return self._cron.shown(await self._cron.get(call.chosen()))

    @handles(CronAdd)
    async def add(self, _: Ctx, call: CronAdd) -> CronJob:
        """See `CronAdd`."""
        job = await self._cron.add(call)
        self._announce("added", job, None)
        return self._cron.shown(job)

    @handles(CronUpdate)
    async def update(self, _: Ctx, call: CronUpdate) -> CronJob:
        """See `CronUpdate`."""
        job = await self._cron.update(call)
        self._announce("updated", job, None)
        return self._cron.shown(job)

    @handles(CronRemove)
    async def remove(self, _: Ctx, call: CronRemove) -> Removed:
        """See `CronRemove`."""
        job = await self._cron.remove(call.chosen())
        self._announce("removed", job, None)
        return Removed(ok=True, removed=True)

    @handles(CronRun)
    async def run(self, _: Ctx, call: CronRun) -> CronStarted:
        """See `CronRun`."""
        return await self._cron.run(call.chosen(), call.mode)

    @handles(CronRuns)
    async def runs(self, _: Ctx, call: CronRuns) -> CronRunPage:
        """See `CronRuns`."""
        return await self._cron.runs(call)

    @handles(CronScratchGet)
    async def scratch(self, _: Ctx, call: CronScratchGet) -> ScratchView:
        """See `CronScratchGet`."""
        return await self._cron.scratch(call.chosen())

    @handles(CronScratchSet)
    async def write_scratch(self, _: Ctx, call: CronScratchSet) -> ScratchView:
        """See `CronScratchSet`."""
        return await self._cron.write_scratch(call.chosen(), call.content, call.expected_revision)
