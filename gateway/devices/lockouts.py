"""Wrong credentials are counted, and too many of them lock their source out; a restart forgets nothing.

The numbers are OpenClaw's (docs/gateway/security/rate-limiting.md, 2026.9.6): ten failures within a minute
lock a source out for five minutes, and the command line on this machine is exempt. Unlike there, counters
survive the process, and every presented credential counts whatever else came with it.
"""

import ipaddress
import logging
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from gateway.devices import lockout_store
from gateway.devices.lockout_store import CredentialKind, Failures
from gateway.devices.refusals import locked_out
from gateway.kernel.audit.trail import SYSTEM, Recorder
from gateway.kernel.clock import Clock
from gateway.kernel.config.gateway import LimitSettings
from gateway.kernel.rpc.context import PeerFacts
from gateway.kernel.store.db import Database, Tx

MAX_SOURCES: Final = 20_000
"""Counters kept in memory and on disk, a few megabytes; a flood from more sources forgets the oldest ones."""

IPV6_PREFIX: Final = 64
"""A home gets at least a /64, so an address inside it identifies nobody."""

logger = logging.getLogger(__name__)


def source_of(peer: PeerFacts) -> str | None:
    """Who failures are counted against; None for programs on this machine, pages in a browser excepted."""
    if peer.direct_loopback:
        return f"origin:{peer.origin}" if peer.origin is not None else None
    try:
        address = ipaddress.ip_address(peer.remote_ip)
    except ValueError:
        return f"peer:{peer.remote_ip}"
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return str(ipaddress.ip_network((int(address), IPV6_PREFIX), strict=False))
    return str(address)


class Lockouts:
    """The counters, in memory for speed and in the database for keeps."""

    def __init__(
        self, db: Database, clock: Clock, limits: Callable[[], LimitSettings], audit: Recorder
    ) -> None:
        self._db = db
        self._clock = clock
        self._limits = limits
        self._audit = audit
        self._counters: OrderedDict[tuple[str, CredentialKind], Failures] = OrderedDict()

    async def load(self) -> None:
        """Take up where the last process stopped."""
        for failures in await self._db.read(lockout_store.load):
            self._counters[failures.source, failures.kind] = failures

    def retry_after_ms(self, source: str | None, kind: CredentialKind) -> int:
        """How long this source stays locked out for this kind; 0 when it is not."""
        if source is None:
            return 0
        failures = self._counters.get((source, kind))
        return max(0, failures.locked_until_ms - self._clock.now_ms()) if failures is not None else 0

    def check(self, source: str | None, kind: CredentialKind) -> None:
        """Refuse a source that is locked out.

        Raises:
            LockedOut: with the time to wait.
        """
        waiting_ms = self.retry_after_ms(source, kind)
        if waiting_ms:
            raise locked_out(waiting_ms)

    async def failed(self, source: str | None, kind: CredentialKind) -> None:
        """Count a wrong credential; it is on disk before this returns."""
        if source is None:
            return
        failures = self._count(source, kind)
        forgotten = self._trim()

        def store(tx: Tx) -> None:
            lockout_store.save(tx, failures)
            for gone in forgotten:
                lockout_store.drop(tx, gone.source, gone.kind)

        await self._db.write(store)

    async def succeeded(self, source: str | None, kind: CredentialKind) -> None:
        """A right credential clears the count of its kind."""
        if source is not None and self._counters.pop((source, kind), None) is not None:
            await self._db.write(lambda tx: lockout_store.drop(tx, source, kind))

    async def reap(self) -> None:
        """Forget counters whose time has passed."""
        now_ms = self._clock.now_ms()
        window_before_ms = now_ms - self._limits().auth_window_s * 1000
        for key, failures in list(self._counters.items()):
            if failures.window_ms < window_before_ms and failures.locked_until_ms <= now_ms:
                del self._counters[key]
        await self._db.write(lambda tx: lockout_store.drop_old(tx, window_before_ms, now_ms))

    async def clear(self) -> int:
        """Lift every lock-out; how many there were."""
        now_ms = self._clock.now_ms()
        locked = sum(failures.locked_until_ms > now_ms for failures in self._counters.values())
        self._counters.clear()
        await self._db.write(lockout_store.clear)
        return locked

    def _count(self, source: str, kind: CredentialKind) -> Failures:
        limits, now_ms = self._limits(), self._clock.now_ms()
        known = self._counters.pop((source, kind), None)
        if known is None or now_ms - known.window_ms >= limits.auth_window_s * 1000:
            window_ms, count = now_ms, 1
        else:
            window_ms, count = known.window_ms, known.failures + 1
        locked_until_ms = 0
        if count >= limits.auth_failures:
            locked_until_ms = now_ms + limits.auth_lockout_s * 1000
            logger.warning("%s is locked out of %s authentication after %d failures", source, kind, count)
            details = {"kind": kind, "failures": count, "untilMs": locked_until_ms}
            self._audit.record("auth.lockedOut", actor=SYSTEM, subject=source, details=details)
        failures = Failures(
            source=source, kind=kind, window_ms=window_ms, failures=count, locked_until_ms=locked_until_ms
        )
        self._counters[source, kind] = failures
        return failures

    def _trim(self) -> list[Failures]:
        """Beyond the bound forget a tenth: the oldest, those that lock nobody first."""
        if len(self._counters) <= MAX_SOURCES:
            return []
        now_ms = self._clock.now_ms()
        counters = sorted(self._counters.items(), key=lambda item: item[1].locked_until_ms > now_ms)
        doomed = counters[: MAX_SOURCES // 10]
        for key, _ in doomed:
            del self._counters[key]
        return [failures for _, failures in doomed]
