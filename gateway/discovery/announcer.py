"""Keeps the announcement true: to the settings, to the networks this machine is in, and through failures."""

import asyncio
import logging
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from gateway.discovery.addresses import reachable_addresses
from gateway.discovery.advert import Advert, machine_label
from gateway.discovery.mdns import WITHDRAW_S, announced
from gateway.discovery.settings import DiscoverySettings
from gateway.kernel.health import HealthBoard
from gateway.kernel.log import printable
from gateway.kernel.retry import Backoff
from gateway.kernel.supervisor import Supervisor

PART: Final = "discovery"
"""Its name in `health`."""

CHECK_S: Final = 15.0
"""Between two looks at the machine's addresses: how long a laptop is unknown in a network it just joined."""

FIRST_PAUSE_S: Final = 5.0
LONGEST_PAUSE_S: Final = 300.0
"""With these, from the sixth attempt on there is at most one a minute (R29)."""

logger = logging.getLogger(__name__)


class Listening(msgspec.Struct, frozen=True, kw_only=True):
    """Where the gateway listens."""

    host: str
    port: int
    tls_fingerprint: str | None
    """64 lower-case hex digits; `None` without TLS."""


class Announcer:
    """Owns the one announcement. Whatever goes wrong here is told in `health` and stays here."""

    def __init__(
        self,
        listening: Callable[[], Listening],
        settings: Callable[[], DiscoverySettings],
        names: set[str],
        health: HealthBoard,
        tasks: Supervisor,
    ) -> None:
        self._listening = listening
        self._settings = settings
        self._names = names
        self._health = health
        self._tasks = tasks
        self._task: asyncio.Task[None] | None = None
        self._changing = asyncio.Lock()
        self._stopped = False

    async def follow(self) -> None:
        """Announce what the settings say now; what was announced before is withdrawn first."""
        async with self._changing:
            await self._withdraw()
            if self._stopped:
                return
            if self._settings().mode == "off":
                self._health.forget(PART)
                return
            self._task = self._tasks.keep(PART, self._run, Backoff(FIRST_PAUSE_S, LONGEST_PAUSE_S))

    async def stop(self) -> None:
        """Withdraw, for good."""
        self._stopped = True
        async with self._changing:
            await self._withdraw()

    async def _withdraw(self) -> None:
        while self._task is not None and not self._task.done():
            # Once is not enough when saying goodbye fails: that failure takes the place of the cancellation.
            self._task.cancel()
            await asyncio.wait({self._task}, timeout=WITHDRAW_S + 1)
        self._task = None

    async def _run(self) -> None:
        try:
            while True:
                await self._announce(await asyncio.to_thread(self._advert))
        except Exception as error:
            reason = printable(str(error) or type(error).__name__)
            self._health.report(
                PART,
                ok=False,
                detail=f"devices do not find this gateway by themselves: {reason}; give them its address, "
                "or set discovery.mode to off",
            )
            raise

    async def _announce(self, advert: Advert) -> None:
        """Until something about it is no longer true."""
        if not advert.addresses:
            self._health.report(PART, ok=True, detail="there is no network to be found in")
            await self._while_true(advert)
            return
        host = advert.server.removesuffix(".").lower()
        self._names.add(host)  # whoever hears of the gateway may call it by this name
        try:
            async with announced(advert) as name:
                self._health.report(PART, ok=True)
                logger.info("announced as %s at %s", name, ", ".join(advert.addresses))
                await self._while_true(advert)
        finally:
            self._names.discard(host)

    async def _while_true(self, advert: Advert) -> None:
        while True:
            await asyncio.sleep(CHECK_S)
            if await asyncio.to_thread(self._advert) != advert:
                return

    def _advert(self) -> Advert:
        settings, listening = self._settings(), self._listening()
        advert = Advert(
            label=settings.hostname or machine_label(),
            port=listening.port,
            addresses=reachable_addresses(listening.host, settings.interfaces),
            tls_fingerprint=listening.tls_fingerprint,
        )
        if settings.mode != "full":
            return advert
        command = Path(sys.executable).with_name("homarus")
        return msgspec.structs.replace(
            advert,
            ssh_port=settings.ssh_port,
            tailnet_dns=settings.tailnet_dns,
            cli_path=str(command) if command.exists() else None,
        )
