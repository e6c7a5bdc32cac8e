"""`homarus node install` and `homarus node uninstall`: being a node whenever the machine is on."""

import argparse
from importlib.metadata import entry_points
from typing import Final

from device_node.cli.arguments import Parser, add_home
from device_node.failure import NodeError

INSTALLER: Final = "homarus.service"
"""Group of the entry point that writes units; it is found by name because nothing of the gateway is imported
here.
"""


def configure(parser: Parser) -> None:
    """Declare the flags of either command."""
    add_home(parser)
    parser.add_argument("--yes", action="store_true", help="ask nothing")
    parser.add_argument("--dry-run", action="store_true", help="show what would be done and do nothing")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Have `homarus node run` started with the machine, or no longer.

    Raises:
        NodeError: when this distribution cannot.
    """
    for installer in entry_points(group=INSTALLER):
        return installer.load()("node", ("node", "run"), options)
    raise NodeError(
        "nothing here can write a unit", "install the whole of Homarus, or start `homarus node run`"
    )
