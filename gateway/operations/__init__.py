"""How the gateway is: health, status, metrics, diagnostics, and the end of its log."""

import asyncio
import logging
from collections.abc import Mapping
from typing import Final, get_args

from gateway.kernel.feature import DatabaseName, Feature, House
from gateway.kernel.net.facts import ConnectionClosed
from gateway.kernel.store.db import Database
from gateway.operations.api import DiagnosticsApi, HealthApi
from gateway.operations.facts import Facts
from gateway.operations.health import MAX_AGE_S, HealthFeed
from gateway.operations.http import Probes
from gateway.operations.loop import EventLoopMonitor
from gateway.operations.metrics import Metrics
from gateway.operations.stability import StabilityHandler, StabilityRecorder
from gateway.operations.status import StatusService
from gateway.operations.usage import UsageReports
from gateway.operations.watch import CHECK_S, DiskWatch, StoreWatch

MEMORY_SAMPLE_S: Final = 60.0


async def setup(house: House) -> None:
    """Offer `Facts` and `StabilityRecorder`, serve the methods and probes, and start measuring."""
    facts = house.offer(Facts())
    recorder = house.offer(StabilityRecorder(house.clock))
    loop = EventLoopMonitor(house.clock, house.health)
    stores = _stores(house)
    store_path = str(house.home.state_dir / "state.db")
    feed = HealthFeed(
        facts=facts,
        board=house.health,
        hub=house.hub,
        clock=house.clock,
        loop=loop,
        store_path=store_path,
        writes=lambda: house.database("state").stats().units,
    )
    status = StatusService(
        facts=facts,
        feed=feed,
        loop=loop,
        config=house.config,
        hub=house.hub,
        clock=house.clock,
        home=house.home,
        stores=stores,
        boot_id=house.boot_id,
        started_ms=house.started_ms,
    )
    house.rpc.add(HealthApi(feed, status, UsageReports(facts, house.clock)))
    house.rpc.add(DiagnosticsApi(facts, recorder, house.config, house.home, house.clock))
    house.hello.health = feed.current
    metrics = Metrics(status, house.health, house.hub, house.metrics, loop)
    probes = Probes(http=house.http, board=house.health, feed=feed, status=status, loop=loop, metrics=metrics)
    probes.add_routes()
    _record(house, recorder)
    _measure(house, feed, loop, stores)


def _stores(house: House) -> dict[str, Database]:
    stores: dict[str, Database] = {}
    names: tuple[DatabaseName, ...] = get_args(DatabaseName)
    for name in names:
        try:
            stores[name] = house.database(name)
        except KeyError:
            continue  # no feature that is switched on keeps anything in it
    return stores


def _record(house: House, recorder: StabilityRecorder) -> None:
    handler = StabilityHandler(recorder, asyncio.get_running_loop().call_soon_threadsafe)
    logging.getLogger().addHandler(handler)
    house.stack.callback(logging.getLogger().removeHandler, handler)
    house.health.on_change(recorder.part_changed)
    house.bus.subscribe(ConnectionClosed, recorder.connection_closed)
    house.tasks.every("memory sample", MEMORY_SAMPLE_S, recorder.sample_memory)
    recorder.sample_memory()


def _measure(house: House, feed: HealthFeed, loop: EventLoopMonitor, stores: Mapping[str, Database]) -> None:
    disk = DiskWatch(house.home.root, house.health)
    disk.check()
    watch = StoreWatch(house.home.state_dir, stores, house.health)
    house.tasks.every("disk watch", CHECK_S, disk.check)
    house.tasks.every("store watch", CHECK_S, watch.check)
    house.after_start(watch.check)
    house.tasks.keep("event loop monitor", loop.run)
    house.tasks.every("health feed", MAX_AGE_S, feed.tick)
    house.after_start(feed.refresh_sessions)


FEATURE: Final = Feature("operations", setup=setup)
