"""`homarus gateway`: asking, stopping, and how each way of failing ends."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.command import ask, one_line_error, run
from tests.support.daemon import HOMARUS, Daemon

HEAVY = (
    "asyncio",
    "starlette",
    "uvicorn",
    "cryptography",
    "sqlite3",
    "aiosqlite",
    "ssl",
    "tomllib",
    "gateway.app",
)


def test_health_and_status(shared_daemon: Daemon) -> None:
    health = ask(shared_daemon, "gateway", "health")
    assert health.code == 0
    assert health.out.startswith("ok (")
    assert ask(shared_daemon, "gateway", "health", "--json").json["ok"] is True
    status = ask(shared_daemon, "gateway", "status")
    assert status.code == 0
    assert f"{shared_daemon.home}" in status.out
    as_json = ask(shared_daemon, "gateway", "status", "--json").json
    assert as_json["pid"] == shared_daemon.pid


def test_any_method_can_be_called(shared_daemon: Daemon) -> None:
    answer = ask(
        shared_daemon, "gateway", "call", "config.schema.lookup", "--params", '{"path": "gateway.port"}'
    )
    assert answer.json["path"] == "gateway.port"


def test_the_second_answer_can_be_waited_for(shared_daemon: Daemon) -> None:
    params = '{"message": "help", "idempotencyKey": "call-1"}'
    first = ask(shared_daemon, "gateway", "call", "agent", "--params", params)
    assert first.json["status"] == "accepted"
    final = ask(
        shared_daemon, "gateway", "call", "agent", "--expect-final", "--params", params.replace("1", "2")
    )
    assert final.json["result"]["payloads"][0]["text"]


def test_over_the_network_with_a_token(shared_daemon: Daemon, tmp_path: Path) -> None:
    elsewhere = {**shared_daemon.env, "HOMARUS_HOME": str(tmp_path), "HOMARUS_URL": shared_daemon.url}
    assert run(elsewhere, "gateway", "health", "--token", shared_daemon.token).code == 0
    assert run({**elsewhere, "HOMARUS_TOKEN": shared_daemon.token}, "gateway", "health").code == 0
    assert "token" in one_line_error(run(elsewhere, "gateway", "health"), 77)
    assert "--token" in one_line_error(run(elsewhere, "gateway", "health", "--token", "wrong-token-12"), 77)
    assert not (tmp_path / "keys").exists(), "a command on this machine needs no device key"


def test_errors_of_the_gateway_name_the_field(shared_daemon: Daemon) -> None:
    bad = ask(shared_daemon, "gateway", "call", "config.patch", "--params", '{"raw": 5}')
    assert "/raw" in one_line_error(bad, 1)
    assert "no nope.nope" in one_line_error(ask(shared_daemon, "gateway", "call", "nope.nope"), 1)


@pytest.mark.parametrize(
    "args",
    [
        ("gateway", "nope"),
        ("nope",),
        ("gateway", "call"),
        ("gateway", "call", "health", "--params", "{"),
        ("gateway", "health", "--url", "nonsense"),
        ("gateway", "health", "--url", "ws://192.0.2.7:1"),
    ],
)
def test_misuse_ends_with_2(args: tuple[str, ...], tmp_path: Path) -> None:
    one_line_error(run({**os.environ, "HOMARUS_HOME": str(tmp_path)}, *args), 2)


def test_no_gateway_ends_with_69(tmp_path: Path) -> None:
    env = {**os.environ, "HOMARUS_HOME": str(tmp_path)}
    for command in (("gateway", "health"), ("gateway", "status"), ("gateway", "stop"), ("sessions", "list")):
        one_line_error(run(env, *command), 69)
    assert "homarus gateway run" in run(env, "gateway", "health").err
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    one_line_error(run(env, "gateway", "health", "--url", f"ws://127.0.0.1:{port}"), 69)


def test_a_socket_left_by_a_crash_is_no_gateway(daemon: Daemon) -> None:
    daemon.kill()
    assert (daemon.home / "gateway.sock").exists()
    one_line_error(ask(daemon, "gateway", "health"), 69)


def test_a_home_may_lie_deep(tmp_path: Path) -> None:
    """The address of a Unix socket has room for a hundred bytes; a folder has no such limit."""
    daemon = Daemon(tmp_path / ("deep" * 30))
    daemon.launch()
    try:
        assert ask(daemon, "gateway", "health").code == 0
        assert ask(daemon, "gateway", "stop").code == 0
    finally:
        daemon.close()


def test_stop_ends_it_in_order(daemon: Daemon) -> None:
    stopped = ask(daemon, "gateway", "stop", "--json")
    assert stopped.json == {"stopped": True, "pid": daemon.pid}
    assert not (daemon.home / "gateway.sock").exists()
    one_line_error(ask(daemon, "gateway", "stop"), 69)


def test_a_second_gateway_for_the_same_home_is_refused(shared_daemon: Daemon) -> None:
    second = ask(shared_daemon, "gateway", "run", "--port", "0")
    assert "homarus gateway stop" in one_line_error(second, 69)


def test_help_names_every_command(tmp_path: Path) -> None:
    env = {**os.environ, "HOMARUS_HOME": str(tmp_path)}
    assert run(env).code == 2
    out = run(env, "--help").out
    for command in (
        "gateway",
        "chat",
        "devices",
        "sessions",
        "agents",
        "cron",
        "config",
        "logs",
        "doctor",
        "backup",
    ):
        assert command in out
        assert run(env, command, "--help").code == 0
    assert run(env, "version").out == run(env, "--version").out
    assert run(env, "version", "--json").json["protocol"] == 4


def test_output_into_a_closed_pipe_is_no_traceback(shared_daemon: Daemon) -> None:
    done = subprocess.run(
        ["sh", "-c", f"{HOMARUS} gateway call config.schema | head -c 10"],
        capture_output=True, text=True, env=shared_daemon.env, check=False,
    )  # fmt: skip
    assert len(done.stdout) == 10
    assert not done.stderr


def test_health_imports_nothing_heavy(shared_daemon: Daemon) -> None:
    """The budget of 200 ms and 35 MB holds only while the command line stays a thin client."""
    code = (
        "import sys, json; from gateway.cli import main\n"
        "status = main(['gateway', 'health', '--json'])\n"
        "print(json.dumps(sorted(sys.modules)), file=sys.stderr); sys.exit(status)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=shared_daemon.env, check=False
    )
    assert done.returncode == 0, done.stderr
    loaded: set[str] = set(json.loads(done.stderr))
    assert not loaded & set(HEAVY)
    features = {name for name in loaded if name.startswith("gateway.")}
    assert all(name.startswith(("gateway.cli", "gateway.kernel")) for name in features), features
