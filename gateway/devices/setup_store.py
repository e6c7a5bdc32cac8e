"""SQL of setup codes. Using one is a single statement that only one caller can win."""

from typing import Any, Final

import msgspec

from gateway.devices.model import SetupCode
from gateway.kernel.store.db import Tx

_SELECT: Final = (
    "SELECT setup_id, token_hash, join_hash, payload, access, created_ms, expires_ms, bound_device, used_ms, "
    "device_name FROM setup_codes "
)
_FIELDS: Final = SetupCode.__struct_fields__


def add(tx: Tx, code: SetupCode) -> None:
    """Store a fresh code."""
    tx.execute(
        "INSERT INTO setup_codes (setup_id, token_hash, join_hash, payload, access, created_ms, expires_ms) "
        "VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            code.setup_id,
            code.token_hash,
            code.join_hash,
            code.payload,
            code.access,
            code.created_ms,
            code.expires_ms,
        ),
    )


def usable(tx: Tx, token_hash: bytes, device_id: str, now_ms: int) -> SetupCode | None:
    """The code behind a token if this device may still use it."""
    row = tx.execute(
        _SELECT + "WHERE token_hash = ? AND used_ms IS NULL AND expires_ms > ? "
        "AND (bound_device IS NULL OR bound_device = ?)",
        (token_hash, now_ms, device_id),
    ).fetchone()
    return _code(row) if row is not None else None


def bind(tx: Tx, setup_id: str, device_id: str) -> None:
    """Keep an unused code for the device that presented it first."""
    tx.execute(
        "UPDATE setup_codes SET bound_device = ? WHERE setup_id = ? AND used_ms IS NULL",
        (device_id, setup_id),
    )


def use(tx: Tx, setup_id: str, device_id: str, device_name: str | None, now_ms: int) -> bool:
    """Use a code up; False when somebody else just did."""
    found = tx.execute(
        "UPDATE setup_codes SET used_ms = ?, bound_device = ?, device_name = ?, join_hash = NULL "
        "WHERE setup_id = ? AND used_ms IS NULL",
        (now_ms, device_id, device_name, setup_id),
    )
    return found.rowcount == 1


def take_join(tx: Tx, join_hash: bytes, now_ms: int) -> SetupCode | None:
    """The unused code behind a join link, which works this once."""
    row = tx.execute(
        _SELECT + "WHERE join_hash = ? AND used_ms IS NULL AND expires_ms > ?", (join_hash, now_ms)
    ).fetchone()
    if row is None:
        return None
    tx.execute("UPDATE setup_codes SET join_hash = NULL WHERE join_hash = ?", (join_hash,))
    return _code(row)


def find(tx: Tx, setup_id: str) -> SetupCode | None:
    """A code by its id, used or not."""
    row = tx.execute(_SELECT + "WHERE setup_id = ?", (setup_id,)).fetchone()
    return _code(row) if row is not None else None


def drop_old(tx: Tx, expired_before_ms: int) -> int:
    """Forget codes that expired before a moment; how many."""
    return tx.execute("DELETE FROM setup_codes WHERE expires_ms < ?", (expired_before_ms,)).rowcount


def _code(row: tuple[Any, ...]) -> SetupCode:
    return msgspec.convert(dict(zip(_FIELDS, row, strict=True)), SetupCode, builtin_types=(bytes,))
