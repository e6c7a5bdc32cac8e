"""Commands that other packages register with `homarus`, found only when they are asked for."""

import subprocess
import sys
from pathlib import Path

from tests.cli.command import one_line_error, run


def bare_env(home: Path) -> dict[str, str]:
    return {"PATH": "/usr/bin:/bin", "HOME": str(home), "HOMARUS_HOME": str(home / "homarus")}


def test_the_help_shows_them_with_the_others(tmp_path: Path) -> None:
    result = run(bare_env(tmp_path), "--help")
    assert result.code == 0
    assert "node" in result.out
    assert "this machine as a device" in result.out


def test_they_parse_their_own_command_line(tmp_path: Path) -> None:
    assert "homarus node" in run(bare_env(tmp_path), "node", "--help").out
    assert run(bare_env(tmp_path), "node").code == 2
    assert "homarus node run" in one_line_error(run(bare_env(tmp_path), "node", "status"), 69)


def test_an_unknown_word_is_still_misuse(tmp_path: Path) -> None:
    assert "invalid choice: 'nodde'" in one_line_error(run(bare_env(tmp_path), "nodde"), 2)


def test_a_command_of_the_gateway_does_not_look_for_others() -> None:
    """Looking reads every installed package, which a command that is asked often must not pay."""
    code = (
        "import sys; from gateway.cli import main; main(['version'])\n"
        "assert 'importlib.metadata' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
