"""`homarus node pair`."""

import argparse
import asyncio
import os
import sys
import time
from typing import Final

from device_node.address import Address, normal_fingerprint
from device_node.cli.arguments import TOKEN_VARIABLE, Parser, add_gateway, add_home, home_of
from device_node.config import NodeConfig, load_config
from device_node.control import Question, ask
from device_node.credentials import Credential
from device_node.destination import Destination, destination
from device_node.failure import Misused, Unreachable
from device_node.files import private_dir
from device_node.home import NodeHome
from device_node.setup_code import SetupCode, read_setup_code

PATIENCE_S: Final = 300.0
"""OpenClaw keeps a request for five minutes after the device asked last."""


def configure(parser: Parser) -> None:
    """Declare the command's flags."""
    parser.add_argument(
        "code", nargs="?", help="setup code, oc-pair:// link or join link; none: the gateway of this machine"
    )
    add_home(parser)
    add_gateway(parser)
    parser.add_argument(
        "--wait", type=float, default=PATIENCE_S, metavar="SECONDS", help="for an approval (300)"
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Pair, remember the gateway, and tell a node that runs already."""
    home = home_of(options)
    private_dir(home.root)
    config = load_config(home.config_path)
    target = asyncio.run(_pair(home, config, options))
    print(f"paired with {target.address}")
    if options.display_name is not None:
        from device_node.settings_file import change_settings

        change_settings(home.config_path, {"display_name": options.display_name})
    if _told(home):
        print("the node that runs here connects there now; see `homarus node status`")
    else:
        print("start it with `homarus node run`, or with the machine: `homarus node install`")
    return 0


async def _pair(home: NodeHome, config: NodeConfig, options: argparse.Namespace) -> Destination:
    from device_node.introduction import introduction
    from device_node.pairing import Pairing

    addresses, credential, fingerprint = _target(home, config, options)
    person = introduction(home, config, options.display_name)
    pairing = Pairing(
        home=home,
        identity=person.identity,
        params=person.params,
        credential=credential,
        fingerprint=fingerprint,
        tell=lambda text: print(text, file=sys.stderr),
        patience_s=options.wait,
    )
    return await pairing.first_of(addresses)


def _target(
    home: NodeHome, config: NodeConfig, options: argparse.Namespace
) -> tuple[tuple[Address, ...], Credential, str | None]:
    """Where to go, with what, and which certificate to accept."""
    pin = normal_fingerprint(options.tls_fingerprint) if options.tls_fingerprint is not None else None
    token = options.token or os.environ.get(TOKEN_VARIABLE)
    if options.code is not None:
        if options.url is not None or options.token is not None:
            raise Misused("a setup code says where the gateway is", "leave out --url and --token")
        code: SetupCode = read_setup_code(options.code, int(time.time() * 1000), pin)
        if pin is None and code.tls_fingerprint is not None:
            pin = normal_fingerprint(code.tls_fingerprint)
        return code.addresses(), Credential("setup", code.bootstrap_token), pin
    if options.url is not None:
        credential = Credential("shared", token) if token is not None else Credential("none")
        return (Address.parse(options.url),), credential, pin
    known = destination(config.gateway, home, None, os.environ)
    credential = Credential("shared", token) if token is not None else known.credential
    return (known.address,), credential, pin or known.fingerprint


def _told(home: NodeHome) -> bool:
    """Have a running node read its settings again; whether there is one."""
    try:
        ask(home.socket_path, Question(ask="reload"))
    except Unreachable:
        return False
    return True
