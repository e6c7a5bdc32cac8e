"""The inbox's SQL."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec

from gateway.inbox.model import Acceptance, Entry, InboxMessage, Placement, StoredAttachment
from gateway.kernel.store.db import Tx

_decode_attachments = msgspec.json.Decoder(tuple[StoredAttachment, ...]).decode

_MESSAGE: Final = (
    "origin, external_id, channel, account, sender, sender_name, conversation, thread, text, attachments,"
    " received_ms"
)
_PLACEMENT: Final = "agent_id, session_key, rule_id, route_reason, run_id"


def accept(tx: Tx, message: InboxMessage, placement: Placement, run_id: str) -> Acceptance:
    """Keep a message, unless its origin has sent it before: then the first acceptance is returned."""
    # Insert first: nearly every message is new, and each statement may lose the processor to other threads.
    new = tx.execute(
        f"INSERT INTO inbox ({_MESSAGE}, {_PLACEMENT}) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)"  # noqa: S608
        " ON CONFLICT (origin, external_id) DO NOTHING RETURNING id",
        (
            message.origin,
            message.external_id,
            message.channel,
            message.account,
            message.sender,
            message.sender_name,
            message.conversation,
            message.thread,
            message.text,
            msgspec.json.encode(message.attachments).decode(),
            message.received_ms,
            placement.agent_id,
            placement.session_key,
            placement.rule_id,
            placement.reason,
            run_id,
        ),
    ).fetchall()
    if new:
        return Acceptance(new[0][0], run_id, placement.session_key, is_new=True)
    known = tx.execute(
        "SELECT id, run_id, session_key FROM inbox WHERE origin = ? AND external_id = ?",
        (message.origin, message.external_id),
    ).fetchone()
    return Acceptance(known[0], known[1], known[2], is_new=False)


def get(tx: Tx, inbox_id: int) -> Entry | None:
    """One message."""
    row = tx.execute(f"SELECT id, {_MESSAGE}, {_PLACEMENT} FROM inbox WHERE id = ?", (inbox_id,)).fetchone()  # noqa: S608
    return None if row is None else _entry(row)


def page(
    tx: Tx, *, channel: str | None, session_key: str | None, before_id: int | None, limit: int
) -> list[Entry]:
    """One page, newest first."""
    where = ["1"]
    values: list[str | int] = []
    conditions = (("channel = ?", channel), ("session_key = ?", session_key), ("id < ?", before_id))
    for condition, value in conditions:
        if value is not None:
            where.append(condition)
            values.append(value)
    sql = (
        f"SELECT id, {_MESSAGE}, {_PLACEMENT} FROM inbox WHERE {' AND '.join(where)} ORDER BY id DESC LIMIT ?"  # noqa: S608
    )
    return [_entry(row) for row in tx.execute(sql, (*values, limit))]


def forget(tx: Tx, inbox_ids: Iterable[int]) -> None:
    """Delete messages; a repeat of one of them would be taken for a new message."""
    tx.executemany("DELETE FROM inbox WHERE id = ?", [(inbox_id,) for inbox_id in inbox_ids])


def _entry(row: Sequence[Any]) -> Entry:
    message = InboxMessage(
        origin=row[1],
        external_id=row[2],
        channel=row[3],
        account=row[4],
        sender=row[5],
        sender_name=row[6],
        conversation=row[7],
        thread=row[8],
        text=row[9],
        attachments=_decode_attachments(row[10]),
        received_ms=row[11],
    )
    placement = Placement(row[12], row[13], row[14], row[15])
    return Entry(id=row[0], message=message, placement=placement, run_id=row[16])
