"""`homarus node permissions`: what the owner lets this node do."""

import argparse

import msgspec

from device_node.cli.arguments import Parser, add_home, home_of
from device_node.config import PERMISSIONS, load_config
from device_node.control import Question, ask
from device_node.failure import Misused, Unreachable
from device_node.settings_file import change_settings


def configure(parser: Parser) -> None:
    """Declare the command's flags."""
    add_home(parser)
    parser.add_argument("change", nargs="?", choices=["allow", "deny"], help="none: show them")
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(PERMISSIONS))
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Show the permissions, or change some; a running node follows at once."""
    home = home_of(options)
    if options.change is None:
        config = load_config(home.config_path)
    else:
        config = change_settings(
            home.config_path, {f"permissions.{name}": options.change == "allow" for name in _known(options)}
        )
        try:
            ask(home.socket_path, Question(ask="reload"))
        except Unreachable:
            print("no node runs here now; it counts when one starts")
    for name, granted in msgspec.structs.asdict(config.permissions).items():
        print(f"{name:<14}{'allowed' if granted else 'denied'}")
    return 0


def _known(options: argparse.Namespace) -> list[str]:
    if not options.names:
        raise Misused(f"{options.change} what", f"name one or more of {', '.join(PERMISSIONS)}")
    for name in options.names:
        if name not in PERMISSIONS:
            raise Misused(f"there is no permission {name!r}", f"use one of {', '.join(PERMISSIONS)}")
    return options.names
