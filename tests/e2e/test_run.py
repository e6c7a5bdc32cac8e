"""`./scripts/run`: one command from a checkout to a gateway that answers (row S0.3-1)."""

import asyncio
import os
import signal
from pathlib import Path

import httpx

from tests.support.wire import WireClient

ROOT = Path(__file__).parents[2]


async def test_the_run_script_serves_and_listens_on_this_machine_only(tmp_path: Path) -> None:
    env = {**os.environ, "HOMARUS_HOME": str(tmp_path / "home")}
    env.pop("HOMARUS_TOKEN", None)
    process = await asyncio.create_subprocess_exec(
        str(ROOT / "scripts" / "run"),
        "--port",
        "0",
        env=env,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        assert process.stdout is not None
        line = b""
        while not line.startswith(b"homarus ready "):
            line = await asyncio.wait_for(process.stdout.readline(), 120)
            assert line, "the script ended before the gateway was ready"
        url = line.decode().split()[2]
        async with httpx.AsyncClient() as client:
            assert (await client.get(f"{url}readyz")).status_code == 200
            assert "Homarus" in (await client.get(url)).text
        token = (tmp_path / "home" / "keys" / "gateway.token").read_text().strip()
        assert len(token) >= 32
        wire = await WireClient.open(url.replace("http", "ws"), token=token)
        await wire.connect()
        assert (await wire.call("health", {}))["ok"] is True
        await wire.close()
        assert listeners(process.pid) <= {"127.0.0.1"}
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), 15) == 0


def listeners(group: int) -> set[str]:
    """Addresses the processes of a group listen on. Source: proc(5), net/tcp and fd."""
    inodes: set[str] = set()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and group_of(entry) == group:
            inodes |= {str(link.readlink()) for link in (entry / "fd").iterdir()}
    addresses: set[str] = set()
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if fields[3] == "0A" and f"socket:[{fields[9]}]" in inodes:
            raw = bytes.fromhex(fields[1].partition(":")[0])
            addresses.add(".".join(str(byte) for byte in reversed(raw)))
    return addresses


def group_of(entry: Path) -> int:
    """Process group of a `/proc` entry; -1 when it is gone."""
    try:
        return int((entry / "stat").read_text().rpartition(")")[2].split()[2])
    except OSError:
        return -1
