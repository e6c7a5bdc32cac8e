"""The composition root: brings the gateway up in order, and down in exactly the reverse order."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import AsyncExitStack
from typing import Final

import msgspec

from gateway.features import FEATURES
from gateway.kernel.audit.trail import AuditLog
from gateway.kernel.clock import Clock, SystemClock
from gateway.kernel.config.gateway import GatewaySettings, LoggingSettings
from gateway.kernel.config.settings import Settings
from gateway.kernel.config.store import ConfigStore
from gateway.kernel.feature import DatabaseName, Feature, FeatureSettings, House
from gateway.kernel.home import Home
from gateway.kernel.net.connection import Connection, Reception
from gateway.kernel.net.doorman import Doorman
from gateway.kernel.net.flat import FlatConnection, flat_agent
from gateway.kernel.net.hello import HelloComposer
from gateway.kernel.net.local import LocalAdmission
from gateway.kernel.net.origin import OriginPolicy, host_name, is_loopback
from gateway.kernel.net.page_link import page_link
from gateway.kernel.net.server import Listener
from gateway.kernel.net.tls import certificate_paths, fingerprint, server_context
from gateway.kernel.policy.settings import PolicySettings
from gateway.kernel.ports import Admission
from gateway.kernel.rpc.context import PeerFacts
from gateway.kernel.rpc.dispatch import Dispatcher
from gateway.kernel.rpc.idempotency import REAP_INTERVAL_S, IdempotentCalls
from gateway.kernel.rpc.refusals import Refusals
from gateway.kernel.store.db import Database
from gateway.kernel.store.migrate import Migration, load_migrations
from gateway.kernel.supervisor import StopSteps, Supervisor
from gateway.operations.facts import Facts
from protocol.events.connection import Shutdown, Tick
from protocol.ids import new_id
from protocol.limits import TICK_INTERVAL_MS

SERVICE_RESTART: Final = 1012
"""Close code on shutdown; clients reconnect after 1, 2, 4 … s. Observed from OpenClaw."""

GOODBYE_S: Final = 0.2
"""Time for the shutdown event and the close frames to leave before transports are dropped."""

STOP_DEADLINE_S: Final = 5.0

SETTINGS: Final[tuple[type[Settings], ...]] = (
    GatewaySettings,
    LoggingSettings,
    PolicySettings,
    FeatureSettings,
    *(feature.settings for feature in FEATURES if feature.settings is not None),
)
"""Every section of `homarus.toml`."""

_DATABASES: Final[tuple[DatabaseName, ...]] = ("state", "transcripts", "memory", "audit")

logger = logging.getLogger(__name__)


class Gateway(msgspec.Struct, frozen=True):
    """A running gateway."""

    house: House
    listener: Listener
    bound: GatewaySettings
    """What it was started with; an edit of host or encryption waits for the next start."""

    @property
    def url(self) -> str:
        """The one link to open."""
        scheme = "https" if self.bound.tls.enabled else "http"
        host = f"[{self.bound.host}]" if ":" in self.bound.host else self.bound.host
        return f"{scheme}://{host}:{self.listener.port}/"

    def link(self) -> str:
        """What a person opens in a browser: the page's address, and behind `#` what lets them in."""
        auth = self.bound.auth
        secret = {"token": auth.token, "password": auth.password, "none": None}[auth.mode]
        return page_link(
            secure=self.bound.tls.enabled,
            host=self.bound.host,
            port=self.listener.port,
            secret=secret.reveal() if secret is not None and secret.available else None,
        )

    def tls_fingerprint(self) -> str | None:
        """What clients pin: the certificate's SHA-256; `None` without TLS."""
        if not self.bound.tls.enabled:
            return None
        return fingerprint(certificate_paths(self.house.home, self.bound.tls)[0])


async def start(
    stack: AsyncExitStack, home: Home, config: ConfigStore, features: Sequence[Feature] = FEATURES
) -> Gateway:
    """Bring everything up; `stack` takes it down again.

    Raises:
        GatewayError: when a core part cannot start, with the next step.
    """
    clock = SystemClock()
    tasks = Supervisor()
    active = _active(features, config)
    # Of all features: one that is switched off keeps its tables, and the home stays one this software knows.
    databases = await _open_databases(stack, home, features)
    audit = await AuditLog.open(databases["audit"], clock, tasks)
    # After the last task, which may have something to record.
    stack.push_async_callback(audit.close)
    # After the features were closed and before the databases are: no task may meet a closed database.
    stack.push_async_callback(tasks.close, STOP_DEADLINE_S)
    steps = await stack.enter_async_context(StopSteps())
    house = House(
        home=home,
        config=config,
        clock=clock,
        tasks=tasks,
        stack=steps,
        databases=databases,
        audit=audit,
        boot_id=new_id(),
        started_ms=clock.now_ms(),
    )
    audit.report_to(house.health)
    calls = house.offer(IdempotentCalls(house.database("state"), clock))
    tasks.every("idempotency reaper", REAP_INTERVAL_S, calls.reap)
    await _set_up(house, active)
    gateway = await _listen(house, steps)
    _start_ticking(house, steps, clock)
    for hook in house.start_hooks:
        tasks.spawn("after start", _run_hook(hook))
    return gateway


