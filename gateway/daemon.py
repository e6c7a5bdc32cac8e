"""The process around the gateway: one per home, signals, exit codes and the ready line."""

import asyncio
import fcntl
import gc
import logging
import os
import resource
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
from gateway.kernel.whereabouts import listening
from protocol.errors import GatewayError

EXIT_CONFIG: Final = 78
"""The configuration must be changed before another start can work; service managers stop retrying. Source:
sysexits.h, EX_CONFIG.
"""

EXIT_UNAVAILABLE: Final = 69
"""Something else is in the way, such as a taken port. Source: sysexits.h, EX_UNAVAILABLE."""

SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)

ECHO_S: Final = 1.0
"""A signal that comes sooner is the same one again: a terminal and a wrapper script both send it."""

SETTLED_S: Final = 0.5
"""After this the first client has its challenge; the one full collection takes 20 to 36 ms."""

SWITCH_INTERVAL_S: Final = 0.001
"""Observed: with 200 messages per second the median acknowledgement falls from 7 to 5 ms."""

WANTED_FILES: Final = 8192
"""Enough for every stranger the door lets wait and thousands of devices; many systems start a program with
1,024, and macOS with 256.
"""

logger = logging.getLogger(__name__)


class HomeBusy(GatewayError):
    """Another gateway uses this home."""


class HomeUnusable(GatewayError):
    """The home cannot be made, read or written."""


def run(home: Home, overrides: Overrides) -> int:
    """Run a gateway until SIGTERM or SIGINT and return the exit status.

    Prints `homarus ready <url>` on standard output once it listens.
    """
    try:
        _prepare(home)
        _allow_many_files()
        with _exclusive(home):
            asyncio.run(_serve(home, _configured(home, overrides)))
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
    for number in SIGNALS:
        loop.add_signal_handler(number, _stop, stopping)
    async with AsyncExitStack() as stack:
        stack.callback(configure(home, config))
        gateway = await start(stack, home, config)
        if stopping.is_set():  # the wish to stop came first; nobody is to be told of a gateway that goes
            return
        pin = gateway.tls_fingerprint()
        if pin is not None:
            print(f"homarus tls sha256 {pin}", file=sys.stderr, flush=True)
        port = gateway.listener.port
        stack.enter_context(listening(home, host=gateway.bound.host, port=port, tls_fingerprint=pin))
        print(f"homarus ready {gateway.url}", flush=True)
        # For a person only: a log that services keep is no place for the secret.
        if sys.stdout.isatty():
            print(f"open {gateway.link()}", file=sys.stderr, flush=True)
        logger.info("ready on %s", gateway.url)
        loop.call_later(SETTLED_S, _tune)
        await stopping.wait()
        logger.info("stopping")


def _stop(stopping: asyncio.Event) -> None:
    """Stop in order; whoever asks again does not want to wait for that."""
    if stopping.is_set():
        return
    stopping.set()
    loop = asyncio.get_running_loop()
    for number in SIGNALS:
        loop.call_later(ECHO_S, loop.add_signal_handler, number, os._exit, 128 + number)


def _prepare(home: Home) -> None:
    try:
        home.prepare()
    except OSError as error:
        raise HomeUnusable(
            f"cannot use {home.root} as home: {error.strerror or error}; choose a folder with --home"
        ) from error


def _tune() -> None:
    """Set the interpreter up for a long life of short answers."""
    # Writers wait for the event loop's thread each time they come back from SQLite: 5 ms by default.
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    # What is alive now lives as long as the gateway. Looking through it again and again held up every answer
    # for 20 to 36 ms per full collection.
    gc.collect()
    gc.freeze()
    gc.enable()


def _allow_many_files() -> None:
    """Raise the soft limit of open files as far as it is wanted and allowed."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = WANTED_FILES if hard == resource.RLIM_INFINITY else min(WANTED_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _configured(home: Home, overrides: Overrides) -> ConfigStore:
    try:
        return ConfigStore.boot(home, SETTINGS, overrides)
    except OSError as error:
        raise HomeUnusable(
            f"cannot read the settings in {home.root}: {error.strerror or error}; see that they are yours"
        ) from error


@contextmanager
def _exclusive(home: Home) -> Generator[None]:
    """Hold the home's lock; the kernel releases it however the process ends."""
    path = home.root / "gateway.lock"
    try:
        descriptor = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise HomeUnusable(f"cannot lock {path}: {error.strerror or error}; remove it first") from error
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
