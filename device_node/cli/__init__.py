"""`homarus node`: the node's own command line.

The `homarus` command finds this module through the entry point `homarus.commands` and calls `main`.
"""

import importlib
import os
import sys
from collections.abc import Sequence
from typing import Final

from device_node.cli.arguments import Parser
from device_node.failure import NodeError

SUMMARY: Final = "this machine as a device: pair, run, and what it may do"
"""The line `homarus --help` shows."""

COMMANDS: Final[dict[str, tuple[str, str]]] = {
    "run": ("run", "be a node of the gateway until stopped"),
    "pair": ("pair", "belong to a gateway: a setup code, a join link, or its address and token"),
    "status": ("status", "what the running node says"),
    "doctor": ("doctor", "what works on this machine, what does not, and what to do"),
    "permissions": ("permissions", "what this node may do: show, allow, deny"),
    "discover": ("discover", "gateways that announce themselves in this network"),
    "install": ("install", "start the node with the machine; shows the unit before it is written"),
    "uninstall": ("install", "undo install"),
    "phone": ("phone", "move a simulated phone: foreground, background, asleep"),
}
"""Command to its module in `device_node.cli` and its line in the help. A module has `configure(parser)`,
which sets `run` to a function from the parsed options to the exit code."""

INTERRUPTED: Final = 130
"""Ended by Ctrl-C: 128 and the number of SIGINT, as shells report it."""

PIPE_CLOSED: Final = 141
"""Whoever read our output stopped: 128 and the number of SIGPIPE."""


def main(argv: Sequence[str]) -> int:
    """Run one command and return its exit status."""
    try:
        status = _run(list(argv))
        sys.stdout.flush()
    except NodeError as failed:
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
    parser = Parser(prog="homarus node", description=f"{SUMMARY[0].upper()}{SUMMARY[1:]}.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND", parser_class=Parser)
    chosen = arguments[0] if arguments else ""
    for name, (module, text) in COMMANDS.items():
        command = commands.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.")
        if name == chosen:
            importlib.import_module(f"device_node.cli.{module}").configure(command)
    if not arguments:
        parser.print_help()
        return 2
    options = parser.parse_args(arguments)
    return options.run(options)
