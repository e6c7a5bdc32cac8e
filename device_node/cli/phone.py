"""`homarus node phone`: what its owner does with a simulated phone."""

import argparse

from device_node.cli.arguments import Parser, add_home, home_of
from device_node.control import Question, ask


def configure(parser: Parser) -> None:
    """Declare the command's flags."""
    add_home(parser)
    parser.add_argument("posture", choices=["foreground", "background", "asleep"])
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Move the phone."""
    status = ask(home_of(options).socket_path, Question(ask="posture", posture=options.posture))
    print(f"{status.display_name}: {status.posture}")
    return 0
