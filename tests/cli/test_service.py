"""`install` and `uninstall`: starting with the machine, shown first, reversible (issue 3).

The shipped command runs with a home of its own. `systemctl` is a program that writes down what it is
told, because a test must start nothing with the machine it runs on.
"""

import os
import shlex
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pexpect
import pytest

from tests.cli.command import one_line_error, run
from tests.support.daemon import HOMARUS, Daemon

SECRET = "sk-never-in-a-unit-51c0"

SYSTEMCTL = """#!/bin/sh
# A service manager that knows one service: ACTIVE exists while that runs.
case "$*" in
    --version) echo "systemd ${VERSION:-252} (252.1)"; exit 0 ;;
    *show-environment) exit 0 ;;
    *is-active*) test -e "$STATE/active"; exit ;;
esac
echo "$*" >>"$STATE/told"
case "$*" in
    *"$REFUSE"*) echo "Access denied" >&2; exit 1 ;;
    *enable*--now*) touch "$STATE/active" ;;
    *" stop "*) rm "$STATE/active" ;;
esac
"""


class Person:
    """Somebody with a home, and a service manager or none."""

    def __init__(self, folder: Path, *, manager: bool, **env: str) -> None:
        self.home = folder / "person"
        self.state = folder / "state"
        self.bin = folder / "bin"
        for path in (self.home, self.state, self.bin):
            path.mkdir()
        if manager:
            program = self.bin / "systemctl"
            program.write_text(SYSTEMCTL)
            program.chmod(0o755)
        self.env: Mapping[str, str] = {
            "HOME": str(self.home),
            # Without a manager there must be none to be found, and `homarus` needs nothing of PATH.
            "PATH": f"{self.bin}:/usr/bin:/bin" if manager else str(self.bin),
            "STATE": str(self.state),
            "REFUSE": "nothing at all",
            "HOMARUS_TOKEN": SECRET,
            "OPENAI_API_KEY": SECRET,
            **env,
        }

    @property
    def units(self) -> Path:
        """Where user units are."""
        return self.home / ".config" / "systemd" / "user"

    @property
    def unit(self) -> Path:
        """The gateway's."""
        return self.units / "homarus-gateway.service"

    def told(self) -> list[str]:
        """What the manager was told since the last look."""
        path = self.state / "told"
        lines = path.read_text().splitlines() if path.exists() else []
        path.unlink(missing_ok=True)
        return [line.removeprefix("--user ") for line in lines]

    def files(self) -> dict[str, bytes]:
        """Everything in the home."""
        return {
            str(path.relative_to(self.home)): path.read_bytes()
            for path in self.home.rglob("*")
            if path.is_file() or path.is_symlink()
        }


def test_looking_changes_nothing(tmp_path: Path) -> None:
    person = Person(tmp_path, manager=True)
    for command in ("install", "uninstall"):
        looked = run(person.env, "gateway", command, "--dry-run")
        assert looked.code == 0, looked
        assert str(person.unit) in looked.out
    assert "ExecStart=" in run(person.env, "gateway", "install", "--dry-run").out
    assert person.files() == {}
    assert person.told() == []


def test_what_is_shown_is_what_is_written(tmp_path: Path) -> None:
    person = Person(tmp_path, manager=True)
    shown = run(person.env, "gateway", "install", "--dry-run").out
    assert run(person.env, "gateway", "install", "--yes").code == 0
    text = person.unit.read_text()
    assert text in shown
    assert person.unit.stat().st_mode & 0o777 == 0o600
    assert "Restart=on-failure" in text
    assert "RestartPreventExitStatus=2 78" in text


def test_no_secret_is_in_the_unit(tmp_path: Path) -> None:
    person = Person(tmp_path, manager=True)
    keys = person.home / ".homarus" / "keys"
    keys.mkdir(parents=True)
    (keys / "gateway.token").write_text(SECRET)
    done = run(person.env, "gateway", "install", "--yes")
    assert "HOMARUS_TOKEN is set here and stays here" in done.out
    assert SECRET not in done.out + person.unit.read_text()
    names = [line.split("=")[1] for line in environment_lines(person.unit.read_text())]
    assert names == ['"HOMARUS_HOME', '"PATH']


