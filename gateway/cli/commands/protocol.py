"""`homarus protocol`: the whole contract, to read or to generate a client from. Needs no gateway."""

import argparse
import sys

import msgspec

from gateway.cli.arguments import Parser, add_json


def configure(parser: Parser) -> None:
    """Declare the flags."""
    add_json(parser)
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    if options.json:
        from protocol.schema import document

        sys.stdout.write(msgspec.json.format(msgspec.json.encode(document())).decode() + "\n")
    else:
        from protocol.page import render

        sys.stdout.write(render())
    return 0
