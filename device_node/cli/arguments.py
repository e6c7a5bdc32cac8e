"""Command lines: how misuse is reported, and the flags that commands share."""

import argparse
import sys
from typing import Final, NoReturn

from device_node.failure import Misused
from device_node.home import NodeHome

TOKEN_VARIABLE: Final = "HOMARUS_TOKEN"  # noqa: S105 - the name of a variable


class Parser(argparse.ArgumentParser):
    """Reports misuse in one line, as every other failure."""

    def error(self, message: str) -> NoReturn:
        """Print what is wrong and end with the usage exit code."""
        print(f"homarus: {message}; see {self.prog} --help", file=sys.stderr)
        sys.exit(Misused.exit_code)


def add_home(parser: Parser) -> None:
    """`--home`: which node of this machine."""
    parser.add_argument("--home", metavar="DIR", help="the Homarus folder (HOMARUS_HOME, else ~/.homarus)")


def add_gateway(parser: Parser) -> None:
    """Flags that name a gateway in place of the settings."""
    parser.add_argument("--url", help="the gateway's ws:// or wss:// address")
    parser.add_argument("--token", help="its token or password (HOMARUS_TOKEN)")
    parser.add_argument("--tls-fingerprint", metavar="SHA256", help="the only certificate to accept")
    parser.add_argument("--display-name", metavar="NAME", help="what the gateway shall call this device")


def home_of(options: argparse.Namespace) -> NodeHome:
    """The home the flags and the environment name."""
    return NodeHome.locate(options.home)
