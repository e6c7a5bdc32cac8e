"""Command lines: subcommands, and the flags that many of them share."""

import argparse
import sys
from collections.abc import Callable
from typing import NoReturn, TypeAlias

from gateway.cli.failure import Misused

Run: TypeAlias = Callable[[argparse.Namespace], int]
"""Does what a parsed command line says and returns the exit code."""


class Parser(argparse.ArgumentParser):
    """Reports misuse in one line, as every other failure."""

    def error(self, message: str) -> NoReturn:
        """Print what is wrong and end with the usage exit code."""
        print(f"homarus: {message}; see {self.prog} --help", file=sys.stderr)
        sys.exit(Misused.exit_code)


class Subcommands:
    """The commands of one group."""

    def __init__(self, parser: Parser) -> None:
        self._parsers = parser.add_subparsers(
            dest="command", required=True, metavar="COMMAND", parser_class=Parser
        )

    def add(self, name: str, run: Run, text: str) -> Parser:
        """A command without flags yet; `text` is its line in the group's help."""
        parser = self._parsers.add_parser(name, help=text, description=text)
        parser.set_defaults(run=run)
        return parser


def add_home(parser: Parser) -> None:
    """`--home`: which gateway of this machine."""
    parser.add_argument("--home", metavar="DIR", help="the gateway's folder (HOMARUS_HOME, else ~/.homarus)")


def add_consent(parser: Parser) -> None:
    """`--yes` and `--dry-run`: how far to go without asking."""
    parser.add_argument("--yes", action="store_true", help="ask nothing")
    parser.add_argument("--dry-run", action="store_true", help="show what would be done and do nothing")


def add_json(parser: Parser) -> None:
    """`--json`: the result as the gateway gave it."""
    parser.add_argument("--json", action="store_true", help="print the raw result")


def add_reach(parser: Parser) -> Parser:
    """Every flag of a command that asks a gateway."""
    add_home(parser)
    parser.add_argument("--url", help="ask the gateway at this ws:// or wss:// address (HOMARUS_URL)")
    parser.add_argument("--token", help="its token or password (HOMARUS_TOKEN); needed only with --url")
    parser.add_argument("--tls-fingerprint", metavar="SHA256", help="the only certificate to accept")
    parser.add_argument("--insecure", action="store_true", help="allow ws:// to another machine")
    parser.add_argument("--timeout", type=float, default=30.0, metavar="SECONDS", help="patience (30)")
    add_json(parser)
    return parser
