"""The network's view of announced gateways: a real browser, on the loopback interface of this machine."""

import asyncio
import secrets
from collections.abc import Callable
from types import TracebackType
from typing import Self

from zeroconf import ServiceStateChange, Zeroconf
from zeroconf.asyncio import AsyncServiceBrowser, AsyncServiceInfo, AsyncZeroconf

LOOPBACK = "127.0.0.1"
SERVICE_TYPE = "_openclaw-gw._tcp.local."

# Probing, announcing and answering take 2 s in a quiet network; the rest is for a busy machine.
PATIENCE_S = 20.0


def unique(name: str) -> str:
    """A host label nobody else uses: other test runs on this machine share its loopback."""
    return f"{name}-{secrets.token_hex(3)}"


class Browser:
    """Browses as a client does. Others announce at the same time: ask for instances by name."""

    def __init__(self) -> None:
        self._names: dict[str, bool] = {}
        self._changed = asyncio.Event()

    async def __aenter__(self) -> Self:
        self._zeroconf = AsyncZeroconf(interfaces=[LOOPBACK])
        self._browser = AsyncServiceBrowser(self._zeroconf.zeroconf, SERVICE_TYPE, handlers=[self._on_change])
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._browser.async_cancel()
        await self._zeroconf.async_close()

    def seen(self, instance: str) -> bool:
        """Whether it is announced now."""
        return self._names.get(f"{instance}.{SERVICE_TYPE}", False)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for a change that makes it true; fails after `PATIENCE_S`."""
        async with asyncio.timeout(PATIENCE_S):
            while not condition():
                self._changed.clear()
                await self._changed.wait()

    async def resolve(self, instance: str) -> AsyncServiceInfo:
        """Wait until it is announced, and give its records."""
        await self.until(lambda: self.seen(instance))
        info = AsyncServiceInfo(SERVICE_TYPE, f"{instance}.{SERVICE_TYPE}")
        assert await info.async_request(self._zeroconf.zeroconf, PATIENCE_S * 1000), f"{instance} is silent"
        return info

    def _on_change(self, *, name: str, state_change: ServiceStateChange, **_: Zeroconf | str) -> None:
        self._names[name] = state_change is not ServiceStateChange.Removed
        self._changed.set()


def txt(info: AsyncServiceInfo) -> dict[str, str]:
    """The TXT record as text."""
    return {key: value or "" for key, value in info.decoded_properties.items()}
