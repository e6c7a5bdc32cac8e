"""`homarus logs`: what the gateway did."""

import argparse
import sys
import time
from typing import Final

import msgspec

from gateway.cli.arguments import Parser, add_reach
from gateway.cli.client import Client
from gateway.cli.failure import CommandFailed, NotRunning
from gateway.cli.output import dim, escaped, escaped_json, one_line, red, yellow
from gateway.cli.reach import Reach
from gateway.kernel.home import Home
from protocol.methods.diagnostics import LogsTail, LogsTailResult

LOOK_S: Final = 1.0
"""Between two looks for new lines: what a reader takes for immediate."""

MAX_BYTES: Final = 1_000_000
"""The most one answer may hold."""


class LogLine(msgspec.Struct):
    """What is shown of a line."""

    time: str = ""
    level: str = ""
    subsystem: str = ""
    message: str = ""
    error: str = ""
    """A traceback, where there is one."""


def configure(parser: Parser) -> None:
    """Declare the flags."""
    add_reach(parser)
    parser.add_argument("--follow", "-f", action="store_true", help="go on with what is written from now on")
    parser.add_argument("--limit", type=int, default=100, metavar="N", help="lines to begin with (100)")
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    reach = Reach.of(options)
    try:
        client = Client.connect(reach)
    except NotRunning:
        if reach.address is not None or options.follow:
            raise
        return _from_file(reach.home, options)
    with client:
        call = LogsTail(limit=options.limit, max_bytes=MAX_BYTES)
        answer = client.ask(call).value
        _show(answer, as_json=options.json)
        while options.follow:
            sys.stdout.flush()
            time.sleep(LOOK_S)
            answer = client.ask(LogsTail(cursor=answer.cursor, limit=5000, max_bytes=MAX_BYTES)).value
            _show(answer, as_json=options.json)
    return 0


def _from_file(home: Home, options: argparse.Namespace) -> int:
    """What a gateway that no longer runs has left behind."""
    from gateway.kernel.log_file import read_tail

    if not home.log_path.exists():
        raise NotRunning(
            f"no gateway runs with {home.root}, and none has left a log",
            "start it with `homarus gateway run`",
        )
    try:
        part = read_tail(home.log_path, None, MAX_BYTES)
    except OSError as error:
        reason = error.strerror or error
        raise CommandFailed(f"{home.log_path} cannot be read: {reason}", "check whose it is") from error
    print("the gateway is not running; this is what it wrote before it ended", file=sys.stderr)
    for line in part.data.decode("utf-8", "replace").splitlines()[-options.limit :]:
        _show_line(line, as_json=options.json)
    return 0


def _show(answer: LogsTailResult, *, as_json: bool) -> None:
    if answer.skipped_bytes:
        print(f"{answer.skipped_bytes} bytes of log were left out", file=sys.stderr)
    for line in answer.lines:
        _show_line(line, as_json=as_json)


def _show_line(text: str, *, as_json: bool) -> None:
    if as_json:
        print(escaped_json(text))
        return
    try:
        line = msgspec.json.decode(text, type=LogLine)
    except msgspec.MsgspecError:
        # A line that a crash cut in half is still worth reading.
        print(one_line(text, 2000))
        return
    print(f"{dim(one_line(line.time))} {_level(line.level)} {line.subsystem}: {escaped(line.message)}")
    if line.error:
        print(escaped(line.error))


def _level(level: str) -> str:
    padded = f"{one_line(level, 8):<5}"
    if level in {"error", "fatal"}:
        return red(padded)
    return yellow(padded) if level == "warn" else padded
