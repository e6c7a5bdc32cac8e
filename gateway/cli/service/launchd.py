"""launchd: an agent's property list, and `launchctl`. Source: launchd.plist(5), launchctl(1)."""

import os
import plistlib
from pathlib import Path
from typing import Any, Final

from gateway.cli.service.manager import Plan, output_of
from gateway.cli.service.program import Program

PAUSE_S: Final = 15
"""Before it is started again; launchd knows no growing pauses."""


class Launchd:
    """The launchd of a logged-in person."""

    def plan(self, program: Program) -> Plan:
        """What to do for a program."""
        path = Path.home() / "Library" / "LaunchAgents" / f"{_label(program)}.plist"
        return Plan(
            path=path,
            text=property_list(program),
            start=(
                ("launchctl", "enable", _target(program)),
                ("launchctl", "bootstrap", _domain(), str(path)),
            ),
            stop=(("launchctl", "bootout", _target(program)),),
            advice="it starts when you log in",
        )

    def available(self) -> bool:
        """Whether this person has a session that agents can run in."""
        return output_of("launchctl", "print", _domain()) is not None

    def active(self, program: Program) -> bool:
        """Whether it knows the program now."""
        return output_of("launchctl", "print", _target(program)) is not None


def property_list(program: Program) -> str:
    """The agent, as XML."""
    agent: dict[str, Any] = {
        "Label": _label(program),
        "ProgramArguments": list(program.argv),
        "EnvironmentVariables": dict(program.environment),
        "RunAtLoad": True,
        "KeepAlive": {"SuccessfulExit": False},
        "ThrottleInterval": PAUSE_S,
        "ExitTimeOut": 30,
        "HardResourceLimits": {"Core": 0},
    }
    if program.kind == "gateway":
        agent["Umask"] = 0o077
    xml = plistlib.dumps(agent, sort_keys=False).decode()
    return xml.replace('<plist version="1.0">', f'<!-- {program.marker} -->\n<plist version="1.0">', 1)


def _domain() -> str:
    return f"gui/{os.getuid()}"


def _label(program: Program) -> str:
    return f"homarus.{program.kind}{program.tag}"


def _target(program: Program) -> str:
    return f"{_domain()}/{_label(program)}"
