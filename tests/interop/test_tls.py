"""The official CLI over `wss://`, pinned to the certificate Homarus shows at its start (row S0.3-14)."""

import asyncio
from pathlib import Path

from tests.support.daemon import Daemon
from tests.support.openclaw import OpenClawCli, client_env, write_config

PATIENCE_S = 90


async def health_over_tls(home: Path, daemon: Daemon, fingerprint: str) -> tuple[int | None, str]:
    """Exit code and output of `openclaw gateway call health` for a remote gateway with this pin."""
    remote = {
        "url": f"wss://127.0.0.1:{daemon.port}",
        "token": daemon.token,
        "tlsFingerprint": fingerprint,
    }
    write_config(home, {"gateway": {"mode": "remote", "remote": remote}, "update": {"checkOnStart": False}})
    process = await asyncio.create_subprocess_exec(
        *OpenClawCli.argv("gateway", "call", "health"),
        env=client_env(home),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await asyncio.wait_for(process.communicate(), PATIENCE_S)
    return process.returncode, output.decode()


async def test_the_shown_fingerprint_lets_the_official_client_in_and_no_other_does(
    tmp_path: Path,
) -> None:
    async with Daemon(tmp_path / "gateway", config="[gateway.tls]\nenabled = true\n") as daemon:
        shown = [line for line in daemon.stderr_text().splitlines() if line.startswith("homarus tls sha256 ")]
        pin = shown[0].split()[-1]
        code, output = await health_over_tls(tmp_path / "right", daemon, pin)
        assert code == 0, output
        assert '"ok": true' in output
        code, output = await health_over_tls(tmp_path / "wrong", daemon, ":".join(["00"] * 32))
        assert code == 1
        assert "fingerprint mismatch" in output
