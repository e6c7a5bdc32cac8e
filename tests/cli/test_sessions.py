"""`homarus sessions` and `homarus agents`."""

from tests.cli.command import Result, ask, one_line_error
from tests.support.daemon import Daemon


def spoken(daemon: Daemon, key: str, text: str) -> None:
    """Say something in a session."""
    assert ask(daemon, "chat", "--session", key, text).code == 0


def keys(result: Result) -> list[str]:
    """Keys in a list."""
    return [row["key"] for row in result.json["sessions"]]


def test_nothing_yet(daemon: Daemon) -> None:
    assert ask(daemon, "sessions", "list").out == "No conversation yet; begin one with: homarus chat\n"
    one_line_error(ask(daemon, "sessions", "show", "agent:main:none"), 1)


def test_list_show_search_and_put_away(shared_daemon: Daemon) -> None:
    spoken(shared_daemon, "agent:main:garden", "help with the tomatoes")
    spoken(shared_daemon, "agent:main:car", "help with the brakes")
    listed = ask(shared_daemon, "sessions", "list", "--json")
    assert {"agent:main:garden", "agent:main:car"} <= set(keys(listed))
    assert "tomatoes" in ask(shared_daemon, "sessions", "show", "agent:main:garden").out
    found = ask(shared_daemon, "sessions", "search", "brakes")
    assert "agent:main:car" in found.out
    assert "garden" not in found.out
    assert "no message" in ask(shared_daemon, "sessions", "search", "zeppelin").out
    assert ask(shared_daemon, "sessions", "archive", "agent:main:car").code == 0
    assert "agent:main:car" not in keys(ask(shared_daemon, "sessions", "list", "--json"))
    assert keys(ask(shared_daemon, "sessions", "list", "--archived", "--json")) == ["agent:main:car"]
    assert ask(shared_daemon, "sessions", "archive", "--undo", "agent:main:car").code == 0
    assert "agent:main:car" in keys(ask(shared_daemon, "sessions", "list", "--json"))


def test_deleting_asks_first(shared_daemon: Daemon) -> None:
    spoken(shared_daemon, "agent:main:secret", "help")
    one_line_error(ask(shared_daemon, "sessions", "delete", "agent:main:secret"), 2)
    assert ask(shared_daemon, "sessions", "delete", "--yes", "agent:main:secret").code == 0
    one_line_error(ask(shared_daemon, "sessions", "show", "agent:main:secret"), 1)


def test_compact(shared_daemon: Daemon) -> None:
    for number in range(3):
        spoken(shared_daemon, "agent:main:long", f"help {number}")
    assert "short enough" in ask(shared_daemon, "sessions", "compact", "agent:main:long").out
    assert "newest 2" in ask(shared_daemon, "sessions", "compact", "agent:main:long", "--keep", "2").out


def test_agents(shared_daemon: Daemon) -> None:
    listed = ask(shared_daemon, "agents", "list")
    assert "main (default)" in listed.out
    assert "offline" in ask(shared_daemon, "agents", "show").out
    assert ask(shared_daemon, "agents", "show", "main", "--json").json["id"] == "main"
    one_line_error(ask(shared_daemon, "agents", "show", "nobody"), 1)
