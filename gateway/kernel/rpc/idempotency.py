"""Answers that must not be worked out twice, kept per (caller, method, key).

A service whose effect is in the database looks its key up and records the answer in the same unit as the
effect (`find`, `record`), so that after a crash either both are there or neither. What acts on the world
outside goes through `IdempotentCalls`.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final, NamedTuple

import msgspec

from gateway.kernel.clock import Clock
from gateway.kernel.store.connection import Tx
from gateway.kernel.store.db import Database
from protocol.errors import GatewayError, Unavailable

KEEP_MS: Final = 7 * 24 * 3600 * 1000
"""Clients retry for minutes; a week also covers a laptop that slept over a holiday weekend."""

REAP_INTERVAL_S: Final = 3600.0

_BEGUN: Final = b""
"""Stands where the answer of a call will be; no answer is empty, because it is JSON."""


class OutcomeUnknown(Unavailable):
    """The call was begun before a restart and nobody knows how far it came; it is not begun again."""

    detail_code = "OUTCOME_UNKNOWN"


class CallKey(NamedTuple):
    """What makes a repeat recognisable."""

    actor: str
    """`Principal.actor`, or the part of the gateway that calls."""
    method: str
    key: str
    """Chosen by the caller, new for every intention."""


class IdempotentCalls:
    """Carries out calls with outside effects once per key, and gives a repeat the first answer."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock
        self._under_way: dict[CallKey, asyncio.Future[bytes]] = {}

    async def once(self, key: CallKey, work: Callable[[], Awaitable[Any]], kind: Any = Any) -> Any:
        """What `work` returned for this key, as a `kind`; it runs only the first time.

        A repeat that comes meanwhile waits for the same answer. A `GatewayError` of `work` says that nothing
        was done: it is passed on and the key may be used again.

        Raises:
            OutcomeUnknown: when the process ended while the first call was under way.
            GatewayError: what `work` raised.
        """
        under_way = self._under_way.get(key)
        if under_way is not None:
            return msgspec.json.decode(await asyncio.shield(under_way), type=kind)
        answer = self._under_way[key] = asyncio.get_running_loop().create_future()
        try:
            encoded = await self._carry_out(key, work)
        except BaseException as error:
            answer.set_exception(error if isinstance(error, GatewayError) else OutcomeUnknown(_UNKNOWN))
            answer.exception()  # there may be nobody else waiting for it
            raise
        finally:
            del self._under_way[key]
        answer.set_result(encoded)
        return msgspec.json.decode(encoded, type=kind)

    async def reap(self) -> None:
        """Forget answers older than `KEEP_MS`."""
        before_ms = self._clock.now_ms() - KEEP_MS
        await self._db.write(lambda tx: reap(tx, before_ms))

    async def _carry_out(self, key: CallKey, work: Callable[[], Awaitable[Any]]) -> bytes:
        now_ms = self._clock.now_ms()
        earlier = await self._db.write(lambda tx: _begin(tx, key, now_ms))
        if earlier == _BEGUN:
            raise OutcomeUnknown(_UNKNOWN, {"idempotencyKey": key.key})
        if earlier is not None:
            return earlier
        try:
            answer = msgspec.json.encode(await work())
        except GatewayError:
            await self._db.write(lambda tx: _forget(tx, key))
            raise
        await self._db.write(lambda tx: _settle(tx, key, answer))
        return answer


_UNKNOWN: Final = (
    "this was begun before the gateway was interrupted, and how far it came is not known; "
    "look before you repeat it with a new idempotencyKey"
)


def find(tx: Tx, actor: str, method: str, key: str) -> bytes | None:
    """The recorded answer, as encoded JSON."""
    row = tx.execute(
        "SELECT result FROM idempotency WHERE actor = ? AND method = ? AND key = ?", (actor, method, key)
    ).fetchone()
    return None if row is None else bytes(row[0])


def record(tx: Tx, actor: str, method: str, key: str, *, result: bytes, now_ms: int) -> None:
    """Keep an answer.

    Raises:
        sqlite3.IntegrityError: when the key has an answer already.
    """
    tx.execute(
        "INSERT INTO idempotency (actor, method, key, result, created_ms) VALUES (?, ?, ?, ?, ?)",
        (actor, method, key, result, now_ms),
    )


def reap(tx: Tx, created_before_ms: int) -> int:
    """Forget answers of calls made before; returns how many."""
    return tx.execute("DELETE FROM idempotency WHERE created_ms < ?", (created_before_ms,)).rowcount


def _begin(tx: Tx, key: CallKey, now_ms: int) -> bytes | None:
    earlier = find(tx, *key)
    if earlier is None:
        record(tx, *key, result=_BEGUN, now_ms=now_ms)
    return earlier


def _settle(tx: Tx, key: CallKey, answer: bytes) -> None:
    tx.execute("UPDATE idempotency SET result = ? WHERE actor = ? AND method = ? AND key = ?", (answer, *key))


def _forget(tx: Tx, key: CallKey) -> None:
    tx.execute("DELETE FROM idempotency WHERE actor = ? AND method = ? AND key = ?", key)
