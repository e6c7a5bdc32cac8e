"""Tasks: one ledger of work that goes on without a person watching."""

from typing import Final

from gateway.kernel.feature import Feature, House

PRUNE_INTERVAL_S: Final = 6 * 3600.0
"""Old tasks go in small portions; a month of history makes the exact hour unimportant."""


async def setup(house: House) -> None:
    """Offer the ledger."""
    from gateway.operations.facts import Facts
    from gateway.tasks.api import TasksApi
    from gateway.tasks.overview import TaskOverview
    from gateway.tasks.service import TaskLedger

    ledger = house.offer(TaskLedger(house.database("state"), house.hub, house.clock))
    house.rpc.add(TasksApi(ledger))
    house.need(Facts).tasks = TaskOverview(house.database("state")).facts
    house.tasks.every("prune tasks", PRUNE_INTERVAL_S, ledger.prune)


FEATURE = Feature("tasks", setup=setup, package="gateway.tasks")
