"""SQL of devices, their tokens, and requests to be paired."""

from typing import Any, Final, TypeVar

import msgspec

from gateway.devices.model import Ask, ClientFacts, Device, Pending, Token
from gateway.kernel.store.db import Tx
from protocol.nouns.device import ApprovedVia
from protocol.scopes import Role, Scope

T = TypeVar("T")

_SELECT_DEVICES: Final = (
    "SELECT device_id, public_key, role, roles, scopes, facts, operator_label, remote_ip, approved_via, "
    "created_ms, approved_ms, last_seen_ms FROM devices "
)
_SELECT_TOKENS: Final = (
    "SELECT device_id, role, token_id, token_hash, scopes, created_ms, issued_ms, revoked_ms, last_used_ms "
    "FROM device_tokens "
)
_SELECT_PENDING: Final = "SELECT request_id, ask, is_repair, asked_ms FROM pair_requests "


class Record(msgspec.Struct, frozen=True):
    """A device with its tokens by role."""

    device: Device
    tokens: dict[Role, Token]


def find(tx: Tx, device_id: str) -> Record | None:
    """A device and its tokens."""
    row = tx.execute(_SELECT_DEVICES + "WHERE device_id = ?", (device_id,)).fetchone()
    if row is None:
        return None
    tokens = [
        _token(found)
        for found in tx.execute(_SELECT_TOKENS + "WHERE device_id = ? ORDER BY role", (device_id,))
    ]
    return Record(_device(row), {token.role: token for token in tokens})


def everyone(tx: Tx) -> list[Record]:
    """Every device with its tokens, newest approval first."""
    tokens: dict[str, dict[Role, Token]] = {}
    for row in tx.execute(_SELECT_TOKENS + "ORDER BY role"):
        token = _token(row)
        tokens.setdefault(token.device_id, {})[token.role] = token
    rows = tx.execute(_SELECT_DEVICES + "ORDER BY approved_ms DESC, device_id")
    devices = [_device(row) for row in rows]
    return [Record(device, tokens.get(device.device_id, {})) for device in devices]


def silently_paired(tx: Tx, facts: ClientFacts) -> list[tuple[str, int]]:
    """Devices of this kind of client that no person let in, and when each was last there, newest first."""
    rows = tx.execute(
        "SELECT device_id, max(coalesce(last_seen_ms, 0), approved_ms) AS seen_ms FROM devices "
        "WHERE approved_via = 'silent' AND json_extract(facts, '$.client_id') = ? "
        "AND json_extract(facts, '$.client_mode') = ? AND json_extract(facts, '$.display_name') IS ? "
        "ORDER BY seen_ms DESC",
        (facts.client_id, facts.client_mode, facts.display_name),
    )
    return rows.fetchall()


def save(tx: Tx, device: Device) -> None:
    """Insert a device or replace everything known of it; its tokens stay."""
    tx.execute(
        "INSERT INTO devices (device_id, public_key, role, roles, scopes, facts, operator_label, remote_ip, "
        "approved_via, created_ms, approved_ms, last_seen_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
        "ON CONFLICT (device_id) DO UPDATE SET role = excluded.role, roles = excluded.roles, "
        "scopes = excluded.scopes, facts = excluded.facts, operator_label = excluded.operator_label, "
        "remote_ip = excluded.remote_ip, approved_via = excluded.approved_via, "
        "approved_ms = excluded.approved_ms, last_seen_ms = excluded.last_seen_ms",
        (
            device.device_id,
            device.public_key,
            device.role,
            _json(device.roles),
            _json(device.scopes),
            _json(device.facts),
            device.operator_label,
            device.remote_ip,
            device.approved_via,
            device.created_ms,
            device.approved_ms,
            device.last_seen_ms,
        ),
    )


def find_token(tx: Tx, token_hash: bytes) -> Token | None:
    """The valid token behind a hash."""
    row = tx.execute(_SELECT_TOKENS + "WHERE token_hash = ? AND revoked_ms IS NULL", (token_hash,)).fetchone()
    return _token(row) if row is not None else None


def remove(tx: Tx, device_id: str) -> None:
    """Forget a device, its tokens and what it asked for."""
    tx.execute("DELETE FROM devices WHERE device_id = ?", (device_id,))
    tx.execute("DELETE FROM pair_requests WHERE device_id = ?", (device_id,))


def touch(tx: Tx, device_id: str, role: Role, now_ms: int, *, by_token: bool) -> None:
    """Note that a device connected, and whether its token was used for it."""
    tx.execute("UPDATE devices SET last_seen_ms = ? WHERE device_id = ?", (now_ms, device_id))
    if by_token:
        tx.execute(
            "UPDATE device_tokens SET last_used_ms = ? WHERE device_id = ? AND role = ?",
            (now_ms, device_id, role),
        )


