"""The gateway's door: a defect at it is answered (case 16), a late withdrawal finds who came in (case 19)."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager

import msgspec
import pytest
from starlette.applications import Starlette
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from gateway.kernel.bus import Bus
from gateway.kernel.clock import SystemClock
from gateway.kernel.net.connection import INTERNAL_ERROR, Connection, Reception
from gateway.kernel.net.doorman import Doorman
from gateway.kernel.net.hello import HelloComposer, HelloSources, SurfaceAddresses
from gateway.kernel.net.hub import Hub
from gateway.kernel.net.local import LocalAdmission
from gateway.kernel.net.origin import OriginPolicy
from gateway.kernel.net.server import Listener
from gateway.kernel.ports import Admission, Admitted
from gateway.kernel.rpc.context import LOCAL_USER, PeerFacts
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


class WatchedAdmission:
    """Lets everybody in, and looks who is in the hub one turn of the loop later."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self.members: list[int] = []

    async def admit(self, params: ConnectParams, peer: PeerFacts) -> Admitted:
        asyncio.get_running_loop().call_soon(lambda: self.members.append(len(self._hub)))
        return await LocalAdmission(BrokenAdmission(), RecordedAudit()).admit(params, local(peer))


def local(peer: PeerFacts) -> PeerFacts:
    return msgspec.structs.replace(peer, remote_ip=LOCAL_USER)


@pytest.fixture
async def url() -> AsyncIterator[str]:
    async with door(Hub("boot"), BrokenAdmission(), HelloSources()) as url:
        yield url


@asynccontextmanager
async def door(hub: Hub, admission: Admission, sources: HelloSources) -> AsyncGenerator[str]:
    clock, router, tasks = SystemClock(), Router(), Supervisor()
    reception = Reception(
        hub=hub,
        dispatcher=Dispatcher(router, tasks, clock.now_ms, RpcMetrics(), Refusals(RecordedAudit(), clock)),
        admission=admission,
        hello=HelloComposer(sources, router, hub, clock, clock.now_ms()),
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


async def test_nothing_is_waited_for_between_admission_and_the_hub() -> None:
    """A withdrawal of authority closes whoever is in the hub; it must not fall into a gap before that."""

    async def slow_surfaces(_: ConnectParams) -> SurfaceAddresses:
        await asyncio.sleep(0.05)
        return lambda _, __: {"canvas": "http://here/"}

    hub = Hub("boot")
    admission = WatchedAdmission(hub)
    async with door(hub, admission, HelloSources(surfaces=slow_surfaces)) as url, connect(url) as client:
        await client.recv()
        connecting = {"type": "req", "id": "c", "method": "connect", "params": connect_params("token")}
        await client.send(json.dumps(connecting))
        answer = json.loads(await client.recv())
        assert answer["payload"]["pluginSurfaceUrls"] == {"canvas": "http://here/"}
    assert admission.members == [1]
