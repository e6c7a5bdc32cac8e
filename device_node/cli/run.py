"""`homarus node run`."""

import argparse
import asyncio
import logging
import os
import sys
from typing import Final

import msgspec

from device_node.address import Address, normal_fingerprint
from device_node.cli.arguments import TOKEN_VARIABLE, Parser, add_gateway, add_home, home_of
from device_node.config import NodeConfig, load_config
from device_node.files import private_dir
from device_node.home import NodeHome
from device_node.instance import only_instance
from device_node.status import NodeStatus

READY: Final = "homarus node ready"
"""How the one line on standard output begins; the device id follows."""


def configure(parser: Parser) -> None:
    """Declare the command's flags."""
    add_home(parser)
    add_gateway(parser)
    parser.add_argument("--profile", choices=["laptop", "phone", "android"], help="what kind of device to be")
    parser.add_argument("--verbose", action="store_true", help="log every step")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Be a node until a signal says stop."""
    home = home_of(options)
    private_dir(home.root)
    logging.basicConfig(
        level=logging.DEBUG if options.verbose else logging.INFO,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
        stream=sys.stderr,
    )
    logging.getLogger("websockets").setLevel(logging.WARNING)  # it logs whole frames
    with only_instance(home.lock_path):
        asyncio.run(_serve(home, options))
    return 0


async def _serve(home: NodeHome, options: argparse.Namespace) -> None:
    from device_node.app import NodeApp

    def settings() -> NodeConfig:
        return overlaid(load_config(home.config_path), options)

    env = dict(os.environ)
    if options.token is not None:
        env[TOKEN_VARIABLE] = options.token
    await NodeApp(home, settings, env).run(_ready)


def overlaid(config: NodeConfig, options: argparse.Namespace) -> NodeConfig:
    """The settings with what flags and environment say instead.

    Raises:
        Misused: when they make no sense.
    """
    from device_node.config import TokenReference

    gateway = config.gateway
    if options.url is not None:
        Address.parse(options.url)
        # Another gateway: neither the pin nor the token of the configured one is meant for it.
        gateway = msgspec.structs.replace(gateway, url=options.url, tls_fingerprint=None, token=None)
    if options.tls_fingerprint is not None:
        pin = normal_fingerprint(options.tls_fingerprint)
        gateway = msgspec.structs.replace(gateway, tls_fingerprint=pin)
    if options.token is not None or (gateway.token is None and os.environ.get(TOKEN_VARIABLE)):
        gateway = msgspec.structs.replace(gateway, token=TokenReference(env=TOKEN_VARIABLE))
    changes = {
        "display_name": options.display_name or config.display_name,
        "profile": options.profile or config.profile,
    }
    return msgspec.structs.replace(config, gateway=gateway, **changes)


def _ready(status: NodeStatus) -> None:
    print(f"{READY} {status.device_id}", flush=True)
