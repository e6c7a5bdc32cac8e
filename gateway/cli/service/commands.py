"""What `install` and `uninstall` do, for both programs."""

import argparse
import os
import sys
from collections.abc import Sequence

from gateway.cli.failure import CommandFailed
from gateway.cli.output import yellow
from gateway.cli.process import listener_pid
from gateway.cli.service.installation import Consent, install, uninstall
from gateway.cli.service.launchd import Launchd
from gateway.cli.service.manager import Manager
from gateway.cli.service.program import Kind, Program, program
from gateway.cli.service.systemd import Systemd
from gateway.kernel.config.overrides import TOKEN_VARIABLE
from gateway.kernel.home import Home


def perform(kind: Kind, arguments: Sequence[str], options: argparse.Namespace) -> int:
    """Do what `options.command` names with the program that `homarus` runs with `arguments`.

    `options` also has `home`, `yes` and `dry_run`.

    Raises:
        CommandFailed: when it cannot be done.
    """
    chosen = program(kind, arguments, Home.locate(options.home))
    consent = Consent(yes=options.yes, dry_run=options.dry_run)
    manager = service_manager()
    if options.command == "uninstall":
        return uninstall(chosen, manager, consent)
    if TOKEN_VARIABLE in os.environ:
        print(yellow(f"{TOKEN_VARIABLE} is set here and stays here: no secret is written into a unit"))
    if _runs_by_hand(chosen, manager):
        print(yellow("a gateway runs with this home already; `homarus gateway stop` makes room for this one"))
    return install(chosen, manager, consent)


def perform_for_others(kind: Kind, arguments: Sequence[str], options: argparse.Namespace) -> int:
    """`perform` for callers that know nothing of our failures: each is printed, and its exit code returned.

    The entry point `homarus.service` leads here.
    """
    try:
        return perform(kind, arguments, options)
    except CommandFailed as failed:
        print(f"homarus: {failed}", file=sys.stderr)
        return failed.exit_code


def _runs_by_hand(chosen: Program, manager: Manager) -> bool:
    """Whether the gateway to be started will find its home taken, and wait."""
    return (
        chosen.kind == "gateway"
        and listener_pid(Home(chosen.home)) is not None
        and not manager.active(chosen)
    )


def service_manager(platform: str = sys.platform) -> Manager:
    """The one this system has.

    Raises:
        CommandFailed: when it has none that is known here.
    """
    if platform == "darwin":
        return Launchd()
    if platform == "linux":
        return Systemd()
    raise CommandFailed(
        f"no service manager of {platform} is known here", "start it from a script of your own"
    )
