"""systemd: a user unit, and `systemctl --user`.

Source: systemd.service(5), systemd.exec(5), systemd.unit(5) of systemd 252 and 254.
"""

from pathlib import Path
from typing import Final

from gateway.cli.failure import Misused
from gateway.cli.service.manager import Plan, output_of
from gateway.cli.service.program import Program

GRADUAL_RESTARTS: Final = 254
"""First release that knows `RestartSteps`; older ones complain about it and pause the same each time."""

EXITS_FOR_GOOD: Final = "2 78"
"""Wrong usage, and a configuration that has to be changed first: starting again cannot help."""


class Systemd:
    """The user's own systemd."""

    def __init__(self, version: int | None = None) -> None:
        self._version = installed_version() if version is None else version

    def plan(self, program: Program) -> Plan:
        """What to do for a program.

        Raises:
            Misused: when systemd would not take the path of the command.
        """
        name = _name(program)
        folder = Path.home() / ".config" / "systemd" / "user"
        reload = ("systemctl", "--user", "daemon-reload")
        return Plan(
            path=folder / name,
            text=unit(program, self._version),
            start=(reload, ("systemctl", "--user", "enable", "--now", name)),
            stop=(("systemctl", "--user", "stop", name),),
            disable=(("systemctl", "--user", "disable", name),),
            after_removal=(reload,),
            leftovers=(folder / "default.target.wants" / name,),
            advice="it starts when you log in; `loginctl enable-linger` lets it start with the machine",
        )

    def available(self) -> bool:
        """Whether it runs for this user and can be told things from here."""
        return output_of("systemctl", "--user", "show-environment") is not None

    def active(self, program: Program) -> bool:
        """Whether it keeps the program running now."""
        return output_of("systemctl", "--user", "is-active", "--quiet", _name(program)) is not None


def unit(program: Program, version: int) -> str:
    """The unit, for a release of systemd.

    Raises:
        Misused: when systemd would not take the path of the command.
    """
    # Only what cannot get in the way of agents, or of the commands that are run on a node.
    hardening = ["LimitCORE=0"]
    if program.kind == "gateway":
        hardening += ["UMask=0077", "NoNewPrivileges=yes", "RestrictSUIDSGID=yes"]
    gradual = ["RestartSteps=6", "RestartMaxDelaySec=300"] if version >= GRADUAL_RESTARTS else []
    lines = [
        f"# {program.marker}",
        "[Unit]",
        f"Description={program.description.replace('%', '%%')}",
        "StartLimitIntervalSec=0",
        "",
        "[Service]",
        "Type=exec",
        f"ExecStart={_command_line(program.argv)}",
        *(f"Environment={_quoted(f'{name}={value}')}" for name, value in program.environment.items()),
        "Restart=on-failure",
        "RestartSec=5",
        *gradual,
        f"RestartPreventExitStatus={EXITS_FOR_GOOD}",
        "KillMode=mixed",
        "TimeoutStopSec=30",
        *hardening,
        "",
        "[Install]",
        "WantedBy=default.target",
    ]
    return "\n".join(lines) + "\n"


def installed_version() -> int:
    """The release of systemd on this machine; 0 without one."""
    words = (output_of("systemctl", "--version") or "").split()
    return int(words[1]) if words[:1] == ["systemd"] and words[1].isdecimal() else 0


def _name(program: Program) -> str:
    return f"homarus-{program.kind}{program.tag}.service"


def _command_line(argv: tuple[str, ...]) -> str:
    command, *arguments = argv
    if set(command) & set("\"'\\"):
        raise Misused(
            f"systemd starts nothing called {command}", "install Homarus in a folder with a plain name"
        )
    # A variable is looked for in the arguments only, so only there its sign is doubled.
    return " ".join([_quoted(command), *(_quoted(word).replace("$", "$$") for word in arguments)])


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return f'"{escaped}"'