def test_it_is_started_once_and_anew_when_it_changed(tmp_path: Path) -> None:
    person = Person(tmp_path, manager=True)
    name = person.unit.name
    first = run(person.env, "gateway", "install", "--yes")
    assert first.code == 0
    assert "enable-linger" in first.out
    assert person.told() == ["daemon-reload", f"enable --now {name}"]
    before = person.files()
    again = run(person.env, "gateway", "install", "--yes")
    assert (again.code, person.told(), person.files()) == (0, [], before)
    moved = {**person.env, "PATH": f"{person.env['PATH']}:/opt/more"}
    assert run(moved, "gateway", "install", "--yes").code == 0
    assert person.told() == [f"stop {name}", "daemon-reload", f"enable --now {name}"]


def test_uninstall_reverses_install(tmp_path: Path) -> None:
    person = Person(tmp_path, manager=True)
    (person.home / "notes.txt").write_text("mine")
    before = person.files()
    run(person.env, "gateway", "install", "--yes")
    assert person.files() != before
    person.told()
    gone = run(person.env, "gateway", "uninstall", "--yes")
    assert gone.code == 0, gone
    assert person.told() == [f"stop {person.unit.name}", f"disable {person.unit.name}", "daemon-reload"]
    assert person.files() == before
    again = run(person.env, "gateway", "uninstall", "--yes")
    assert (again.code, person.told()) == (0, [])
    assert "not installed" in again.out


def test_without_a_manager_the_two_commands_are_named(tmp_path: Path) -> None:
    person = Person(tmp_path, manager=False)
    done = run(person.env, "gateway", "install", "--yes")
    assert done.code == 0, done
    assert done.out.splitlines()[-2:] == [
        "  systemctl --user daemon-reload",
        f"  systemctl --user enable --now {person.unit.name}",
    ]
    link = person.units / "default.target.wants" / person.unit.name
    link.parent.mkdir()
    link.symlink_to(person.unit)  # what `enable` makes, typed by hand
    gone = run(person.env, "gateway", "uninstall", "--yes")
    assert gone.out.splitlines()[-2:] == [
        f"  systemctl --user stop {person.unit.name}",
        "  systemctl --user daemon-reload",
    ]
    assert person.files() == {}


def test_nothing_is_done_without_consent(tmp_path: Path) -> None:
    person = Person(tmp_path, manager=True)
    assert "--yes" in one_line_error(run(person.env, "gateway", "install"), 2)
    assert answered(person, "install", "n") == 1
    assert answered(person, "install", "") == 1
    assert (person.files(), person.told()) == ({}, [])
    assert answered(person, "install", "y") == 0
    assert person.unit.exists()
    assert answered(person, "uninstall", "n") == 1
    assert person.unit.exists()
    assert answered(person, "uninstall", "yes") == 0
    assert person.files() == {}


def answered(person: Person, command: str, answer: str) -> int:
    """The exit code when a person at a terminal answers the one question."""
    child: pexpect.spawn[str] = pexpect.spawn(
        str(HOMARUS), ["gateway", command], env=dict(person.env), timeout=30, encoding="utf-8"
    )
    child.expect_exact("[y/N] ")
    child.sendline(answer)
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus is not None
    return child.exitstatus


def test_a_unit_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    person = Person(tmp_path, manager=True)
    person.units.mkdir(parents=True)
    person.unit.write_text("[Service]\nExecStart=/bin/true\n")
    before = person.files()
    for command in ("install", "uninstall"):
        refused = run(person.env, "gateway", command, "--yes")
        assert refused.code == 1
        assert "move it away" in refused.err
    assert (person.files(), person.told()) == (before, [])


def test_what_the_manager_refuses_is_said_and_can_be_repeated(tmp_path: Path) -> None:
    person = Person(tmp_path, manager=True)
    refused = run({**person.env, "REFUSE": "enable"}, "gateway", "install", "--yes")
    assert "Access denied" in one_line_error(refused, 1)
    assert run(person.env, "gateway", "install", "--yes").code == 0
    person.told()
    refused = run({**person.env, "REFUSE": "disable"}, "gateway", "uninstall", "--yes")
    assert "Access denied" in one_line_error(refused, 1)
    assert person.unit.exists()
    assert run(person.env, "gateway", "uninstall", "--yes").code == 0


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    person = Person(tmp_path, manager=True)
    (person.home / ".config").write_text("a file in the way")
    assert "is yours" in one_line_error(run(person.env, "gateway", "install", "--yes"), 1)


