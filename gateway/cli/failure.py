"""How a command ends when it could not do what was asked: what happened, the next step, and an exit code."""

from typing import ClassVar, Final

INTERRUPTED: Final = 130
"""Ended by Ctrl-C: 128 and the number of SIGINT, as shells report it."""


class CommandFailed(Exception):
    """Printed as `homarus: <what>; <next step>`; the process ends with `exit_code`."""

    exit_code: ClassVar[int] = 1

    def __init__(self, what: str, next_step: str) -> None:
        super().__init__(f"{what}; {next_step}")
        self.what = what
        self.next_step = next_step


class Misused(CommandFailed):
    """The command line itself makes no sense. The code is what argparse uses."""

    exit_code = 2


class NotRunning(CommandFailed):
    """No gateway answers. Source: sysexits.h, EX_UNAVAILABLE."""

    exit_code = 69


class Denied(CommandFailed):
    """A gateway answers and will not let us in, or not do this for us. Source: sysexits.h, EX_NOPERM."""

    exit_code = 77
