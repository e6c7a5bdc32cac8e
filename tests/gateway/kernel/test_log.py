"""One harmless JSON line per record, without secrets. Row S4.21-1; attack case 43."""

import asyncio
import io
import json
import logging
import stat
import time
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.kernel.config.gateway import LoggingSettings
from gateway.kernel.log import Logs, current_trace, printable, redactor, scene
from gateway.kernel.log_file import BoundedFileHandler, read_tail, segments

logger = logging.getLogger("gateway.kernel.net.sample")


class Sink:
    """A log that a test reads back."""

    def __init__(self, path: Path, settings: LoggingSettings) -> None:
        self.console = io.StringIO()
        self.path = path
        self.logs = Logs(path, settings, self.console)

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.path.read_text().splitlines()]


@pytest.fixture
def sink(tmp_path: Path) -> Iterator[Sink]:
    level = logging.getLogger().level
    sink = Sink(tmp_path / "homarus.log", LoggingSettings())
    yield sink
    sink.logs.close()
    redactor.protect(())
    logging.getLogger().setLevel(level)


def test_a_line_says_when_how_bad_where_and_what(sink: Sink) -> None:
    logger.warning("%d connections", 3)
    (line,) = sink.lines()
    assert line["time"].endswith("Z")
    assert {key: line[key] for key in line if key != "time"} == {
        "level": "warn",
        "subsystem": "net.sample",
        "message": "3 connections",
    }
    assert sink.console.getvalue().endswith(" warn  net.sample: 3 connections\n")
    assert stat.S_IMODE(sink.path.stat().st_mode) == 0o600


async def test_lines_carry_what_they_are_about(sink: Sink) -> None:
    async def run() -> None:
        with scene(session="agent:main:main"):
            logger.info("inside")
            assert current_trace() == "t1"

    with scene(conn="c1", device="d1", request="1", trace="t1"):
        await asyncio.create_task(run())
        logger.info("after")
    logger.info("outside")
    first, second, third = sink.lines()
    assert (first["conn"], first["session"], first["trace"]) == ("c1", "agent:main:main", "t1")
    assert "session" not in second
    assert not {"conn", "device", "request", "trace"} & third.keys()


def test_level_changes_at_once(sink: Sink) -> None:
    logger.debug("hidden")
    sink.logs.apply(LoggingSettings(level="debug"))
    logger.debug("shown")
    sink.logs.apply(LoggingSettings(level="error"))
    logger.warning("hidden too")
    logging.getLogger("aiosqlite").debug("libraries never chat")
    assert [line["message"] for line in sink.lines()] == ["shown"]


def test_tracebacks_are_one_line_in_the_file(sink: Sink) -> None:
    try:
        raise RuntimeError("bad\x1b[31m token=abcdef123456")
    except RuntimeError:
        logger.exception("it failed")
    (line,) = sink.lines()
    assert "RuntimeError" in line["error"]
    assert "abcdef123456" not in sink.path.read_text() + sink.console.getvalue()
    assert "\x1b" not in sink.console.getvalue()


def test_peers_cannot_forge_lines(sink: Sink) -> None:
    """Attack case 43: CR, LF, ESC and bidi marks never arrive as themselves."""
    logger.info("client %s", printable('x\r\n{"level":"error"}\x1b]0;own\x07\u202egnp' + "A" * 15_000))
    logger.info("even when a caller forgets: \r\n\u2066 %s", "\x9b1m")
    assert len(sink.lines()) == 2
    for text in (sink.path.read_text(), sink.console.getvalue()):
        assert not any(unicodedata.category(char) in {"Cc", "Cf"} for char in text if char != "\n")
    assert len(sink.lines()[0]["message"]) <= len("client ") + 256


