"""How a feature joins the house: what it declares, and what it is given."""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from typing import Any, ClassVar, Literal, TypeVar

import msgspec

from gateway.kernel.audit.trail import AuditLog
from gateway.kernel.bus import Bus
from gateway.kernel.clock import Clock
from gateway.kernel.config.settings import Settings
from gateway.kernel.config.store import ConfigStore
from gateway.kernel.health import HealthBoard
from gateway.kernel.home import Home
from gateway.kernel.net.hello import HelloSources
from gateway.kernel.net.hub import Hub
from gateway.kernel.net.routes import HttpRoutes
from gateway.kernel.policy.engine import PolicyEngine
from gateway.kernel.policy.settings import PolicySettings
from gateway.kernel.rpc.metrics import RpcMetrics
from gateway.kernel.rpc.router import Router
from gateway.kernel.store.db import Database
from gateway.kernel.supervisor import Supervisor

T = TypeVar("T")

DatabaseName = Literal["state", "transcripts", "memory", "audit"]
"""One file per kind of life; no transaction spans two."""


class FeatureSettings(Settings):
    """Which optional features are switched off."""

    section: ClassVar[str] = "features"
    restart: ClassVar[frozenset[str]] = frozenset({"disabled"})

    disabled: tuple[str, ...] = ()
    """Names of features that are not core, as `homarus doctor` lists them."""


class House:
    """What `setup` of a feature is given. Only composition uses it; services get the few parts they need."""

    def __init__(
        self,
        *,
        home: Home,
        config: ConfigStore,
        clock: Clock,
        tasks: Supervisor,
        stack: AsyncExitStack,
        databases: Mapping[DatabaseName, Database],
        audit: AuditLog,
        boot_id: str,
        started_ms: int,
    ) -> None:
        self.home = home
        self.config = config
        self.clock = clock
        self.tasks = tasks
        self.stack = stack
        self.audit = audit
        self.policy = PolicyEngine(lambda: config.get(PolicySettings))
        self.boot_id = boot_id
        self.started_ms = started_ms
        self.bus = Bus()
        self.rpc = Router()
        self.metrics = RpcMetrics()
        self.hub = Hub(boot_id)
        self.http = HttpRoutes()
        self.hello = HelloSources()
        self.health = HealthBoard(clock)
        self.names: set[str] = set()
        """Host names, lower case, under which features make the gateway known; requests may carry them."""
        self.start_hooks: list[Callable[[], Awaitable[None]]] = []
        self._databases = databases
        self._services: dict[type[Any], Any] = {}

    def database(self, name: DatabaseName) -> Database:
        """An open database."""
        return self._databases[name]

    def offer(self, service: T, port: type[Any] | None = None) -> T:
        """Make a service available to later features, under its class or under a port it implements.

        Raises:
            TypeError: when that class or port is taken.
        """
        key = port or type(service)
        if key in self._services:
            raise TypeError(f"two features offer {key.__name__}")
        self._services[key] = service
        return service

    def need(self, kind: type[T]) -> T:
        """A service an earlier feature offered.

        Raises:
            LookupError: when none did; the order in `features.py` is wrong, or that feature is switched off.
        """
        try:
            return self._services[kind]
        except KeyError:
            raise LookupError(f"no feature offers {kind.__name__}") from None

    def after_start(self, hook: Callable[[], Awaitable[None]]) -> None:
        """Run `hook` once the listener is up; used for everything that start-up need not wait for."""
        self.start_hooks.append(hook)


class Feature(msgspec.Struct, frozen=True):
    """One entry of the feature list."""

    name: str
    setup: Callable[[House], Awaitable[None]]
    package: str | None = None
    """Import package whose `schema` folder holds the migrations; `None` for a feature without tables."""
    database: DatabaseName = "state"
    settings: type[Settings] | None = None
    core: bool = True
    """False for a feature the gateway can live without: it can be switched off, and a failing one is only
    reported.
    """
