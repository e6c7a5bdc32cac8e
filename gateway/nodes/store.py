"""SQL of nodes and of surfaces that wait for an approval."""

from typing import Any, Final, TypeVar

import msgspec

from gateway.kernel.store.db import Tx
from gateway.nodes.model import NodeFacts, NodeRecord, SurfaceRequest
from protocol.capability import Surface
from protocol.nouns.node import HostStats

T = TypeVar("T")

_SELECT: Final = (
    "SELECT node_id, facts, label, approved, approved_ms, created_ms, connected_ms, disconnected_ms, "
    "seen_ms, seen_reason, host_stats FROM nodes"
)
_SELECT_REQUESTS: Final = "SELECT request_id, node_id, surface, silent, asked_ms FROM node_requests"


def find(tx: Tx, node_id: str) -> NodeRecord | None:
    """One node."""
    row = tx.execute(f"{_SELECT} WHERE node_id = ?", (node_id,)).fetchone()
    return None if row is None else _record(row)


def everyone(tx: Tx) -> list[NodeRecord]:
    """Every node, newest approval first."""
    return [_record(row) for row in tx.execute(f"{_SELECT} ORDER BY approved_ms DESC, node_id")]


def save(tx: Tx, record: NodeRecord) -> None:
    """Insert a node or replace what is known of it."""
    tx.execute(
        "INSERT INTO nodes (node_id, facts, label, approved, approved_ms, created_ms, connected_ms, "
        "disconnected_ms, seen_ms, seen_reason, host_stats) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
        "ON CONFLICT (node_id) DO UPDATE SET facts = excluded.facts, label = excluded.label, "
        "approved = excluded.approved, approved_ms = excluded.approved_ms, "
        "connected_ms = excluded.connected_ms, disconnected_ms = excluded.disconnected_ms, "
        "seen_ms = excluded.seen_ms, seen_reason = excluded.seen_reason, host_stats = excluded.host_stats",
        (
            record.node_id,
            _json(record.facts),
            record.label,
            None if record.approved is None else _json(record.approved),
            record.approved_ms,
            record.created_ms,
            record.connected_ms,
            record.disconnected_ms,
            record.seen_ms,
            record.seen_reason,
            None if record.host_stats is None else _json(record.host_stats),
        ),
    )


def remove(tx: Tx, node_id: str) -> bool:
    """Forget a node and what it asked for; false when it was not known."""
    return tx.execute("DELETE FROM nodes WHERE node_id = ?", (node_id,)).rowcount == 1


def requests(tx: Tx) -> list[SurfaceRequest]:
    """Surfaces that wait, newest first."""
    rows = tx.execute(f"{_SELECT_REQUESTS} ORDER BY asked_ms DESC, request_id")
    return [_request(row) for row in rows]


def find_request(tx: Tx, request_id: str) -> SurfaceRequest | None:
    """A request by its id."""
    row = tx.execute(f"{_SELECT_REQUESTS} WHERE request_id = ?", (request_id,)).fetchone()
    return None if row is None else _request(row)


def request_of(tx: Tx, node_id: str) -> SurfaceRequest | None:
    """What a node waits for."""
    row = tx.execute(f"{_SELECT_REQUESTS} WHERE node_id = ?", (node_id,)).fetchone()
    return None if row is None else _request(row)


def save_request(tx: Tx, request: SurfaceRequest) -> None:
    """Store a request in place of the one its node had."""
    drop_request_of(tx, request.node_id)
    tx.execute(
        "INSERT INTO node_requests (request_id, node_id, surface, silent, asked_ms) VALUES (?, ?, ?, ?, ?)",
        (
            request.request_id,
            request.node_id,
            _json(request.surface),
            int(request.silent),
            request.asked_ms,
        ),
    )


def drop_request_of(tx: Tx, node_id: str) -> None:
    """Forget what a node waits for."""
    tx.execute("DELETE FROM node_requests WHERE node_id = ?", (node_id,))


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _maybe(text: str | None, kind: type[T]) -> T | None:
    return None if text is None else msgspec.json.decode(text, type=kind)


def _record(row: tuple[Any, ...]) -> NodeRecord:
    (node_id, facts, label, approved, approved_ms, created_ms, connected_ms, disconnected_ms) = row[:8]
    seen_ms, seen_reason, host_stats = row[8:]
    return NodeRecord(
        node_id=node_id,
        facts=msgspec.json.decode(facts, type=NodeFacts),
        label=label,
        approved=_maybe(approved, Surface),
        approved_ms=approved_ms,
        created_ms=created_ms,
        connected_ms=connected_ms,
        disconnected_ms=disconnected_ms,
        seen_ms=seen_ms,
        seen_reason=seen_reason,
        host_stats=_maybe(host_stats, HostStats),
    )


def _request(row: tuple[Any, ...]) -> SurfaceRequest:
    request_id, node_id, surface, silent, asked_ms = row
    return SurfaceRequest(
        request_id=request_id,
        node_id=node_id,
        surface=msgspec.json.decode(surface, type=Surface),
        silent=bool(silent),
        asked_ms=asked_ms,
    )
