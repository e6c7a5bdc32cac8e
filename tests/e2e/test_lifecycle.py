"""Starting and stopping the process: obstacles are named, and an end is orderly (rows S0.3-1, S0.3-7)."""

import asyncio
import os
import signal
import socket
import subprocess
import threading
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed

from tests.cli.command import Result, ask, run
from tests.support.daemon import HOMARUS, STOP_TIMEOUT_S, TOKEN, Daemon
from tests.support.wire import WireClient

UNAVAILABLE = 69


def start(home: Path, *args: str) -> subprocess.Popen[str]:
    """`homarus gateway run` without waiting for it."""
    argv = [HOMARUS, "gateway", "run", "--home", home, "--token", TOKEN, *args]
    return subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def refusal(result: Result) -> str:
    """Why a start was refused: the last line of standard error, with a next step and without a traceback."""
    assert result.code == UNAVAILABLE, result
    assert "Traceback" not in result.err
    line = result.err.splitlines()[-1]
    assert line.startswith("homarus: ")
    assert "; " in line, f"no next step: {line}"
    return line


def test_a_second_gateway_on_one_home_is_refused_and_harms_nothing(shared_daemon: Daemon) -> None:
    refused = ask(shared_daemon, "gateway", "run", "--port", "0")
    assert "already runs" in refusal(refused)
    assert ask(shared_daemon, "gateway", "health").code == 0


def test_a_taken_port_and_an_address_that_is_not_ours_are_named(tmp_path: Path) -> None:
    env = {"HOME": str(tmp_path), "PATH": os.environ["PATH"], "HOMARUS_HOME": str(tmp_path / "home")}
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        refused = run(env, "gateway", "run", "--port", port)
    assert f"127.0.0.1:{port}" in (line := refusal(refused))
    assert "--port" in line
    foreign = run(env, "gateway", "run", "--port", "0", "--host", "192.0.2.1")
    assert "--host" in refusal(foreign)


@pytest.mark.parametrize("in_the_way", ["home", "home/state", "home/gateway.lock", "home/gateway.sock"])
def test_a_home_that_cannot_be_used_is_named_in_one_line(tmp_path: Path, in_the_way: str) -> None:
    env = {"HOME": str(tmp_path), "PATH": os.environ["PATH"], "HOMARUS_HOME": str(tmp_path / "home")}
    obstacle = tmp_path / in_the_way
    obstacle.parent.mkdir(mode=0o700, exist_ok=True)
    if in_the_way in {"home", "home/state"}:
        obstacle.write_text("a file where a folder should be")
    else:
        (obstacle / "full").mkdir(parents=True)
    refused = run(env, "gateway", "run", "--port", "0")
    assert str(tmp_path / "home") in refusal(refused)


def test_a_socket_left_by_a_kill_is_replaced_and_one_left_by_a_stop_is_gone(daemon: Daemon) -> None:
    path = daemon.home / "gateway.sock"
    daemon.kill()
    assert path.is_socket()
    daemon.launch()
    assert ask(daemon, "gateway", "health").code == 0
    assert path.stat().st_mode & 0o777 == 0o600
    daemon.shut_down()
    assert not path.exists()


@pytest.mark.parametrize("delay_s", [0.0, 0.15, 0.3, 0.45, 0.6])
def test_a_signal_during_the_start_ends_it_and_leaves_a_home_that_starts(
    tmp_path: Path, delay_s: float
) -> None:
    home = tmp_path / "home"
    process = start(home, "--port", "0")
    threading.Event().wait(delay_s)
    process.terminate()
    out, err = process.communicate(timeout=STOP_TIMEOUT_S)
    assert process.returncode in {0, -signal.SIGTERM}, err
    assert "Traceback" not in err
    assert out == "" or out.startswith("homarus ready")
    daemon = Daemon(tmp_path)
    daemon.launch()
    daemon.shut_down()


async def test_clients_are_told_of_a_stop_and_when_to_come_back(daemon: Daemon) -> None:
    client = await WireClient.open(daemon.ws_url, token=daemon.token)
    await client.connect()
    await daemon.stop()
    assert (await client.wait_event("shutdown"))["payload"]["reason"]
    with pytest.raises(ConnectionClosed):
        await client.socket.recv()
    assert client.socket.close_code == 1012


async def test_a_second_signal_does_not_wait_for_an_orderly_stop(tmp_path: Path) -> None:
    config = '[agents.entries.slow]\nruntime = "command"\nargv = ["sh", "-c", "echo begun; sleep 60"]\n'
    daemon = Daemon(tmp_path, config=config)
    daemon.launch()
    try:
        client = await WireClient.open(daemon.ws_url, token=daemon.token)
        await client.connect()
        params = {"sessionKey": "agent:slow:main", "message": "go", "idempotencyKey": "slow-1"}
        await client.call("chat.send", params)
        os.kill(daemon.pid, signal.SIGTERM)
        os.kill(daemon.pid, signal.SIGTERM)
        await asyncio.sleep(1.3)
        os.kill(daemon.pid, signal.SIGINT)
        _, status = await asyncio.to_thread(os.waitpid, daemon.pid, 0)
        assert os.waitstatus_to_exitcode(status) == 128 + signal.SIGINT
    finally:
        daemon.close()
