"""Why the node cannot do what its owner wants: what happened, and the next step."""

from typing import ClassVar


class NodeError(Exception):
    """Printed as `homarus: <what>; <next step>`; a command line ends with `exit_code`."""

    exit_code: ClassVar[int] = 1

    def __init__(self, what: str, next_step: str) -> None:
        super().__init__(f"{what}; {next_step}")
        self.what = what
        self.next_step = next_step


class Misused(NodeError):
    """The command line or a setting makes no sense. The code is what argparse uses."""

    exit_code = 2


class Unreachable(NodeError):
    """Nobody answers. Source: sysexits.h, EX_UNAVAILABLE."""

    exit_code = 69


class Denied(NodeError):
    """The other side answers and will not let us in. Source: sysexits.h, EX_NOPERM."""

    exit_code = 77
