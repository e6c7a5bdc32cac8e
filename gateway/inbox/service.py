"""The one way in: every message is on disk, once, before anybody is told that it was received."""

from collections.abc import Callable
from typing import TypeVar

from gateway.inbox import store
from gateway.inbox.model import Acceptance, Entry, InboxMessage, Placement
from gateway.kernel.store.db import Database, Tx
from gateway.kernel.store.keyset import decode_cursor, encode_cursor
from protocol.methods.inbox import InboxList, InboxPage
from protocol.nouns.inbox import InboxAttachment, InboxItem

T = TypeVar("T")


class Inbox:
    """Accepts messages of every source and lists them."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def accept(
        self,
        message: InboxMessage,
        placement: Placement,
        run_id: str,
        effect: Callable[[Tx, Acceptance], T],
    ) -> tuple[Acceptance, T | None]:
        """Keep a message and, in the same unit, do what follows from it. Returns once both are on disk.

        The second part of the result is what `effect` returned. It is None for a message its origin has sent
        before: that is not kept again, and `effect` is not run.

        Raises:
            GatewayError: what `effect` raises; then nothing was kept.
            StoreUnavailable: when the disk failed; nothing was kept.
        """

        def unit(tx: Tx) -> tuple[Acceptance, T | None]:
            acceptance = store.accept(tx, message, placement, run_id)
            return acceptance, effect(tx, acceptance) if acceptance.is_new else None

        return await self._db.write(unit)

    async def page(self, call: InboxList) -> InboxPage:
        """Messages, newest first.

        Raises:
            InvalidRequest: when `cursor` is not one of this list.
        """
        before = decode_cursor(call.cursor, tuple[int])[0] if call.cursor else None
        entries = await self._db.read(
            lambda tx: store.page(
                tx,
                channel=call.channel,
                session_key=call.session_key,
                before_id=before,
                limit=call.limit,
            )
        )
        more = encode_cursor((entries[-1].id,)) if len(entries) == call.limit else None
        return InboxPage(items=[item_of(entry) for entry in entries], next_cursor=more)


def item_of(entry: Entry) -> InboxItem:
    """A row as clients see it."""
    message, placement = entry.message, entry.placement
    attachments = [
        InboxAttachment(
            mime_type=stored.mime_type,
            size_bytes=stored.size_bytes,
            sha256=stored.sha256,
            file_name=stored.file_name,
        )
        for stored in message.attachments
    ]
    return InboxItem(
        id=entry.id,
        channel=message.channel,
        account=message.account,
        text=message.text,
        received_at_ms=message.received_ms,
        agent_id=placement.agent_id,
        session_key=placement.session_key,
        route_reason=placement.reason,
        run_id=entry.run_id,
        external_id=message.external_id,
        sender=message.sender,
        sender_name=message.sender_name,
        conversation=message.conversation,
        thread=message.thread,
        rule_id=placement.rule_id,
        attachments=attachments or None,
    )
