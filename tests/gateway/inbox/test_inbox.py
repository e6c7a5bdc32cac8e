"""One inbox for every source: kept once, before anybody is told (S1.M-6, DC-6)."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from gateway.inbox.model import Acceptance, InboxMessage, Placement, StoredAttachment
from gateway.inbox.service import Inbox
from gateway.kernel.store.db import Database, Tx
from gateway.kernel.store.migrate import load_migrations
from protocol.errors import InvalidRequest
from protocol.methods.inbox import InboxList

PLACE = Placement("main", "agent:main:main", None, "default agent")


@asynccontextmanager
async def opened(folder: Path) -> AsyncGenerator[tuple[Inbox, Database]]:
    """An inbox over a file."""
    db = await Database.open(folder / "state.db", load_migrations("inbox", "gateway.inbox"))
    try:
        yield Inbox(db), db
    finally:
        await db.close()


def message(external_id: str, *, origin: str = "telegram/work", text: str = "hi") -> InboxMessage:
    """A message of a channel."""
    return InboxMessage(
        origin=origin, external_id=external_id, channel=origin.partition("/")[0], text=text, received_ms=5
    )


def nothing(_tx: Tx, _acceptance: Acceptance) -> str:
    """An effect that is only seen to run."""
    return "ran"


class TestAccept:
    """Deduplication and atomicity."""

    async def test_a_repeat_gets_the_first_acceptance(self, tmp_path: Path) -> None:
        async with opened(tmp_path) as (inbox, _):
            first, effect = await inbox.accept(message("1"), PLACE, "run-1", nothing)
            assert (first.is_new, first.run_id, effect) == (True, "run-1", "ran")
            again, effect = await inbox.accept(message("1", text="other"), PLACE, "run-2", nothing)
            assert (again.is_new, again.run_id, again.inbox_id, effect) == (
                False,
                "run-1",
                first.inbox_id,
                None,
            )

    async def test_the_same_id_of_another_origin_is_another_message(self, tmp_path: Path) -> None:
        async with opened(tmp_path) as (inbox, _):
            await inbox.accept(message("1"), PLACE, "run-1", nothing)
            other, _effect = await inbox.accept(
                message("1", origin="telegram/private"), PLACE, "run-2", nothing
            )
            assert other.is_new

    async def test_of_many_at_once_one_is_kept(self, tmp_path: Path) -> None:
        async with opened(tmp_path) as (inbox, _):
            taken = await asyncio.gather(
                *(inbox.accept(message("1"), PLACE, f"run-{number}", nothing) for number in range(20))
            )
            assert sum(acceptance.is_new for acceptance, _ in taken) == 1
            assert len({acceptance.run_id for acceptance, _ in taken}) == 1

    async def test_a_failing_effect_keeps_nothing(self, tmp_path: Path) -> None:
        def refuse(_tx: Tx, _acceptance: Acceptance) -> None:
            raise InvalidRequest("no")

        async with opened(tmp_path) as (inbox, _):
            with pytest.raises(InvalidRequest):
                await inbox.accept(message("1"), PLACE, "run-1", refuse)
            assert (await inbox.page(InboxList())).items == []

    async def test_it_survives_the_process(self, tmp_path: Path) -> None:
        async with opened(tmp_path) as (inbox, _):
            await inbox.accept(message("1"), PLACE, "run-1", nothing)
        async with opened(tmp_path) as (inbox, _):
            again, _effect = await inbox.accept(message("1"), PLACE, "run-2", nothing)
            assert (again.is_new, again.run_id) == (False, "run-1")


class TestList:
    """`inbox.list`: one table for all sources."""

    async def test_every_source_is_in_one_list(self, tmp_path: Path) -> None:
        async with opened(tmp_path) as (inbox, db):
            for origin in ("webchat/device-1", "telegram/work", "voice/kitchen"):
                await inbox.accept(message("1", origin=origin), PLACE, f"run of {origin}", nothing)
            channels = [item.channel for item in (await inbox.page(InboxList())).items]
            assert channels == ["voice", "telegram", "webchat"]
            tables = await db.read(
                lambda tx: tx.execute("SELECT name FROM sqlite_master WHERE name LIKE 'inbox%'").fetchall()
            )
            assert [name for (name,) in tables if "by_" not in name] == ["inbox"]

    async def test_everything_about_a_message_comes_back(self, tmp_path: Path) -> None:
        whole = InboxMessage(
            origin="telegram/work",
            external_id="7",
            channel="telegram",
            account="work",
            sender="42",
            sender_name="Ada",
            conversation="-100",
            thread="3",
            text="look",
            attachments=(
                StoredAttachment(sha256="a" * 64, size_bytes=9, mime_type="image/png", file_name="a.png"),
            ),
            received_ms=5,
        )
        async with opened(tmp_path) as (inbox, _):
            await inbox.accept(whole, Placement("ops", "agent:ops:x", "r1", "rule r1"), "run-1", nothing)
            (item,) = (await inbox.page(InboxList())).items
            assert (item.sender, item.sender_name, item.conversation, item.thread) == (
                "42",
                "Ada",
                "-100",
                "3",
            )
            assert (item.agent_id, item.rule_id, item.route_reason) == ("ops", "r1", "rule r1")
            assert item.attachments is not None
            assert item.attachments[0].file_name == "a.png"

    async def test_pages_follow_each_other(self, tmp_path: Path) -> None:
        async with opened(tmp_path) as (inbox, _):
            for number in range(5):
                await inbox.accept(message(str(number)), PLACE, f"run-{number}", nothing)
            seen: list[str] = []
            cursor = None
            while True:
                page = await inbox.page(InboxList(limit=2, cursor=cursor, channel="telegram"))
                seen += [item.external_id for item in page.items]
                cursor = page.next_cursor
                if cursor is None:
                    break
            assert seen == ["4", "3", "2", "1", "0"]
            assert (await inbox.page(InboxList(channel="signal"))).items == []
            with pytest.raises(InvalidRequest, match="cursor"):
                await inbox.page(InboxList(cursor="nonsense"))
