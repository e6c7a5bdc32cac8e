"""Starting with a Mac: the property list, and what launchd is told (issue 3).

`launchctl` is a program that writes down what it is told; the rest is what ships.
"""

import os
import plistlib
from pathlib import Path

import pytest

from gateway.cli.failure import CommandFailed
from gateway.cli.service.commands import service_manager
from gateway.cli.service.installation import Consent, install, uninstall
from gateway.cli.service.launchd import Launchd, property_list
from gateway.cli.service.program import Program, program
from gateway.kernel.home import Home

LAUNCHCTL = """#!/bin/sh
# Knows one session and one agent: LOADED exists while that is known.
case "$*" in
    "print gui/"*/*) test -e "$STATE/loaded"; exit ;;
    print*) exit 0 ;;
esac
echo "$*" >>"$STATE/told"
case "$1" in
    bootstrap) touch "$STATE/loaded" ;;
    bootout) rm "$STATE/loaded" ;;
esac
"""
YES = Consent(yes=True, dry_run=False)


@pytest.fixture
def mac(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder where `launchctl` keeps what it was told; the home is `person` beside it."""
    folder, person = tmp_path / "state", tmp_path / "person"
    folder.mkdir()
    person.mkdir()
    command = folder / "launchctl"
    command.write_text(LAUNCHCTL)
    command.chmod(0o755)
    for name, value in (("HOME", person), ("STATE", folder), ("PATH", f"{folder}:/usr/bin:/bin")):
        monkeypatch.setenv(name, str(value))
    return folder


def gateway() -> Program:
    """The gateway with the usual home."""
    return program("gateway", ("gateway", "run"), Home.locate(Path.home() / ".homarus"))


def told(mac: Path) -> list[str]:
    """What `launchctl` was told since the last look."""
    path = mac / "told"
    lines = path.read_text().splitlines() if path.exists() else []
    path.unlink(missing_ok=True)
    return lines


def test_the_property_list_says_what_to_keep_running(mac: Path) -> None:
    wanted = gateway()
    text = property_list(wanted)
    assert wanted.marker in text
    assert plistlib.loads(text.encode()) == {
        "Label": "homarus.gateway",
        "ProgramArguments": [*wanted.argv],
        "EnvironmentVariables": {
            "HOMARUS_HOME": str(Path.home() / ".homarus"),
            "PATH": f"{mac}:/usr/bin:/bin",
        },
        "RunAtLoad": True,
        "KeepAlive": {"SuccessfulExit": False},
        "ThrottleInterval": 15,
        "ExitTimeOut": 30,
        "HardResourceLimits": {"Core": 0},
        "Umask": 0o077,
    }


def test_any_path_survives(mac: Path) -> None:
    odd = Home.locate(mac / "a <b> & \"c\" 'd' --> ü")
    agent = plistlib.loads(property_list(program("node", ("node", "run"), odd)).encode())
    assert agent["EnvironmentVariables"]["HOMARUS_HOME"] == str(odd.root)
    assert "Umask" not in agent, "files made by commands on the node are their owner's business"


def test_install_and_uninstall(mac: Path) -> None:
    domain = f"gui/{os.getuid()}"
    file = Path.home() / "Library" / "LaunchAgents" / "homarus.gateway.plist"
    start = [f"enable {domain}/homarus.gateway", f"bootstrap {domain} {file}"]
    assert install(gateway(), Launchd(), YES) == 0
    assert told(mac) == start
    assert file.exists()
    assert install(gateway(), Launchd(), YES) == 0
    assert told(mac) == [], "it runs as it should already"
    os.environ["PATH"] += ":/opt/more"
    assert install(gateway(), Launchd(), YES) == 0
    assert told(mac) == [f"bootout {domain}/homarus.gateway", *start]
    assert uninstall(gateway(), Launchd(), YES) == 0
    assert told(mac) == [f"bootout {domain}/homarus.gateway"]
    assert [path for path in Path.home().rglob("*") if path.is_file()] == []
    assert uninstall(gateway(), Launchd(), YES) == 0
    assert told(mac) == []


def test_without_a_session_the_commands_are_named(mac: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (mac / "launchctl").unlink()
    assert install(gateway(), Launchd(), YES) == 0
    shown = capsys.readouterr().out.splitlines()
    assert [line.split()[:2] for line in shown[-2:]] == [["launchctl", "enable"], ["launchctl", "bootstrap"]]


def test_each_system_has_its_manager() -> None:
    assert isinstance(service_manager("darwin"), Launchd)
    with pytest.raises(CommandFailed, match="win32"):
        service_manager("win32")
