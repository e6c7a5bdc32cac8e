"""Parses the command line and imports only what the chosen command needs."""

import argparse
from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    parser = argparse.ArgumentParser(prog="homarus", description="Your personal-device gateway.")
    groups = parser.add_subparsers(dest="group", required=True)
    gateway = groups.add_parser("gateway", help="run and inspect the gateway").add_subparsers(
        dest="command", required=True
    )
    run = gateway.add_parser("run", help="run the gateway in the foreground")
    run.add_argument("--host")
    run.add_argument("--port", type=int)
    run.add_argument("--token")
    run.add_argument("--auth", choices=("token", "password", "none"))
    run.add_argument("--home")
    options = parser.parse_args(argv)
    return _run(options)


def _run(options: argparse.Namespace) -> int:
    from gateway.daemon import run
    from gateway.kernel.config.overrides import Overrides
    from gateway.kernel.home import Home

    overrides = Overrides(host=options.host, port=options.port, token=options.token, auth=options.auth)
    return run(Home.locate(options.home), overrides)
