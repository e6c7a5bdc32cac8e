"""The channel registry over the running daemon, and with a connector in it (rows S1.B-8, DC-4)."""

from pathlib import Path

import pytest

from gateway.channels.service import ChannelRegistry
from gateway.kernel.rpc.idempotency import IdempotentCalls
from gateway.kernel.store.db import Database
from gateway.kernel.store.migrate import load_migrations
from protocol.errors import JsonValue, NotFound
from protocol.methods.channels import ChannelAccountStatus, MessageAction
from tests.support.clock import FakeClock
from tests.support.daemon import Daemon
from tests.support.wire import RpcError, WireClient


class PostOffice:
    """A connector at the registry's seam: it remembers what it was asked to do."""

    id = "post"
    label = "Post office"

    def __init__(self) -> None:
        self.acted: list[str] = []

    async def accounts(self, *, probe: bool) -> list[ChannelAccountStatus]:
        return [
            ChannelAccountStatus(
                account_id="default", enabled=True, configured=True, running=probe, connected=probe
            )
        ]

    async def act(self, call: MessageAction) -> JsonValue:
        self.acted.append(call.action)
        return {"ok": True}


async def test_a_fresh_gateway_has_no_channels_and_says_so(shared_daemon: Daemon) -> None:
    async with await WireClient.open(shared_daemon.ws_url, token=shared_daemon.token) as client:
        await client.connect()
        status = await client.call("channels.status", {"probe": False, "timeoutMs": 5000})
        assert (status["channelOrder"], status["channels"], status["channelAccounts"]) == ([], {}, {})
        assert status["ts"] > 0
        with pytest.raises(RpcError, match="telegram is not set up"):
            await client.call(
                "message.action",
                {"channel": "telegram", "action": "send", "params": {"to": "1"}, "idempotencyKey": "k1"},
            )


async def test_a_connector_is_listed_and_acted_through(tmp_path: Path) -> None:
    office = PostOffice()
    db = await Database.open(tmp_path / "state.db", load_migrations("kernel", "gateway.kernel.rpc"))
    registry = ChannelRegistry(IdempotentCalls(db, FakeClock()), FakeClock())
    registry.join(office)
    status = await registry.statuses(None, probe=True)
    assert status.channel_order == ["post"]
    assert status.channel_default_account_id == {"post": "default"}
    assert status.channels == {"post": {"configured": True, "running": True}}
    call = MessageAction(channel="post", action="send", params={}, idempotency_key="k")
    assert await registry.act("device-1", call) == {"ok": True}
    assert await registry.act("device-1", call) == {"ok": True}
    assert office.acted == ["send"]
    await registry.act("device-2", call)
    assert office.acted == ["send", "send"]
    with pytest.raises(NotFound, match="telegram"):
        await registry.statuses("telegram", probe=False)
    with pytest.raises(TypeError, match="two connectors"):
        registry.join(PostOffice())
    await db.close()