def save_token(tx: Tx, token: Token) -> None:
    """Store a token in place of the one the device had for that role."""
    tx.execute(
        "INSERT OR REPLACE INTO device_tokens (device_id, role, token_id, token_hash, scopes, created_ms, "
        "issued_ms, revoked_ms, last_used_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            token.device_id,
            token.role,
            token.token_id,
            token.token_hash,
            _json(token.scopes),
            token.created_ms,
            token.issued_ms,
            token.revoked_ms,
            token.last_used_ms,
        ),
    )


def revoke_token_ids(tx: Tx, token_ids: frozenset[str], now_ms: int) -> int:
    """Revoke tokens by id wherever they still count; how many did."""
    rows = tx.execute("SELECT token_id FROM device_tokens WHERE revoked_ms IS NULL").fetchall()
    dead = [(now_ms, token_id) for (token_id,) in rows if token_id in token_ids]
    tx.executemany("UPDATE device_tokens SET revoked_ms = ? WHERE token_id = ?", dead)
    return len(dead)


def pending(tx: Tx, since_ms: int) -> list[Pending]:
    """Requests repeated at or after `since_ms`, newest first."""
    rows = tx.execute(
        _SELECT_PENDING + "WHERE asked_ms >= ? ORDER BY asked_ms DESC",
        (since_ms,),
    )
    return [_pending(row) for row in rows]


def pending_of(tx: Tx, device_id: str) -> Pending | None:
    """What a device waits for, expired or not."""
    row = tx.execute(_SELECT_PENDING + "WHERE device_id = ?", (device_id,)).fetchone()
    return _pending(row) if row is not None else None


def find_pending(tx: Tx, request_id: str, since_ms: int) -> Pending | None:
    """A request by id, unless it expired."""
    row = tx.execute(
        _SELECT_PENDING + "WHERE request_id = ? AND asked_ms >= ?",
        (request_id, since_ms),
    ).fetchone()
    return _pending(row) if row is not None else None


def save_pending(tx: Tx, request: Pending) -> None:
    """Store a request in place of the one its device had."""
    tx.execute("DELETE FROM pair_requests WHERE device_id = ?", (request.ask.device_id,))
    tx.execute(
        "INSERT INTO pair_requests (request_id, ask, is_repair, asked_ms, device_id) VALUES (?, ?, ?, ?, ?)",
        (
            request.request_id,
            _json(request.ask),
            int(request.is_repair),
            request.asked_ms,
            request.ask.device_id,
        ),
    )


def drop_pending(tx: Tx, request_id: str) -> None:
    """Forget a request."""
    tx.execute("DELETE FROM pair_requests WHERE request_id = ?", (request_id,))


def expire_pending(tx: Tx, before_ms: int, keep: int) -> list[Pending]:
    """Forget requests last repeated before `before_ms`, and all but the newest `keep`; returns those."""
    rows = tx.execute(_SELECT_PENDING + "ORDER BY asked_ms DESC").fetchall()
    found = [_pending(row) for row in rows]
    gone = [request for place, request in enumerate(found) if place >= keep or request.asked_ms < before_ms]
    tx.executemany(
        "DELETE FROM pair_requests WHERE request_id = ?", [(request.request_id,) for request in gone]
    )
    return gone


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _parsed(text: str, kind: type[T]) -> T:
    return msgspec.json.decode(text, type=kind)


def _device(row: tuple[Any, ...]) -> Device:
    (device_id, public_key, role, roles, scopes, facts, label, remote_ip, via, created, approved, seen) = row
    return Device(
        device_id=device_id,
        public_key=public_key,
        role=Role(role),
        roles=_parsed(roles, tuple[Role, ...]),
        scopes=_parsed(scopes, tuple[Scope, ...]),
        facts=_parsed(facts, ClientFacts),
        operator_label=label,
        remote_ip=remote_ip,
        approved_via=_via(via),
        created_ms=created,
        approved_ms=approved,
        last_seen_ms=seen,
    )


def _via(text: str) -> ApprovedVia:
    return msgspec.convert(text, type=ApprovedVia)


def _token(row: tuple[Any, ...]) -> Token:
    (device_id, role, token_id, token_hash, scopes, created, issued, revoked, used) = row
    return Token(
        device_id=device_id,
        role=Role(role),
        token_id=token_id,
        token_hash=token_hash,
        scopes=_parsed(scopes, tuple[Scope, ...]),
        created_ms=created,
        issued_ms=issued,
        revoked_ms=revoked,
        last_used_ms=used,
    )


def _pending(row: tuple[Any, ...]) -> Pending:
    request_id, ask, is_repair, asked_ms = row
    return Pending(request_id=request_id, ask=_parsed(ask, Ask), is_repair=bool(is_repair), asked_ms=asked_ms)
