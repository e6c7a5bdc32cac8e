"""The program to start: its command line and the little environment it is given."""

import hashlib
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, Literal

import msgspec

from gateway.cli.failure import Misused
from gateway.kernel.home import DEFAULT_NAME, HOME_VARIABLE, Home

TAG_CHARS: Final = 8
"""Of the home's hash: enough to tell the homes of one person apart."""

Kind = Literal["gateway", "node"]


class Program(msgspec.Struct, frozen=True, kw_only=True):
    """What the service manager is to keep running."""

    kind: Kind
    argv: tuple[str, ...]
    home: Path
    path: str
    """`PATH` of whoever installs it: agents and nodes start programs by name."""

    @property
    def tag(self) -> str:
        """Empty for the usual home; tells apart what runs with others."""
        if self.home == (Path.home() / DEFAULT_NAME).resolve():
            return ""
        return f"-{hashlib.sha256(str(self.home).encode()).hexdigest()[:TAG_CHARS]}"

    @property
    def description(self) -> str:
        """One line for people."""
        return f"Homarus {self.kind}" + (f" of {self.home}" if self.tag else "")

    @property
    def environment(self) -> Mapping[str, str]:
        """All it is given. No secret is among it: units can be read by others and are shown by tools."""
        return {HOME_VARIABLE: str(self.home), "PATH": self.path}

    @property
    def marker(self) -> str:
        """The line by which a file is known to be ours."""
        return f"Written by `homarus {self.kind} install`; `homarus {self.kind} uninstall` removes it."


def program(kind: Kind, arguments: Sequence[str], home: Home, env: Mapping[str, str] = os.environ) -> Program:
    """The program as this very command would start it: same interpreter, same home, same `PATH`.

    Raises:
        Misused: when a path cannot be written into a unit.
    """
    found = Program(
        kind=kind,
        argv=(*homarus_command(), *arguments),
        home=home.root,
        path=_search_path(env.get("PATH", os.defpath)),
    )
    for text in (*found.argv, str(found.home)):
        if not text.isprintable():
            raise Misused(f"{text!r} cannot be written into a unit", "use a folder with a plain name")
    return found


def homarus_command() -> tuple[str, ...]:
    """The installed `homarus`, else its module under this interpreter; absolute."""
    command = Path(sys.executable).with_name("homarus")
    return (str(command),) if command.exists() else (sys.executable, "-m", "gateway")


def _search_path(text: str) -> str:
    """Its absolute folders, each once."""
    folders = (folder for folder in text.split(os.pathsep) if folder.startswith("/") and folder.isprintable())
    return os.pathsep.join(dict.fromkeys(folders))
