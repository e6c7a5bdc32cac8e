"""The ledger: once per id and key, over restarts, bounded (rows S0.3-14, DC-6)."""

import stat
from pathlib import Path

import pytest

from device_node.failure import NodeError
from device_node.ledger import (
    INTERRUPTED,
    KEPT_MS,
    KEY_LIFE_MS,
    MAX_RESULT_BYTES,
    MAX_ROWS,
    NOT_KEPT,
    Ledger,
    Outcome,
    Work,
)

DONE = Outcome(payload=b'{"ok":true}')


def work(work_id: str, key: str | None = None, params: bytes = b"{}", gateway: str = "ws://a") -> Work:
    return Work(id=work_id, gateway=gateway, command="system.run", params=params, idempotency_key=key)


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "work.db")


def test_work_begins_once(ledger: Ledger) -> None:
    assert ledger.start(work("a"), 1) is None
    assert ledger.start(work("a"), 2) == INTERRUPTED
    ledger.finish("a", DONE)
    assert ledger.start(work("a"), 3) == DONE


def test_the_same_key_is_the_same_work_for_a_day(ledger: Ledger) -> None:
    assert ledger.start(work("a", "k"), 1) is None
    ledger.finish("a", DONE)
    assert ledger.start(work("b", "k"), 2) == DONE
    assert ledger.start(work("c", "k", b'{"other":1}'), 3) is None
    assert ledger.start(work("d", "k", gateway="ws://b"), 3) is None
    assert ledger.start(work("e", "k"), KEY_LIFE_MS + 1) is None


def test_what_a_gateway_adds_each_time_makes_no_other_work(ledger: Ledger) -> None:
    assert ledger.start(work("a", "k", b'{"command":["ls"],"runId":"1"}'), 1) is None
    ledger.finish("a", DONE)
    assert ledger.start(work("b", "k", b'{"runId":"2","command":["ls"]}'), 2) == DONE
    assert ledger.start(work("c", "k", b'{"runId":"2","command":["rm"]}'), 3) is None
    assert ledger.start(work("d", "k", b"no json"), 4) is None


def test_kept_work_is_done_later(ledger: Ledger) -> None:
    assert ledger.receive(work("a"), 1)
    assert not ledger.receive(work("a"), 2)
    assert [item.id for item in ledger.waiting("ws://a")] == ["a"]
    assert ledger.waiting("ws://other") == []
    assert ledger.start(work("a"), 3) is None
    assert ledger.waiting("ws://a") == []


def test_results_wait_until_the_gateway_took_them(ledger: Ledger) -> None:
    ledger.start(work("a"), 1)
    assert list(ledger.unreported("ws://a")) == []
    ledger.finish("a", DONE)
    assert list(ledger.unreported("ws://a")) == [("a", DONE)]
    assert list(ledger.unreported("ws://other")) == []
    ledger.reported("a")
    assert list(ledger.unreported("ws://a")) == []
    assert ledger.outcome("a") == DONE


def test_it_outlives_the_process(tmp_path: Path) -> None:
    first = Ledger(tmp_path / "work.db")
    first.start(work("begun"), 1)
    first.receive(work("kept", params=b'{"x":1}'), 1)
    first.close()
    second = Ledger(tmp_path / "work.db")
    assert second.close_interrupted() == 1
    assert list(second.unreported("ws://a")) == [("begun", INTERRUPTED)]
    assert [item.params for item in second.waiting("ws://a")] == [b'{"x":1}']


def test_only_its_owner_can_read_it(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "work.db")
    ledger.start(work("a"), 1)
    for path in tmp_path.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path


def test_a_large_result_is_noted_not_kept(ledger: Ledger) -> None:
    ledger.start(work("a"), 1)
    ledger.finish("a", Outcome(payload=b"x" * (MAX_RESULT_BYTES + 1)))
    assert ledger.outcome("a") == NOT_KEPT


def test_old_work_is_forgotten(ledger: Ledger) -> None:
    for work_id in ("old", "begun"):
        ledger.start(work(work_id), 1)
    ledger.finish("old", DONE)
    ledger.start(work("new"), KEPT_MS)
    assert ledger.reap(KEPT_MS + 2) == 1
    assert ledger.outcome("old") is None
    assert ledger.start(work("begun"), KEPT_MS) == INTERRUPTED


def test_the_number_of_rows_and_bytes_is_bounded(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("device_node.ledger.MAX_ROWS", 20)
    for number in range(30):
        ledger.start(work(f"w{number}"), number)
        ledger.finish(f"w{number}", Outcome(payload=b"x" * 100))
    assert ledger.reap(100) == 10
    assert ledger.outcome("w9") is None
    assert ledger.outcome("w10") is not None
    monkeypatch.setattr("device_node.ledger.MAX_TOTAL_BYTES", 500)
    assert ledger.reap(100) == 15
    assert ledger.outcome("w25") is not None
    assert MAX_ROWS == 10_000


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "work.db"
    path.write_bytes(b"not a database at all" * 100)
    with pytest.raises(NodeError, match=r"work\.db cannot be used.*remove it"):
        Ledger(path)
