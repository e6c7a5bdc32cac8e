"""Scheduled jobs: an agent's turn or a note to its session, at given times."""

from typing import Final

from gateway.agents.model import AgentDirectory
from gateway.channels.service import ChannelRegistry
from gateway.chat.intake import Intake
from gateway.chat.service import Chat
from gateway.cron.api import CronApi
from gateway.cron.model import Action, CronSettings, Job, Run
from gateway.cron.performer import ChatPerformer
from gateway.cron.scheduler import Scheduler
from gateway.cron.service import CronService
from gateway.kernel.feature import Feature, House
from protocol.events.cron import CronEvent


async def setup(house: House) -> None:
    """Answer for jobs, and start the scheduler once the gateway listens."""

    def announce(action: Action, job: Job, run: Run | None) -> None:
        house.hub.publish(event_of(action, job, run))

    performer = ChatPerformer(
        house.need(Intake), house.need(Chat), house.need(AgentDirectory), house.need(ChannelRegistry)
    )
    scheduler = Scheduler(
        db=house.database("state"),
        performer=performer,
        announce=announce,
        clock=house.clock,
        tasks=house.tasks,
        settings=lambda: house.config.get(CronSettings),
    )
    service = house.offer(
        CronService(house.database("state"), scheduler, house.clock, house.config, house.boot_id)
    )
    house.rpc.add(CronApi(service, announce))

    async def begin() -> None:
        house.tasks.keep("cron scheduler", scheduler.run)

    house.after_start(begin)


def event_of(action: Action, job: Job, run: Run | None) -> CronEvent:
    """The `cron` event for something that happened to a job."""
    entry = run.shown() if run is not None and run.result is not None else None
    return CronEvent(
        job_id=job.id,
        action=action,
        job=job.shown(),
        run_id=run.run_id if run is not None else None,
        run_at_ms=run.claimed_ms if run is not None else None,
        next_run_at_ms=job.due_ms,
        status=entry.status if entry is not None else None,
        completion_status=entry.completion_status if entry is not None else None,
        error=entry.error if entry is not None else None,
        summary=entry.summary if entry is not None else None,
        duration_ms=entry.duration_ms if entry is not None else None,
        delivered=entry.delivered if entry is not None else None,
        delivery_status=entry.delivery_status if entry is not None else None,
        delivery_error=entry.delivery_error if entry is not None else None,
        session_key=entry.session_key if entry is not None else None,
        session_id=entry.session_id if entry is not None else None,
        model=entry.model if entry is not None else None,
        provider=entry.provider if entry is not None else None,
    )


FEATURE: Final = Feature("cron", setup=setup, package="gateway.cron", settings=CronSettings, core=False)
