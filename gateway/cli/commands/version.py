"""`homarus version`."""

import argparse

from gateway.cli.arguments import Parser, add_json
from gateway.cli.output import print_json
from protocol.version import COMPATIBLE_RELEASE, PROTOCOL_VERSION, RELEASE


def configure(parser: Parser) -> None:
    """Declare the flags."""
    add_json(parser)
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    if options.json:
        print_json({"version": RELEASE, "protocol": PROTOCOL_VERSION, "openclaw": COMPATIBLE_RELEASE})
    else:
        print(
            f"homarus {RELEASE} (protocol {PROTOCOL_VERSION}, for clients of OpenClaw {COMPATIBLE_RELEASE})"
        )
    return 0
