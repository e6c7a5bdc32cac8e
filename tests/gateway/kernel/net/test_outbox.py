"""The outbox: immediate while the peer keeps up, bounded and merged while it does not (cases R9, R10)."""

import msgspec

from gateway.kernel.net.outbox import Outbox, Pending
from protocol.frames import EncodedEvent


class Pipe:
    """Collects what was written and can be stopped up."""

    def __init__(self, max_bytes: int = 1000) -> None:
        self.frames: list[dict[str, object]] = []
        self.open = True
        self.overflows: list[str] = []
        self.outbox = Outbox(self._write, lambda: self.open, self.overflows.append, max_bytes)

    def _write(self, frame: bytes) -> None:
        self.frames.append(msgspec.json.decode(frame))


def event(name: str, value: int, *, key: str | None = None, sequenced: bool = True) -> Pending:
    encoded = EncodedEvent.of(name, b'{"value":%d}' % value)
    return Pending(encoded, sequenced=sequenced, cursor=None, key=key)


def test_events_are_written_at_once_and_numbered_from_one() -> None:
    pipe = Pipe()
    pipe.outbox.publish(event("chat", 1))
    pipe.outbox.publish(event("voicewake.changed", 2, sequenced=False))
    pipe.outbox.publish(event("chat", 3))
    assert [frame.get("seq") for frame in pipe.frames] == [1, None, 2]
    assert not pipe.outbox.lagging


def test_state_events_merge_while_the_peer_is_slow_and_leave_no_gap() -> None:
    pipe = Pipe()
    pipe.open = False
    pipe.outbox.publish(event("tick", 1, key="tick"))
    pipe.outbox.publish(event("chat", 2))
    pipe.outbox.publish(event("tick", 3, key="tick"))
    pipe.open = True
    pipe.outbox.drain()
    assert [(frame["event"], frame["payload"], frame["seq"]) for frame in pipe.frames] == [
        ("tick", {"value": 3}, 1),
        ("chat", {"value": 2}, 2),
    ]
    assert pipe.outbox.queued_bytes == 0


def test_a_merged_event_can_merge_again_after_it_was_written() -> None:
    pipe = Pipe()
    for value in (1, 2):
        pipe.open = False
        pipe.outbox.publish(event("tick", value, key="tick"))
        pipe.open = True
        pipe.outbox.drain()
    assert [frame["payload"] for frame in pipe.frames] == [{"value": 1}, {"value": 2}]


def test_order_holds_between_responses_and_events() -> None:
    pipe = Pipe()
    pipe.open = False
    pipe.outbox.send(b'{"type":"res","id":"1","ok":true}')
    pipe.outbox.publish(event("chat", 1))
    pipe.open = True
    pipe.outbox.send(b'{"type":"res","id":"2","ok":true}')
    pipe.outbox.drain()
    assert [frame.get("id", frame.get("event")) for frame in pipe.frames] == ["1", "chat", "2"]


def test_a_slow_consumer_is_cut_off_at_its_budget_with_a_stated_reason() -> None:
    pipe = Pipe(max_bytes=200)
    pipe.open = False
    for value in range(100):
        pipe.outbox.publish(event("chat", value))
    assert pipe.overflows == ["slow consumer: more than 200 bytes unread"]
    assert pipe.outbox.queued_bytes == 0
    pipe.open = True
    pipe.outbox.drain()
    pipe.outbox.send(b"{}")
    assert pipe.frames == []


def test_draining_stops_when_the_transport_fills_up_again() -> None:
    pipe = Pipe()
    pipe.open = False
    pipe.outbox.publish(event("chat", 1))
    pipe.outbox.publish(event("chat", 2))
    written: list[bytes] = []

    def write_one(frame: bytes) -> None:
        written.append(frame)
        pipe.open = False

    outbox = Outbox(write_one, lambda: pipe.open, pipe.overflows.append)
    outbox.publish(event("chat", 1))
    outbox.publish(event("chat", 2))
    pipe.open = True
    outbox.drain()
    assert len(written) == 1
    assert outbox.lagging


def test_answers_to_a_client_that_asks_for_much_at_once_have_a_larger_budget() -> None:
    written: list[bytes] = []
    overflows: list[str] = []
    outbox = Outbox(written.append, lambda: bool(ready), overflows.append, 200, max_response_bytes=2000)
    ready: list[bool] = []
    for _ in range(9):
        outbox.send(b"x" * 200)
    outbox.publish(event("chat", 1))
    assert overflows == []
    ready.append(True)
    outbox.drain()
    assert (len(written), outbox.queued_bytes) == (10, 0)
    ready.clear()
    for _ in range(11):
        outbox.send(b"x" * 200)
    assert overflows == ["slow consumer: more than 2000 bytes unread"]