def test_gateways_with_other_homes_do_not_meet(tmp_path: Path) -> None:
    person = Person(tmp_path, manager=True)
    for name in ("one", "two"):
        assert run(person.env, "gateway", "install", "--yes", "--home", tmp_path / name).code == 0
    assert run({**person.env, "HOMARUS_HOME": str(tmp_path / "one")}, "gateway", "install", "--yes").code == 0
    assert len(person.files()) == 2
    run(person.env, "gateway", "uninstall", "--yes", "--home", tmp_path / "one")
    (left,) = person.units.iterdir()
    assert f'Environment="HOMARUS_HOME={tmp_path / "two"}"' in left.read_text()
    assert not person.unit.exists()


def test_a_gateway_that_was_started_by_hand_is_mentioned(daemon: Daemon, tmp_path: Path) -> None:
    person = Person(tmp_path, manager=True)
    install = ("gateway", "install", "--yes", "--home", daemon.home)
    assert "`homarus gateway stop` makes room" in run(person.env, *install).out
    assert "makes room" not in run(person.env, *install).out, "now it is the one of the service"


@pytest.mark.parametrize("version", ["252", "254"])
def test_restarts_grow_further_apart_where_systemd_can(version: str, tmp_path: Path) -> None:
    person = Person(tmp_path, manager=True, VERSION=version)
    text = run(person.env, "gateway", "install", "--dry-run").out
    assert ("RestartSteps=" in text) == (version == "254")


def test_the_unit_starts_this_gateway(tmp_path: Path) -> None:
    """Its command, with its environment and nothing else, is the gateway of that home."""
    person = Person(tmp_path, manager=True)
    home = tmp_path / "h o m e %h $HOME"
    home.mkdir(mode=0o700)
    (home / "homarus.toml").write_text("[gateway]\nport = 0\n")
    run(person.env, "gateway", "install", "--yes", "--home", home)
    (unit,) = person.units.iterdir()
    text = unit.read_text()
    (command,) = [line.partition("=")[2] for line in text.splitlines() if line.startswith("ExecStart=")]
    env = dict(plain(line.partition("=")[2])[0].split("=", 1) for line in environment_lines(text))
    assert env["HOMARUS_HOME"] == str(home)
    with subprocess.Popen(plain(command), env=env, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline().startswith("homarus ready ")
            assert (home / "gateway.sock").exists()
            process.terminate()
            assert process.wait(20) == 0, "an end that is no failure: it is not started again"
        finally:
            process.kill()


def environment_lines(unit: str) -> list[str]:
    """Its `Environment=` lines."""
    return [line for line in unit.splitlines() if line.startswith("Environment=")]


def plain(quoted: str) -> list[str]:
    """Words as systemd understands them, for those without a backslash in them."""
    return [word.replace("%%", "%").replace("$$", "$") for word in shlex.split(quoted)]


def test_systemd_finds_no_fault_with_it(tmp_path: Path) -> None:
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("no systemd on this machine")
    person = Person(tmp_path, manager=True)
    runtime = tmp_path / "run"
    runtime.mkdir(mode=0o700)
    odd = tmp_path / 'a %h $HOME "q" back\\slash ü'
    odd.mkdir()
    for home in (person.home / ".homarus", odd):
        run(person.env, "gateway", "install", "--yes", "--home", home)
    units = sorted(person.units.glob("*.service"))
    assert len(units) == 2
    env = {**person.env, "XDG_RUNTIME_DIR": str(runtime), "PATH": os.environ["PATH"]}
    checked = subprocess.run(
        [analyze, "--user", "verify", *units], env=env, capture_output=True, text=True, check=False
    )
    assert (checked.returncode, checked.stderr) == (0, "")


def test_the_node_is_installed_the_same_way(tmp_path: Path) -> None:
    person = Person(tmp_path, manager=True)

    assert "--yes" in one_line_error(run(person.env, "node", "install"), 2)
    assert run(person.env, "node", "install", "--yes").code == 0
    unit = person.units / "homarus-node.service"
    text = unit.read_text()
    assert f'ExecStart="{HOMARUS}" "node" "run"' in text
    assert "NoNewPrivileges" not in text, "commands run on the node may need their own rights"
    assert person.told() == ["daemon-reload", f"enable --now {unit.name}"]
    unit.write_text("")
    assert "move it away" in one_line_error(run(person.env, "node", "uninstall", "--yes"), 1)
    unit.write_text(text)
    assert run(person.env, "node", "uninstall", "--yes").code == 0
    assert person.files() == {}
