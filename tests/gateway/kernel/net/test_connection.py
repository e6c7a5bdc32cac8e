"""What a client is told when the gateway itself fails at its door (case 16)."""

import json
from collections.abc import AsyncIterator

import pytest
from starlette.applications import Starlette
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from gateway.kernel.bus import Bus
from gateway.kernel.clock import SystemClock
from gateway.kernel.net.connection import INTERNAL_ERROR, Connection, Reception
from gateway.kernel.net.doorman import Doorman
from gateway.kernel.net.hello import HelloComposer, HelloSources
from gateway.kernel.net.hub import Hub
from gateway.kernel.net.origin import OriginPolicy
from gateway.kernel.net.server import Listener
from gateway.kernel.ports import Admitted
from gateway.kernel.rpc.context import PeerFacts
from gateway.kernel.rpc.dispatch import Dispatcher
from gateway.kernel.rpc.metrics import RpcMetrics
from gateway.kernel.rpc.refusals import Refusals
from gateway.kernel.rpc.router import Router
from gateway.kernel.supervisor import Supervisor
from protocol.connect import ConnectParams
from tests.support.audit import RecordedAudit
from tests.support.wire import connect_params


class BrokenAdmission:
    """Devices with a defect."""

    async def admit(self, params: ConnectParams, peer: PeerFacts) -> Admitted:
        raise ZeroDivisionError("inner detail", params, peer)


@pytest.fixture
async def url() -> AsyncIterator[str]:
    clock, hub, router, tasks = SystemClock(), Hub("boot"), Router(), Supervisor()
    reception = Reception(
        hub=hub,
        dispatcher=Dispatcher(router, tasks, clock.now_ms, RpcMetrics(), Refusals(RecordedAudit(), clock)),
        admission=BrokenAdmission(),
        hello=HelloComposer(HelloSources(), router, hub, clock, clock.now_ms()),
        doorman=Doorman(),
        tasks=tasks,
        bus=Bus(),
        clock=clock,
    )
    listener = Listener(
        lambda: OriginPolicy(scheme="http"), lambda peer, _: Connection(peer, reception), Starlette()
    )
    await listener.open("127.0.0.1", 0)
    yield f"ws://127.0.0.1:{listener.port}/"
    await listener.close()
    await tasks.close(1.0)


async def test_a_defect_at_the_door_is_answered_at_once_and_logged(
    url: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with connect(url) as client:
        await client.recv()
        connecting = {"type": "req", "id": "c", "method": "connect", "params": connect_params("token")}
        await client.send(json.dumps(connecting))
        answer = json.loads(await client.recv())
        with pytest.raises(ConnectionClosed):
            await client.recv()
    assert (answer["id"], answer["error"]["code"]) == ("c", "UNAVAILABLE")
    assert "homarus logs" in answer["error"]["message"]
    assert "inner detail" not in str(answer)
    assert client.close_code == INTERNAL_ERROR
    assert [record.message for record in caplog.records] == ["task connect failed"]