def _active(features: Sequence[Feature], config: ConfigStore) -> tuple[Feature, ...]:
    disabled = config.get(FeatureSettings).disabled
    optional = sorted(feature.name for feature in features if not feature.core)
    for name in disabled:
        if name not in optional:
            these = ", ".join(optional)
            logger.warning("features.disabled: %s cannot be switched off; these can: %s", name, these)
    return tuple(feature for feature in features if feature.core or feature.name not in disabled)


async def _open_databases(
    stack: AsyncExitStack, home: Home, features: Sequence[Feature]
) -> Mapping[DatabaseName, Database]:
    migrations: dict[DatabaseName, list[Migration]] = {name: [] for name in _DATABASES}
    migrations["state"] += load_migrations("kernel", "gateway.kernel.rpc")
    migrations["audit"] += load_migrations("kernel", "gateway.kernel.audit")
    for feature in features:
        if feature.package is not None:
            migrations[feature.database] += load_migrations(feature.name, feature.package)
    databases: dict[DatabaseName, Database] = {}
    for name, needed in migrations.items():
        if needed:
            databases[name] = await Database.open(home.state_dir / f"{name}.db", needed)
            stack.push_async_callback(databases[name].close)
    return databases


async def _set_up(house: House, features: Sequence[Feature]) -> None:
    for feature in features:
        try:
            await feature.setup(house)
        except Exception:
            if feature.core:
                raise
            logger.exception("feature %s failed to start; the gateway runs without it", feature.name)
            house.health.report(
                feature.name, ok=False, detail=f"{feature.name} failed to start; see homarus logs"
            )


async def _listen(house: House, stack: AsyncExitStack) -> Gateway:
    settings = house.config.get(GatewaySettings)
    house.hello.config_path = str(house.home.config_path)
    house.hello.state_dir = str(house.home.root)
    doorman = Doorman()
    refusals = Refusals(house.audit, house.clock)
    dispatcher = Dispatcher(house.rpc, house.tasks, house.clock.now_ms, house.metrics, refusals)

    def apply(_: GatewaySettings, now: GatewaySettings) -> None:
        doorman.allow(now.limits.max_half_open, now.limits.max_half_open_per_ip)
        dispatcher.max_in_flight = now.limits.max_requests_per_connection
        house.hub.max_members = now.limits.max_connections
        house.hello.auth_mode = now.auth.mode

    apply(settings, settings)
    house.config.watch(GatewaySettings, apply)
    listener = Listener(
        lambda: _origin_policy(house.config.get(GatewaySettings), settings, house.names),
        _receiver(house, doorman, dispatcher),
        house.http.application(),
        doorman,
        house.tasks,
    )
    stack.push_async_callback(_hang_up, house, listener)
    tls = server_context(house.home, settings.tls) if settings.tls.enabled else None
    await listener.open(settings.host, settings.port, tls)
    house.need(Facts).port = lambda: listener.port
    await listener.open_local(house.home.socket_path)
    return Gateway(house, listener, settings)


def _receiver(
    house: House, doorman: Doorman, dispatcher: Dispatcher
) -> Callable[[PeerFacts, str | None], Connection]:
    reception = Reception(
        hub=house.hub,
        dispatcher=dispatcher,
        admission=LocalAdmission(house.need(Admission), house.audit),
        hello=HelloComposer(house.hello, house.rpc, house.hub, house.clock, house.started_ms),
        doorman=doorman,
        tasks=house.tasks,
        bus=house.bus,
        clock=house.clock,
    )

    def receive(peer: PeerFacts, bearer: str | None) -> Connection:
        agent_id = flat_agent(peer.path)
        if agent_id is None:
            return Connection(peer, reception)
        return FlatConnection(peer, reception, agent_id, bearer)

    return receive


def _origin_policy(now: GatewaySettings, bound: GatewaySettings, names: Collection[str]) -> OriginPolicy:
    """The rules as they are now, for the address and the encryption the gateway was started with."""
    hosts = {*now.allowed_hosts, *names}
    origins = set(now.allowed_origins)
    if now.public_url is not None:
        origin = now.public_url.rstrip("/")
        origins.add(origin)
        hosts.add(host_name(origin.partition("://")[2]))
    if not is_loopback(bound.host):
        hosts.add(bound.host.lower())
    return OriginPolicy(
        scheme="https" if bound.tls.enabled else "http",
        allowed_hosts=frozenset(host.lower() for host in hosts),
        allowed_origins=frozenset(origins),
        trusted_proxies=frozenset(now.trusted_proxies),
    )


def _start_ticking(house: House, stack: AsyncExitStack, clock: Clock) -> None:
    def tick() -> None:
        house.hub.publish(Tick(ts=clock.now_ms()))

    ticking = house.tasks.every("tick", TICK_INTERVAL_MS / 1000, tick)
    stack.callback(ticking.cancel)


async def _run_hook(hook: Callable[[], Awaitable[None]]) -> None:
    await hook()


async def _hang_up(house: House, listener: Listener) -> None:
    """Stop accepting, say goodbye to everyone, and let the close frames leave."""
    listener.stop_accepting()
    if len(house.hub):
        house.hub.publish(Shutdown(reason="gateway stopping"))
        house.hub.close_where(lambda _: True, SERVICE_RESTART, "service restart")
        await asyncio.sleep(GOODBYE_S)
    await listener.close()
