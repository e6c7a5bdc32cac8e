"""`homarus doctor`: what is wrong, and the next step for each."""

import argparse
from collections.abc import Iterator

from gateway.cli.arguments import Parser, add_reach
from gateway.cli.client import Client
from gateway.cli.doctor import config, home, network, packages, running
from gateway.cli.doctor.finding import Finding, Level, error, note
from gateway.cli.failure import Denied, NotRunning
from gateway.cli.output import dim, green, one_line, print_json, red, yellow
from gateway.cli.reach import Reach
from gateway.kernel.config.gateway import GatewaySettings


def configure(parser: Parser) -> None:
    """Declare the flags."""
    add_reach(parser)
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    reach = Reach.of(options)
    findings = list(_look(reach))
    failed = any(finding.level == "error" for finding in findings)
    if options.json:
        print_json({"ok": not failed, "findings": findings})
    else:
        for finding in findings:
            _show(finding)
    return 1 if failed else 0


def _look(reach: Reach) -> Iterator[Finding]:
    if reach.address is None:
        yield from packages.check()
        yield from home.check(reach.home)
    try:
        with Client.connect(reach) as client:
            yield from running.check(client)
    except Denied as denied:
        yield error("gateway", denied.what, denied.next_step)
    except NotRunning as problem:
        if reach.address is not None:
            yield error("gateway", problem.what, problem.next_step)
            return
        yield note("gateway", f"none runs with {reach.home.root}", "`homarus gateway run` starts it")
        yield from _at_rest(reach)


def _at_rest(reach: Reach) -> Iterator[Finding]:
    """What can be told of a gateway that is not running."""
    try:
        state = config.read(reach.home)
    except ImportError as problem:
        yield error("packages", f"the gateway cannot be loaded: {problem}", "pip install --upgrade homarus")
        return
    yield from config.findings(reach.home, state)
    settings = state.values.get("gateway")
    if isinstance(settings, GatewaySettings):
        yield from network.check_port(settings)
        yield from network.check_certificate(reach.home, settings.tls)


def _show(finding: Finding) -> None:
    print(f"{_mark(finding.level)}  {finding.subject:<9} {one_line(finding.text, 500)}")
    if finding.next_step:
        print(dim(f"{'':19}next: {one_line(finding.next_step, 300)}"))


def _mark(level: Level) -> str:
    padded = f"{level:<7}"
    if level == "error":
        return red(padded)
    if level == "warning":
        return yellow(padded)
    return green(padded) if level == "ok" else padded
