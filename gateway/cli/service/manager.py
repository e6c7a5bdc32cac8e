"""What a service manager is to us, and asking one."""

import shutil
import subprocess
from pathlib import Path
from typing import Final, Protocol, TypeAlias

import msgspec

from gateway.cli.failure import CommandFailed
from gateway.cli.output import one_line
from gateway.cli.service.program import Program

PATIENCE_S: Final = 60.0
"""A program that stops in order takes up to 30 s, and the manager waits for it."""

Steps: TypeAlias = tuple[tuple[str, ...], ...]
"""Command lines, in order. A person can type them as well."""


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """How one program is kept running. Nothing here has been done yet."""

    path: Path
    """The one file that is written."""
    text: str
    start: Steps
    """Start it now and from now on."""
    stop: Steps
    """End it; only for one that runs."""
    disable: Steps = ()
    """Forget that it was to be started; harmless when it was not."""
    after_removal: Steps = ()
    """Have it noticed that the file is gone."""
    leftovers: tuple[Path, ...] = ()
    """What a start makes besides, and a manager that cannot be asked does not remove."""
    advice: str
    """What a person should know."""


class Manager(Protocol):
    """systemd or launchd."""

    def plan(self, program: Program) -> Plan:
        """What to do for a program.

        Raises:
            CommandFailed: when the manager could not start it.
        """
        ...

    def available(self) -> bool:
        """Whether it runs for this user and can be told things from here."""
        ...

    def active(self, program: Program) -> bool:
        """Whether it keeps the program running now."""
        ...


def run(*argv: str) -> str:
    """Run a command of the manager and return what it printed.

    Raises:
        CommandFailed: with its own words.
    """
    line = " ".join(argv)
    try:
        done = subprocess.run(  # noqa: S603 - systemctl and launchctl, with words of ours
            argv, capture_output=True, text=True, errors="replace", timeout=PATIENCE_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise CommandFailed(f"`{line}` does not work: {one_line(str(error))}", "run it yourself") from error
    if done.returncode != 0:
        said = one_line(done.stderr.strip() or done.stdout.strip() or f"exit code {done.returncode}", 300)
        raise CommandFailed(f"`{line}` failed: {said}", "mend that and run this command again")
    return done.stdout


def output_of(*argv: str) -> str | None:
    """What a command prints; None when it is not there or does not end well."""
    if shutil.which(argv[0]) is None:
        return None
    try:
        return run(*argv)
    except CommandFailed:
        # Both mean the same to whoever asks whether something can be done.
        return None
