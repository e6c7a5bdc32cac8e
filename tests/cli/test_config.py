"""`homarus config`."""

from pathlib import Path

from tests.cli.command import ask, one_line_error, run
from tests.support.daemon import Daemon


def test_get_set_and_back(daemon: Daemon) -> None:
    (daemon.home / "homarus.toml").write_text(
        '# mine\n[logging]\nlevel = "info"  # quiet\n', encoding="utf-8"
    )
    daemon.shut_down()
    daemon.launch()
    assert ask(daemon, "config", "get", "logging.level").out == "info\n"
    assert "in force" in ask(daemon, "config", "set", "logging.level", "debug").out
    assert ask(daemon, "config", "get", "logging.level").out == "debug\n"
    text = (daemon.home / "homarus.toml").read_text(encoding="utf-8")
    assert text == '# mine\n[logging]\nlevel = "debug"  # quiet\n'
    assert "already" in ask(daemon, "config", "set", "logging.level", "debug").out
    ask(daemon, "config", "set", "logging.level", "null")
    assert ask(daemon, "config", "get", "logging.level").out == "info\n"
    assert "debug" not in ask(daemon, "config", "get", "--file").out


def test_numbers_lists_and_restarts(daemon: Daemon) -> None:
    changed = ask(daemon, "config", "set", "gateway.allowed_hosts", '["a.example", "b.example"]')
    assert changed.code == 0, changed.err
    assert ask(daemon, "config", "set", "gateway.allowed_hosts", '["b.example"]').code == 0
    assert ask(daemon, "config", "get", "gateway.allowed_hosts").json == ["b.example"]
    assert "restart" in ask(daemon, "config", "set", "gateway.tls.enabled", "true").out
    assert ask(daemon, "config", "check", "--json").json["pendingRestart"] == ["gateway.tls"]


def test_a_secret_can_come_from_standard_input(daemon: Daemon) -> None:
    """Arguments are visible to every user of a machine."""
    assert ask(daemon, "config", "set", "gateway.auth.token", "-", stdin="a-new-token-0123456789\n").code == 0
    assert "a-new-token" not in ask(daemon, "config", "get", "--file").out
    assert "a-new-token" in (daemon.home / "homarus.toml").read_text(encoding="utf-8")


def test_a_fault_names_its_path_with_and_without_a_gateway(daemon: Daemon) -> None:
    one_line_error(ask(daemon, "config", "set", "logging.levle", "info"), 1)
    daemon.shut_down()
    (daemon.home / "homarus.toml").write_text("[logging]\nlevel = 7\n[gatway]\n", encoding="utf-8")
    checked = ask(daemon, "config", "check", "--json")
    assert checked.code == 1
    assert [issue["path"] for issue in checked.json["issues"]] == ["gatway", "logging.level"]
    daemon.launch()
    assert ask(daemon, "config", "check").code == 1


def test_path_needs_no_gateway(tmp_path: Path) -> None:
    result = run({"HOMARUS_HOME": str(tmp_path)}, "config", "path", cwd=tmp_path)
    assert result.out == f"{tmp_path / 'homarus.toml'}\n"
