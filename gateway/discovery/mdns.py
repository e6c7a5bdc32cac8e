"""Announcing with python-zeroconf, which is loaded only here and only when something is announced."""

import asyncio
import importlib
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final, TypeAlias, cast

from gateway.discovery.advert import SERVICE_TYPE, Advert

ANNOUNCE_S: Final = 15.0
"""Asking whether the name is free and telling it three times takes 1.7 s in a quiet network."""

WITHDRAW_S: Final = 3.0
"""Saying goodbye three times takes 0.25 s."""

Register: TypeAlias = Callable[..., Awaitable[Awaitable[None]]]
"""Zeroconf's own annotation leaves open what is awaited in the end: the last of its announcements."""


@asynccontextmanager
async def announced(advert: Advert) -> AsyncGenerator[str]:
    """Announce for as long as the context is open; gives the name it got, numbered when it was taken.

    What the network says meanwhile is kept by zeroconf, at most 10,000 records.

    Raises:
        Exception: whatever zeroconf raises when the system or the network does not let it.
    """
    await asyncio.to_thread(importlib.import_module, "zeroconf.asyncio")
    from zeroconf.asyncio import AsyncServiceInfo, AsyncZeroconf

    # Its warnings are about packets of others; anyone in the network could fill the log with them.
    logging.getLogger("zeroconf").setLevel(logging.ERROR)
    zeroconf = AsyncZeroconf(interfaces=list(advert.addresses))
    try:
        info = AsyncServiceInfo(
            SERVICE_TYPE,
            advert.instance,
            port=advert.port,
            parsed_addresses=list(advert.addresses),
            properties=advert.txt,
            server=advert.server,
        )
        async with asyncio.timeout(ANNOUNCE_S):
            register = cast("Register", zeroconf.async_register_service)  # pyright: ignore[reportUnknownMemberType]
            await (await register(info, allow_name_change=True))
        yield info.name.removesuffix(f".{SERVICE_TYPE}")
    finally:
        async with asyncio.timeout(WITHDRAW_S):
            await zeroconf.async_close()
