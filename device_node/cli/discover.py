"""`homarus node discover`: which gateways announce themselves in this network."""

import argparse
import asyncio
from collections.abc import Sequence
from typing import Final

import msgspec

from device_node.cli.arguments import Parser
from device_node.discovery import DEFAULT_PATIENCE_S, Found, FoundGateway, discover
from device_node.failure import Misused

LONGEST_PATIENCE_S: Final = 60.0
"""Who has not answered after that is not there."""

ADVICE: Final = (
    "Anybody in this network can announce a gateway. Pair with a setup code (`homarus devices pair` on the "
    "gateway shows one),\nor name the fingerprint that the gateway itself printed:\n"
    "  homarus node pair --url ADDRESS --tls-fingerprint SHA256"
)
"""Never the announced fingerprint for copying: it is as trustworthy as whoever announced it."""


def configure(parser: Parser) -> None:
    """Declare the flags."""
    parser.add_argument(
        "--timeout",
        type=float,
        default=DEFAULT_PATIENCE_S,
        metavar="SECONDS",
        help=f"how long to listen ({DEFAULT_PATIENCE_S:.0f})",
    )
    parser.add_argument(
        "--interface",
        action="append",
        default=[],
        metavar="ADDRESS",
        help="listen only on the interface with this own address; may be repeated",
    )
    parser.add_argument("--json", action="store_true", help="print it for programs")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """List them.

    Raises:
        NodeError: when this machine cannot listen.
    """
    if not 0 < options.timeout <= LONGEST_PATIENCE_S:
        raise Misused(
            f"--timeout {options.timeout:g} makes no sense", f"up to {LONGEST_PATIENCE_S:.0f} s does"
        )
    interfaces: Sequence[str] = options.interface
    found = asyncio.run(discover(options.timeout, interfaces))
    if options.json:
        rows = [{**msgspec.to_builtins(gateway), "urls": gateway.urls} for gateway in found.gateways]
        print(msgspec.json.encode({"gateways": rows, "complete": found.complete}).decode())
    else:
        _show(found)
    return 0


def _show(found: Found) -> None:
    if not found.gateways:
        print("No gateway announces itself here. One that listens to this machine only never does.")
        return
    for gateway in found.gateways:
        print(_lines(gateway))
    if not found.complete:
        print(f"There are more than these {len(found.gateways)}: somebody floods this network.")
    print(ADVICE)


def _lines(gateway: FoundGateway) -> str:
    addresses = "".join(f"\n  address      {url}" for url in gateway.urls)
    if not gateway.tls:
        security = "none; what is sent there can be read by others"
    else:
        security = f"SHA-256 {gateway.tls_fingerprint or 'unknown'}, as announced"
    return f"{gateway.name} ({gateway.host}){addresses}\n  certificate  {security}\n"