@given(st.text(), st.integers(2, 40))
def test_printable_is_short_and_visible(text: str, limit: int) -> None:
    shown = printable(text, limit)
    assert len(shown) <= limit
    assert shown.isprintable()
    if text.isprintable() and len(text) <= limit:
        assert shown == text


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("Authorization: Bearer abcdefgh12345678", "Authorization: Bearer ***"),
        ('{"token":"abcdef123456","x":1}', '{"token":"***","x":1}'),
        ("password=hunter22 next", "password=*** next"),
        ("api_key: 'abcdefghij'", "api_key: '***'"),
        ("https://me:passw0rd@host/x", "https://me:***@host/x"),
        ("key sk-abcdefghijklmnop1234", "key ***"),
        ("ghp_" + "a1" * 12, "***"),
        ("12345678:AAabcdefghijklmnopqrstuvwxyz0123456", "***"),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln", "***"),
        ("AKIAABCDEFGHIJKLMNOP", "***"),
        ("issued uJtJ-A5my8BMm73-a5GpiyGf7Shmadc86qByOEbWlY0 now", "issued *** now"),
        ("-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----", "***"),
        ("the token expired", "the token expired"),
        ("session agent:main:main", "session agent:main:main"),
        (
            "conn 0f2a9b1c-1111-2222-3333-444455556666 took 12 ms",
            "conn 0f2a9b1c-1111-2222-3333-444455556666 took 12 ms",
        ),
    ],
)
def test_what_looks_secret_is_masked(text: str, clean: str) -> None:
    assert redactor.clean(text) == clean


@pytest.mark.parametrize(
    "seed", ["a.", "token", "token ", "bearer ", "a://", "a:", "eyJ.", "-----BEGIN ", "aA1-", "x@"]
)
def test_no_text_is_slow_to_clean(seed: str) -> None:
    """A peer that writes our patterns' beginnings over and over costs no more than any other."""
    text = "key " + seed * (9000 // len(seed))
    started = time.process_time()
    redactor.clean(text)
    assert time.process_time() - started < 0.15


def test_known_secrets_are_masked_wherever_they_stand(sink: Sink) -> None:
    """Attack case 44."""
    redactor.protect(["plain words as password", "ab"])
    logger.info("it was plain words as password, ab")
    assert sink.lines()[0]["message"] == "it was ***, ab"


def handler(path: Path, max_bytes: int = 200, max_files: int = 3) -> BoundedFileHandler:
    made = BoundedFileHandler(path, max_bytes, max_files)
    made.setFormatter(logging.Formatter("%(message)s"))
    return made


def write(to: BoundedFileHandler, *messages: str) -> None:
    for message in messages:
        to.emit(logging.LogRecord("x", logging.INFO, "x", 1, message, None, None))


def test_the_log_is_bounded_and_positions_go_on(tmp_path: Path) -> None:
    path = tmp_path / "homarus.log"
    first = handler(path)
    write(first, *(f"{number:09d}" for number in range(100)))
    first.close()
    second = handler(path)
    write(second, "after restart")
    second.close()
    parts = segments(path)
    assert len(parts) == 3
    assert sum(part.size for part in parts) <= 600
    assert parts[-1].end == 100 * 10 + len("after restart\n")
    assert [one.end for one in parts[:-1]] == [two.start for two in parts[1:]]
    tail = read_tail(path, None, 1000)
    assert tail.data.endswith(b"000000099\nafter restart\n")
    assert len(tail.data) == 1014 - parts[0].start


def test_reading_on_over_a_rotation_misses_and_repeats_nothing(tmp_path: Path) -> None:
    path = tmp_path / "homarus.log"
    log = handler(path, max_files=50)
    seen: list[bytes] = []
    cursor = read_tail(path, None, 1000).end
    for number in range(60):
        write(log, f"{number:09d}")
        if number % 7 == 6:
            tail = read_tail(path, cursor, 1000)
            assert not tail.lost
            seen += tail.data.splitlines()
            cursor = tail.end
    log.close()
    assert seen == [b"%09d" % number for number in range(56)]


def test_a_lost_position_and_a_byte_bound_are_told(tmp_path: Path) -> None:
    path = tmp_path / "homarus.log"
    log = handler(path)
    write(log, *(f"{number:09d}" for number in range(100)))
    log.close()
    assert read_tail(path, 10, 1000).lost
    assert read_tail(path, 10**9, 1000).lost
    tail = read_tail(path, None, 25)
    assert (tail.data, tail.cut) == (b"000000098\n000000099\n", True)
    assert read_tail(path, tail.end, 25).data == b""


def test_an_unwritable_disk_costs_lines_only(tmp_path: Path) -> None:
    log = handler(tmp_path / "missing" / "homarus.log")
    write(log, "lost")
    assert log.dropped == 1
    (tmp_path / "missing").mkdir()
    write(log, "kept")
    log.close()
    assert (tmp_path / "missing" / "homarus.log").read_text() == "kept\n"


def test_a_planted_link_is_not_followed(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("")
    (tmp_path / "homarus.log").symlink_to(victim)
    log = handler(tmp_path / "homarus.log")
    write(log, "x")
    assert (log.dropped, victim.read_text()) == (1, "")
