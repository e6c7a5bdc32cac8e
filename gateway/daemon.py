"""The process around the gateway: one per home, signals, exit codes and the ready line."""

import asyncio
import fcntl
import logging
import os
import signal
import sys
from collections.abc import Generator
from contextlib import AsyncExitStack, contextmanager
from typing import Final

from gateway.app import SETTINGS, start
from gateway.kernel.config.overrides import Overrides
from gateway.kernel.config.store import ConfigStore, StartRefused
from gateway.kernel.home import Home
from gateway.kernel.log import configure
from protocol.errors import GatewayError

EXIT_CONFIG: Final = 78
"""The configuration must be changed before another start can work; service managers stop retrying. Source:
sysexits.h, EX_CONFIG.
"""

EXIT_UNAVAILABLE: Final = 69
"""Something else is in the way, such as a taken port. Source: sysexits.h, EX_UNAVAILABLE."""

logger = logging.getLogger(__name__)


class HomeBusy(GatewayError):
    """Another gateway uses this home."""


def run(home: Home, overrides: Overrides) -> int:
    """Run a gateway until SIGTERM or SIGINT and return the exit status.

    Prints `homarus ready <url>` on standard output once it listens.
    """
    try:
        home.prepare()
        with _exclusive(home):
            config = ConfigStore.boot(home, SETTINGS, overrides)
            asyncio.run(_serve(home, config))
    except StartRefused as refused:
        print(refused, file=sys.stderr)
        return EXIT_CONFIG
    except GatewayError as error:
        print(f"homarus: {error.message}", file=sys.stderr)
        return EXIT_UNAVAILABLE
    return 0


async def _serve(home: Home, config: ConfigStore) -> None:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    async with AsyncExitStack() as stack:
        stack.callback(configure(home, config))
        gateway = await start(stack, home, config)
        pin = gateway.tls_fingerprint()
        if pin is not None:
            print(f"homarus tls sha256 {pin}", file=sys.stderr, flush=True)
        print(f"homarus ready {gateway.url}", flush=True)
        logger.info("ready on %s", gateway.url)
        await stopping.wait()
        logger.info("stopping")


@contextmanager
def _exclusive(home: Home) -> Generator[None]:
    """Hold the home's lock; the kernel releases it however the process ends."""
    descriptor = os.open(home.root / "gateway.lock", os.O_CREAT | os.O_RDWR, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise HomeBusy(
                f"a gateway already runs with {home.root}; stop it with `homarus gateway stop` or use --home"
            ) from error
        yield
    finally:
        os.close(descriptor)
