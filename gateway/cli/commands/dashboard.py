"""`homarus dashboard`: the link to the control page."""

import argparse
from collections.abc import Mapping

import msgspec

from gateway.cli.arguments import Parser, add_reach
from gateway.cli.client import Client
from gateway.cli.failure import CommandFailed
from gateway.cli.output import print_json
from gateway.cli.reach import Reach
from gateway.kernel.config.tree import lookup
from gateway.kernel.net.page_link import page_link
from gateway.kernel.secret import SecretResolver
from protocol.methods.config import ConfigGet
from protocol.methods.health import SystemInfo


def configure(parser: Parser) -> None:
    """Declare the flags."""
    add_reach(parser)
    parser.add_argument("--open", action="store_true", help="also open it in this machine's browser")
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    reach = Reach.of(options)
    with Client.connect(reach) as client:
        config = client.ask(ConfigGet()).value.runtime_config
        port = client.ask(SystemInfo()).value.port
    if port is None:
        raise CommandFailed("the gateway does not say its port", "look at `homarus gateway status`")
    auth = _table(config, "auth")
    secret = options.token or _secret(reach, auth)
    link = page_link(
        secure=_table(config, "tls").get("enabled") is True,
        host=str(lookup(config, ("gateway", "host"))),
        port=port,
        secret=secret,
    )
    if options.json:
        print_json({"url": link})
    else:
        print(link)
        if secret is None and auth.get("mode") != "none":
            print("The page asks for the gateway's token; give it here with --token to have it in the link.")
    if options.open:
        _show(link)
    return 0


def _table(config: Mapping[str, object], name: str) -> Mapping[str, object]:
    return msgspec.convert(lookup(config, ("gateway", name)) or {}, dict[str, object])


def _secret(reach: Reach, auth: Mapping[str, object]) -> str | None:
    """The secret the configuration refers to. One that is written out in it is not shown to anybody."""
    mode = str(auth.get("mode"))
    reference = auth.get(mode)
    if not isinstance(reference, dict):
        return None
    secret = SecretResolver(reach.home.root).resolve(reference)  # pyright: ignore[reportUnknownArgumentType]
    return secret.reveal() if secret.available else None


def _show(link: str) -> None:
    import webbrowser

    if not webbrowser.open(link):
        raise CommandFailed("no browser could be started here", "open the printed link yourself")
