"""Scheduled jobs: an agent's turn or a note to its session, at given times."""

from typing import Final

from gateway.agents.model import AgentDirectory
from gateway.channels.service import ChannelRegistry
from gateway.chat.intake import Intake
from gateway.chat.service import Chat
from gateway.cron.api import CronApi
from gateway.cron.events import event_of
from gateway.cron.model import Action, CronSettings, Job, Run
from gateway.cron.performer import ChatPerformer
from gateway.cron.scheduler import Scheduler
from gateway.cron.service import CronService
from gateway.kernel.feature import Feature, House


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
    house.config.watch(CronSettings, lambda _, __: scheduler.wake())

    async def begin() -> None:
        house.tasks.keep("cron scheduler", scheduler.run)

    house.after_start(begin)


FEATURE: Final = Feature("cron", setup=setup, package="gateway.cron", settings=CronSettings, core=False)
