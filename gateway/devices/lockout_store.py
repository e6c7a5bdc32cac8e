"""SQL of failed authentications."""

from typing import Literal

import msgspec

from gateway.kernel.store.db import Tx

CredentialKind = Literal["shared", "device", "bootstrap", "join"]
"""Kinds are counted apart, so that a flood on one leaves the others usable."""


class Failures(msgspec.Struct, frozen=True, kw_only=True):
    """What is known about one source and one kind of credential."""

    source: str
    kind: CredentialKind
    window_ms: int
    """When the counting window began."""
    failures: int
    locked_until_ms: int
    """0 while not locked."""


def load(tx: Tx) -> list[Failures]:
    """Everything stored, oldest window first."""
    rows = tx.execute(
        "SELECT source, kind, window_ms, failures, locked_until_ms FROM auth_failures ORDER BY window_ms"
    )
    return [
        msgspec.convert(
            dict(zip(("source", "kind", "window_ms", "failures", "locked_until_ms"), row, strict=True)),
            Failures,
        )
        for row in rows
    ]


def save(tx: Tx, failures: Failures) -> None:
    """Store the state of one counter."""
    tx.execute(
        "INSERT OR REPLACE INTO auth_failures (source, kind, window_ms, failures, locked_until_ms) "
        "VALUES (?, ?, ?, ?, ?)",
        (failures.source, failures.kind, failures.window_ms, failures.failures, failures.locked_until_ms),
    )


def drop(tx: Tx, source: str, kind: CredentialKind) -> None:
    """Forget one counter."""
    tx.execute("DELETE FROM auth_failures WHERE source = ? AND kind = ?", (source, kind))


def drop_old(tx: Tx, window_before_ms: int, now_ms: int) -> int:
    """Forget counters that neither count nor lock any more; how many."""
    found = tx.execute(
        "DELETE FROM auth_failures WHERE window_ms < ? AND locked_until_ms <= ?", (window_before_ms, now_ms)
    )
    return found.rowcount


def clear(tx: Tx) -> None:
    """Forget every counter and lift every lock-out."""
    tx.execute("DELETE FROM auth_failures")
