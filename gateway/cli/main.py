"""Parses the command line and imports only what the chosen command needs."""

import importlib
import os
import sys
from collections.abc import Sequence
from types import ModuleType
from typing import Final

from gateway.cli.arguments import Parser
from gateway.cli.failure import INTERRUPTED, CommandFailed

COMMANDS: Final[dict[str, tuple[str, str]]] = {
    "setup": ("setup", "first run, step by step; can be left and taken up again"),
    "gateway": ("gateway", "run, stop and ask the gateway"),
    "chat": ("chat", "talk to an agent"),
    "dashboard": ("dashboard", "open the control page in a browser, or print its link"),
    "devices": ("devices", "pair, approve and manage devices"),
    "nodes": ("nodes", "devices that lend their abilities: approve, look, ask"),
    "approvals": ("approvals", "what waits for your permission, and what has it"),
    "audit": ("audit", "what happened that matters for trust, and whether that record is whole"),
    "sessions": ("sessions", "list, read and tidy conversations"),
    "agents": ("agents", "the agents of this gateway"),
    "cron": ("cron", "jobs that run at a time"),
    "config": ("config", "read and change settings"),
    "logs": ("logs", "what the gateway did"),
    "doctor": ("doctor", "find out what is wrong and how to mend it"),
    "backup": ("backup", "save everything, and bring it back"),
    "protocol": ("protocol", "every method and event; --json for its JSON Schema"),
    "version": ("version", "which release this is"),
}
"""Command to its module in `gateway.cli.commands` and its line in the help."""

ENTRY_POINTS: Final = "homarus.commands"
"""Where other packages of this distribution register commands: modules with `SUMMARY` and `main(argv)`. They
are looked up only for a word that is no command here and for the help, because looking takes a while."""

EXIT_CODES: Final = "Exit codes: 0 done, 1 failed, 2 misuse, 69 no gateway answers, 77 not allowed."

PIPE_CLOSED: Final = 141
"""Whoever read our output stopped: 128 and the number of SIGPIPE, as shells report it."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        status = _run(arguments)
        sys.stdout.flush()
    except CommandFailed as failed:
        print(f"homarus: {failed}", file=sys.stderr)
        return failed.exit_code
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # Python would complain once more while flushing at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return PIPE_CLOSED
    return status


def _run(arguments: list[str]) -> int:
    if arguments[:1] == ["--version"]:
        arguments = ["version"]
    parser = Parser(prog="homarus", description="Your personal-device gateway.", epilog=EXIT_CODES)
    parser.add_argument("--version", action="store_true", help="print the release and leave")
    groups = parser.add_subparsers(dest="group", required=True, metavar="COMMAND", parser_class=Parser)
    chosen = arguments[0] if arguments else ""
    if chosen not in COMMANDS:
        others = _others(None if chosen in {"", "-h", "--help"} else chosen)
        if chosen in others:
            return others[chosen].main(arguments[1:])
        for name, other in others.items():
            groups.add_parser(name, help=other.SUMMARY)
    for name, (module, text) in COMMANDS.items():
        group = groups.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.")
        if name == chosen:
            importlib.import_module(f"gateway.cli.commands.{module}").configure(group)
    if not arguments:
        parser.print_help()
        return 2
    options = parser.parse_args(arguments)
    return options.run(options)


def _others(name: str | None) -> dict[str, ModuleType]:
    """The commands that other packages register, or only the one called `name`."""
    from importlib.metadata import entry_points

    found = entry_points(group=ENTRY_POINTS) if name is None else entry_points(group=ENTRY_POINTS, name=name)
    return {point.name: point.load() for point in found}
