"""`homarus node doctor`."""

import argparse
from typing import Final

import msgspec

from device_node.cli.arguments import Parser, add_home, home_of
from device_node.doctor import Check, Mark, examine
from device_node.text import printable

_SHOWN: Final[dict[Mark, str]] = {"ok": "ok", "off": "off", "missing": "no", "wrong": "WRONG"}


def configure(parser: Parser) -> None:
    """Declare the command's flags."""
    add_home(parser)
    parser.add_argument("--json", action="store_true", help="print the findings as JSON")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Look at everything and say what to do; the exit code is 1 when something is wrong."""
    checks = examine(home_of(options))
    if options.json:
        print(msgspec.json.format(msgspec.json.encode(checks), indent=2).decode())
    else:
        width = max(len(check.subject) for check in checks)
        for check in checks:
            print(_line(check, width))
    return 1 if any(check.mark == "wrong" for check in checks) else 0


def _line(check: Check, width: int) -> str:
    step = f"; {check.next_step}" if check.next_step else ""
    return f"{_SHOWN[check.mark]:<6}{check.subject:<{width}}  {printable(check.detail + step, 500)}"
