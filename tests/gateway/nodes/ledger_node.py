"""A scripted node that keeps a ledger of work, as our own nodes do, and counts what it really does."""

import json
from collections import Counter
from types import TracebackType
from typing import Any, Self

from tests.support.daemon import Daemon
from tests.support.nodes import Failure, Gateway, ScriptedNode
from tests.support.wire import DeviceKey, Json, WireClient

COMMAND = "system.notify"

HOMARUS: Json = {
    "id": "openclaw-ios",
    "displayName": "phone",
    "platform": "iOS 18.4",
    "deviceFamily": "iPhone",
}


class LedgerNode(ScriptedNode):
    """Does each id once, whatever is delivered how often; the ledger outlives every connection."""

    def __init__(self, gateway: Gateway, *, key: DeviceKey | None = None, **more: Any) -> None:
        """Prepare a node with the capability `work-ledger`."""
        commands = more.pop("commands", [COMMAND, "device.info", "camera.list"])
        caps = more.pop("caps", ["device", "camera", "work-ledger"])
        super().__init__(
            gateway, caps=caps, commands=commands, client=more.pop("client", HOMARUS), key=key, **more
        )
        self.ledger: dict[str, Json] = {}
        """Outcome by id of work."""
        self.effects: Counter[str] = Counter()
        """How often each id was really done."""
        self.order: list[str] = []
        """Titles in the order in which they were done."""

    def do(self, request: Json) -> Json:
        """Do a piece of work, unless the ledger has it; returns its outcome."""
        work_id = request["id"]
        if work_id not in self.ledger:
            self.effects[work_id] += 1
            params = json.loads(request.get("paramsJSON") or "{}")
            self.order.append(params.get("title", ""))
            self.ledger[work_id] = {"shown": params.get("title")}
        return self.ledger[work_id]

    async def report(self, work_id: str) -> Json:
        """Send the outcome the ledger has."""
        return await self.answer({"id": work_id, "nodeId": self.id}, self.ledger[work_id])

    async def fail(self, work_id: str, code: str, message: str) -> Json:
        """Say that it could not be done."""
        return await self.answer({"id": work_id, "nodeId": self.id}, Failure(code, message))

    async def pull(self) -> list[Json]:
        """Fetch what waits."""
        pulled = await self.wire.call("node.pending.pull", {})
        assert pulled["nodeId"] == self.id
        return pulled["actions"]

    async def ack(self, *ids: str) -> Json:
        """Say that these are on the disk."""
        return await self.wire.call("node.pending.ack", {"ids": list(ids)})


class Rig:
    """A gateway, an administrator, and nodes that were approved and have left again."""

    def __init__(self, daemon: Daemon, *nodes: ScriptedNode) -> None:
        self.daemon = daemon
        self.nodes = nodes
        self._admin: WireClient | None = None

    @property
    def admin(self) -> WireClient:
        """The administrator's connection of now."""
        assert self._admin is not None, "enter the rig first"
        return self._admin

    async def __aenter__(self) -> Self:
        """Approve the nodes."""
        await self._look()
        for node in self.nodes:
            await node.connect()
            await node.approved_by(self.admin)
            await node.close()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave; after a test that passed, in order."""
        for client in (*self.nodes, self.admin):
            if kind is None:
                await client.close()
            elif isinstance(client, WireClient):
                await client.abort()
            else:
                await client.drop()

    async def killed(self) -> None:
        """Kill the gateway and start it again."""
        self.daemon.kill()
        await self.admin.abort()
        await self.daemon.start()
        await self._look()

    async def _look(self) -> None:
        self._admin = await WireClient.open(self.daemon.ws_url, token=self.daemon.token)
        await self.admin.connect()

    async def submit(self, node: ScriptedNode | None, title: str = "hello", **more: Any) -> Json:
        """`node.work.submit` of a notification under a key of its own."""
        call: Json = {
            "command": COMMAND,
            "params": {"title": title, "body": "b"},
            "idempotencyKey": DeviceKey().id,
            **({"nodeId": node.id} if node is not None else {}),
            **more,
        }
        return await self.admin.call("node.work.submit", call)

    async def work(self, work_id: str) -> Json:
        """`node.work.get`."""
        return await self.admin.call("node.work.get", {"id": work_id})

    async def reached(self, work_id: str, state: str) -> Json:
        """Wait until work has reached a state; returns it as it is then."""
        mark = self.admin.mark()
        while (now := await self.work(work_id))["state"] != state:
            await self.admin.wait_event("node.work", lambda payload: payload["id"] == work_id, since=mark)
            mark = self.admin.mark()
        return now
