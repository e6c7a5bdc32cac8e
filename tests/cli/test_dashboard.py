"""`homarus dashboard` and what `gateway run` tells a person: the one link to open (row S0.3-1)."""

import re
from pathlib import Path

import pytest

from gateway.kernel.net.page_link import page_link
from tests.cli.command import ask_async
from tests.support.daemon import HOMARUS, TOKEN, Daemon
from tests.support.terminal import CONTROL_C, Terminal


@pytest.mark.parametrize(
    ("host", "shown"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("0.0.0.0", "127.0.0.1"),
        ("::", "127.0.0.1"),
        ("::1", "[::1]"),
        ("desk", "desk"),
    ],
)
def test_the_link_is_one_this_machine_can_open(host: str, shown: str) -> None:
    assert page_link(secure=False, host=host, port=1, secret=None) == f"http://{shown}:1/"


def test_a_secret_is_only_ever_behind_the_hash() -> None:
    link = page_link(secure=True, host="127.0.0.1", port=8, secret="a b&c#d/é")
    assert link == "https://127.0.0.1:8/#token=a%20b%26c%23d%2F%C3%A9"


async def test_it_prints_the_link_with_the_generated_token(tmp_path: Path) -> None:
    async with Daemon(tmp_path, token=None) as daemon:
        token = (daemon.home / "keys" / "gateway.token").read_text().strip()
        assert (await ask_async(daemon, "dashboard")).out.strip() == f"{daemon.url}/#token={token}"
        assert (await ask_async(daemon, "dashboard", "--json")).json == {
            "url": f"{daemon.url}/#token={token}"
        }


async def test_a_token_of_this_run_alone_has_to_be_given(shared_daemon: Daemon) -> None:
    said = (await ask_async(shared_daemon, "dashboard")).out
    assert said.startswith(f"{shared_daemon.url}/\n")
    assert "--token" in said
    given = await ask_async(shared_daemon, "dashboard", "--token", TOKEN)
    assert given.out.strip() == f"{shared_daemon.url}/#token={TOKEN}"


async def test_a_person_who_starts_the_gateway_is_told_the_link(tmp_path: Path) -> None:
    home = tmp_path / "home"
    env = {"HOME": str(tmp_path), "HOMARUS_HOME": str(home), "PATH": "/usr/bin:/bin"}
    async with Terminal([str(HOMARUS), "gateway", "run", "--port", "0"], env, tmp_path) as terminal:
        await terminal.shows("open http://127.0.0.1:")
        token = (home / "keys" / "gateway.token").read_text().strip()
        assert re.search(rf"open http://127\.0\.0\.1:\d+/#token={token}", terminal.written.decode())
        await terminal.type(CONTROL_C)


def test_a_log_is_not_told_the_token(shared_daemon: Daemon) -> None:
    assert shared_daemon.token not in shared_daemon.stderr_text()
    assert "#token" not in shared_daemon.stderr_text()
