"""Bounds of `gateway.limits` hold, and change without a restart (row S0.3-7)."""

import asyncio
from pathlib import Path

import httpx
import pytest

from tests.cli.command import ask_async
from tests.support.daemon import Daemon
from tests.support.wire import RpcError, WireClient


async def enter(daemon: Daemon) -> WireClient:
    client = await WireClient.open(daemon.ws_url, token=daemon.token)
    await client.connect()
    return client


async def test_one_connection_too_many_is_told_to_come_back_and_the_owner_gets_in(tmp_path: Path) -> None:
    async with Daemon(tmp_path, config="[gateway.limits]\nmax_connections = 2\n") as daemon:
        inside = [await enter(daemon) for _ in range(2)]
        late = await WireClient.open(daemon.ws_url, token=daemon.token)
        with pytest.raises(RpcError, match="as many connections as it takes") as refused:
            await late.connect()
        assert (refused.value.code, refused.value.retryable) == ("UNAVAILABLE", True)
        await asyncio.wait_for(late.socket.wait_closed(), 10)
        assert late.socket.close_code == 1013
        assert (await ask_async(daemon, "gateway", "health")).code == 0
        await inside.pop().close()
        inside.append(await enter(daemon))
        raised = await ask_async(daemon, "config", "set", "gateway.limits.max_connections", "3")
        assert raised.code == 0, raised.err
        inside.append(await enter(daemon))
        for client in inside:
            await client.close()


async def test_requests_of_one_connection_are_bounded(tmp_path: Path) -> None:
    config = "[gateway.limits]\nmax_requests_per_connection = 2\n"
    async with Daemon(tmp_path, config=config) as daemon:
        client = await enter(daemon)
        waiting = [
            asyncio.create_task(client.call("exec.approval.request", {"id": f"a{n}", "command": "x"}))
            for n in range(2)
        ]
        for _ in waiting:
            await client.wait_event("exec.approval.requested")
        with pytest.raises(RpcError, match="more than 2 requests") as refused:
            await client.call("exec.approval.list", {})
        assert refused.value.retryable is True
        assert (await client.call("health", {}))["ok"] is True, "what needs no task is answered all the same"
        for task in waiting:
            task.cancel()
        await asyncio.wait(waiting)
        await client.close()


async def test_an_edit_that_waits_for_a_restart_changes_nothing_before_it(daemon: Daemon) -> None:
    edited = await ask_async(daemon, "config", "set", "gateway.tls.enabled", "true")
    assert edited.code == 0, edited.err
    own_page = {"Origin": daemon.url}
    async with httpx.AsyncClient(base_url=daemon.url) as http:
        assert (await http.get("/healthz", headers=own_page)).status_code == 200
        foreign = {"Origin": daemon.url.replace("http", "https")}
        assert (await http.get("/healthz", headers=foreign)).status_code == 403
