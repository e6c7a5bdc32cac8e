"""A node beside its gateway needs no settings: it finds port and certificate (rows S1.B-5, S0.3-4)."""

from pathlib import Path

import pytest

from tests.support.daemon import Daemon
from tests.support.node import NodeProcess, running


@pytest.mark.parametrize("config", ["", "[gateway.tls]\nenabled = true\n"], ids=["plain", "tls"])
async def test_a_node_of_the_same_home_finds_the_gateway(tmp_path: Path, config: str) -> None:
    # No token on the command line: the node takes the one the gateway made for this home.
    daemon = Daemon(tmp_path, token=None, config=config)
    async with daemon:
        where = daemon.home / "gateway.json"
        assert where.stat().st_mode & 0o777 == 0o600
        node = NodeProcess(tmp_path)
        async with running(node):
            status = await node.until(lambda status: status.surface == "waiting")
            assert str(daemon.port) in (status.gateway or "")
            await daemon.restart()
            await node.until(lambda status: status.surface == "waiting")
    assert not where.exists()
