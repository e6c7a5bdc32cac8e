"""The home is private and its names stay inside it."""

import stat
from pathlib import Path

import pytest

from gateway.kernel.home import Home
from protocol.errors import InvalidRequest


def test_flag_beats_environment_beats_default(tmp_path: Path) -> None:
    env = {"HOMARUS_HOME": str(tmp_path / "env")}
    assert Home.locate(tmp_path / "flag", env).root == tmp_path / "flag"
    assert Home.locate(None, env).root == tmp_path / "env"
    assert Home.locate(None, {}).root == (Path.home() / ".homarus").resolve()
    assert Home.locate("~/x", {}).root == (Path.home() / "x").resolve()


def test_everything_is_private_even_if_it_was_not(tmp_path: Path) -> None:
    """Extra gate of the attack list: 0700 after create, and again after a sloppy restore."""
    home = Home(tmp_path / "home")
    home.prepare()
    home.keys_dir.chmod(0o755)
    home.root.chmod(0o777)
    home.prepare()
    for folder in (home.root, *(path for path in home.root.iterdir() if path.is_dir())):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700, folder


@pytest.mark.parametrize("agent_id", ["../x", "a/b", "", "..", "a\\b", "a\x00b", "%2e%2e"])
def test_agent_ids_cannot_leave_the_home(tmp_path: Path, agent_id: str) -> None:
    with pytest.raises(InvalidRequest, match="agentId"):
        Home(tmp_path).workspace_dir(agent_id)


def test_an_agent_has_its_own_folder(tmp_path: Path) -> None:
    assert Home(tmp_path).workspace_dir("main") == tmp_path / "workspaces" / "main"
