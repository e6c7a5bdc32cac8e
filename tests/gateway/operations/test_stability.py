"""The recorder is bounded and holds no content."""

import logging

from gateway.operations.stability import CAPACITY, StabilityHandler, StabilityRecorder
from protocol.methods.diagnostics import DiagnosticsStability
from tests.support.clock import FakeClock


def test_the_newest_events_are_kept_and_counted() -> None:
    recorder = StabilityRecorder(FakeClock())
    for number in range(CAPACITY + 10):
        recorder.record("even" if number % 2 == 0 else "odd")
    recorder.sample_memory()
    everything = recorder.query(DiagnosticsStability(limit=3))
    assert (everything.count, everything.dropped, len(everything.events)) == (CAPACITY, 11, 3)
    assert (everything.first_seq, everything.last_seq) == (12, CAPACITY + 11)
    assert everything.summary.by_type == {"even": 499, "odd": 500, "diagnostic.memory.sample": 1}
    assert everything.summary.memory is not None
    assert everything.summary.memory.max_rss_bytes > 1024 * 1024
    odd = recorder.query(DiagnosticsStability(type="odd", since_seq=1000))
    assert {event.type for event in odd.events} == {"odd"}
    assert odd.count == 5
    assert odd.summary.memory is None


def test_log_lines_leave_their_place_only() -> None:
    recorder = StabilityRecorder(FakeClock())
    handler = StabilityHandler(recorder, lambda callback: callback())
    handler.handle(
        logging.LogRecord("gateway.devices", logging.ERROR, "x", 1, "what people wrote", None, None)
    )
    (event,) = recorder.query(DiagnosticsStability()).events
    assert (event.type, event.level, event.surface) == ("log.record", "error", "devices")
    assert "people" not in repr(event)


def test_a_line_after_the_loop_closed_is_nobodys() -> None:
    def closed(_: object) -> None:
        raise RuntimeError("Event loop is closed")

    StabilityHandler(StabilityRecorder(FakeClock()), closed).handle(
        logging.LogRecord("gateway", logging.ERROR, "x", 1, "late", None, None)
    )
