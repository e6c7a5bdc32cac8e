"""Programs of agents do not use the owner's socket (attack case 38)."""

import json
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.kernel.net.ancestry import AGENT_VARIABLE, agent_behind
from tests.support.daemon import HOMARUS, Daemon
from tests.support.wire import WireClient

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells who holds a socket")

KNOCK = "import socket, sys; s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); sys.stdin.read()"

GRANDCHILD = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {KNOCK!r}, sys.argv[1]])"


@pytest.mark.parametrize(
    ("script", "env", "expected"),
    [
        (KNOCK, {}, ""),
        (GRANDCHILD, {}, ""),
        (KNOCK, {AGENT_VARIABLE: "scout"}, "scout"),
    ],
)
def test_a_descendant_and_a_marked_program_are_told(
    tmp_path: Path, script: str, env: dict[str, str], expected: str
) -> None:
    path = str(tmp_path / "s")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(path)
        listening.listen()
        program = subprocess.Popen([sys.executable, "-c", script, path], stdin=subprocess.PIPE, env=env)
        peer, _ = listening.accept()
        with peer:
            assert agent_behind(peer) == expected
        program.communicate(timeout=10)


def test_a_program_from_elsewhere_is_a_persons() -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX)
    with ours, theirs:
        assert agent_behind(ours) is None


AGENT = """
import subprocess, sys
homarus = sys.argv[1]
tries = ["approvals allow own-1", "config set policy.high allow", "sessions list"]
for args in map(str.split, tries):
    done = subprocess.run([homarus, *args, "--home", sys.argv[2]], capture_output=True, text=True)
    print(done.returncode, done.stderr.strip())
"""


async def test_an_agent_that_would_say_yes_to_itself_is_refused_and_recorded(tmp_path: Path) -> None:
    argv = json.dumps([sys.executable, "-c", AGENT, str(HOMARUS), str(tmp_path / "home")])
    config = f'[agents.entries.wild]\nruntime = "command"\nargv = {argv}\n'
    async with (
        Daemon(tmp_path, config=config) as daemon,
        await WireClient.open(daemon.ws_url, token=daemon.token) as client,
    ):
        await client.connect()
        ask = {"id": "own-1", "commandArgv": ["rm", "x"], "agentId": "wild", "twoPhase": True}
        await client.call("exec.approval.request", ask)
        send = {"sessionKey": "agent:wild:main", "message": "go", "idempotencyKey": "k"}
        await client.call("chat.send", send)
        final = await client.wait_event("chat", lambda payload: payload["state"] == "final", timeout_s=30)
        said = str(final["payload"]["message"]["content"][0]["text"])
        assert [line.split(" ")[0] for line in said.splitlines() if line.strip()] == ["77"] * 3, said
        assert (await client.call("approval.get", {"id": "own-1"}))["approval"]["status"] == "pending"
        assert "policy" not in (await client.call("config.get", {}))["parsed"]
        page = await client.call("audit.entries", {"action": "agent.ownersDoor"})
        assert [(row["actor"], row["outcome"]) for row in page["entries"]] == [("agent:wild", "refused")] * 3
