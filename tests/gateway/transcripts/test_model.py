"""Random conversations against a model of them: branches and compactions never lose or invent a line."""

import sqlite3
from collections.abc import Iterator
from importlib.resources import files

import pytest
from hypothesis import settings, strategies
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from gateway.transcripts import pages, store
from gateway.transcripts.model import NewEntry
from gateway.transcripts.text import decode_message

SESSION = "s"


class Conversation(RuleBasedStateMachine):
    """Appends, answers earlier messages, switches branches, shortens; compares with plain lists."""

    def __init__(self) -> None:
        super().__init__()
        self.tx = sqlite3.connect(":memory:")
        schema = files("gateway.transcripts").joinpath("schema/001_transcripts.sql")
        self.tx.executescript(schema.read_text(encoding="utf-8"))
        self.parents: dict[str, str | None] = {}
        self.keys: dict[str, str] = {}
        self.leaf: str | None = None
        self.floors: set[str] = set()

    def teardown(self) -> None:
        self.tx.close()

    def _path(self) -> list[str]:
        path: list[str] = []
        at = self.leaf
        while at is not None:
            path.append(at)
            at = self.parents[at]
        return path[::-1]

    def _append(self, key: str, parent: str | None) -> None:
        entry = NewEntry(
            message={"role": "user", "content": key},
            idempotency_key=key,
            parent_id=self.leaf if parent is None else parent,
        )
        stored = store.append(self.tx, SESSION, entry, 1)
        if key in self.keys:
            assert stored.repeated
            assert stored.id == self.keys[key]
            return
        self.keys[key] = stored.id
        self.parents[stored.id] = stored.parent_id
        self.leaf = stored.id
        assert stored.seq == len(self.parents)

    @rule(key=strategies.integers(0, 40))
    def say(self, key: int) -> None:
        self._append(f"{key}", None)

    @precondition(lambda self: self.parents)
    @rule(key=strategies.integers(0, 40), data=strategies.data())
    def answer_earlier(self, key: int, data: strategies.DataObject) -> None:
        self._append(f"{key}", data.draw(strategies.sampled_from(sorted(self.parents))))

    @precondition(lambda self: self.parents)
    @rule(data=strategies.data())
    def switch(self, data: strategies.DataObject) -> None:
        self.leaf = data.draw(strategies.sampled_from(sorted(self.parents)))
        store.move_leaf(self.tx, SESSION, self.leaf)

    @precondition(lambda self: self.leaf is not None)
    @rule(keep=strategies.integers(1, 3))
    def shorten(self, keep: int) -> None:
        path = self._path()
        if len(path) > keep:
            store.add_compaction(self.tx, SESSION, path[-keep], keep, 1)
            self.floors.add(path[-keep])

    @invariant()
    def all_pages_together_are_the_branch(self) -> None:
        shown: list[str] = []
        offset: int | None = 0
        while offset is not None:
            page = pages.page(self.tx, SESSION, pages.Window(limit=4, offset=offset))
            shown = [_id(message) for message in page.messages] + shown
            assert page.total == len(self._path())
            offset = page.next_offset
        assert shown == self._path()

    @invariant()
    def the_agent_sees_the_branch_from_its_last_compaction_on(self) -> None:
        path = self._path()
        starts = [n for n, entry in enumerate(path) if entry in self.floors]
        context = pages.context(self.tx, SESSION, 1000, 10**9, None)
        assert [_id(message) for message in context] == path[starts[-1] if starts else 0 :]

    @invariant()
    def every_end_is_a_branch(self) -> None:
        answered = set(self.parents.values())
        leaves = {branch.leaf_id for branch in pages.branches(self.tx, SESSION)}
        assert leaves == {entry for entry in self.parents if entry not in answered}

    @invariant()
    def a_fresh_cursor_has_nothing_new(self) -> None:
        cursor = pages.page(self.tx, SESSION, pages.Window(limit=1)).delta_cursor
        if cursor is not None:
            delta = pages.delta(self.tx, SESSION, cursor)
            assert delta is not None
            assert delta.messages == []


def _id(message: bytes) -> str:
    meta = decode_message(message)["__openclaw"]
    assert isinstance(meta, dict)
    return str(meta["id"])


@pytest.fixture(autouse=True, scope="module")
def short_walks() -> Iterator[None]:
    """Let branches be longer than what is walked at once."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(store, "WALK_STEPS", 3)
        yield


TestConversation = Conversation.TestCase
TestConversation.settings = settings(max_examples=40, stateful_step_count=25)
