"""The node as a whole: settings, identity, commands and the way to the gateway, put together."""

import asyncio
import logging
import os
import signal
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import msgspec

from device_node.commands import CommandFailed
from device_node.config import NodeConfig
from device_node.connector import Connector, Session
from device_node.control import Question, listening
from device_node.destination import Destination, destination
from device_node.events import NodeEvents
from device_node.failure import Misused, NodeError
from device_node.home import NodeHome
from device_node.identity import load_identity
from device_node.ledger import Ledger
from device_node.lending import Lending
from device_node.offering import Offering, offering
from device_node.pending import PendingWork
from device_node.profiles import Surroundings, profile_of
from device_node.service import Service
from device_node.stats import rss_bytes
from device_node.status import NodeStatus
from device_node.supervisor import Supervisor
from device_node.surface import connect_params
from device_node.tokens import TokenStore
from device_node.workshop import Workshop, now_ms
from protocol.commands.host import McpToolsCall
from protocol.connect import ConnectAuth, ConnectParams
from protocol.nouns.node import NodePluginTool

LOOK_S: Final = 5.0
"""Between two looks at `node.toml`; the command line tells at once."""

REAP_S: Final = 3600.0
"""Between two rounds of forgetting old work."""

STOP_S: Final = 5.0
"""What the commands under way have to end in."""

Settings = Callable[[], NodeConfig]
"""Reads the settings as they are now, with what the command line lays over them."""

logger = logging.getLogger(__name__)


class NodeApp:
    """One node. `run` returns after SIGTERM or SIGINT."""

    def __init__(self, home: NodeHome, settings: Settings, env: Mapping[str, str] = os.environ) -> None:
        """Put the parts together; the device key and the ledger are made when they are missing.

        Raises:
            NodeError: when a setting is wrong or a file is damaged.
        """
        self._home, self._settings, self._env = home, settings, env
        self._config = settings()
        self._identity = load_identity(home.key_path)
        self._tokens = TokenStore(home.tokens_path)
        self._tasks = Supervisor()
        self._events = NodeEvents(self._tasks)
        self._profile = profile_of(self._config)
        self._permissions = dict(_permissions(self._config))
        self._offering = self._look()
        self._ledger = Ledger(home.ledger_path)
        self._workshop = Workshop(
            node_id=self._identity.device_id,
            ledger=self._ledger,
            table=lambda: self._offering.table,
            gate=self._refusal,
            tasks=self._tasks,
        )
        self.status = NodeStatus(
            device_id=self._identity.device_id, display_name="", profile=self._config.profile, pid=os.getpid()
        )
        self._lending = Lending(self._tools, self._tasks)
        self._service = Service(
            status=self.status,
            workshop=self._workshop,
            pending=PendingWork(self._workshop, self._refusal),
            events=self._events,
            tasks=self._tasks,
            lend=self._lending.begin,
        )
        self._connector = Connector(
            identity=self._identity,
            tokens=self._tokens,
            destination=self._destination,
            params=self._params,
            session=Session(self._service.begin, self._service.heard, self._service.end),
            status=self.status,
        )
        self._stopping = asyncio.Event()

    async def run(self, ready: Callable[[NodeStatus], None]) -> None:
        """Serve until a signal says stop; `ready` is called once the command line can reach the node."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stopping.set)
        loop.add_signal_handler(signal.SIGHUP, lambda: self._tasks.spawn("reload", self.reload()))
        interrupted = self._ledger.close_interrupted()
        if interrupted:
            logger.warning("%d commands were interrupted when the node stopped last", interrupted)
        self._show()
        async with listening(self._home.socket_path, self._answer):
            ready(self.status)
            self._tasks.spawn("watch the settings", self._watch())
            self._tasks.spawn("forget old work", self._reap())
            connecting = self._tasks.spawn("connect", self._connector.run())
            stopping = self._tasks.spawn("wait for a signal", self._stopping.wait())
            await asyncio.wait([connecting, stopping], return_when=asyncio.FIRST_COMPLETED)
        await self._close()

    async def reload(self) -> None:
        """Take over the settings of now; reconnect when that changes what this node says of itself."""
        try:
            config = self._settings()
        except NodeError as error:
            logger.warning("the settings stay as they were: %s", error)
            self.status.last_error, self.status.next_step = error.what, error.next_step
            return
        if config == self._config:
            return
        before = self._params(None), self._config.gateway
        if config.profile != self._config.profile:
            self._profile = profile_of(config)
        self._config = config
        self._permissions.update(_permissions(config))
        old, self._offering = self._offering, self._look()
        await old.providers.close()
        self._lending.refresh()
        self._show()
        if before != (self._params(None), config.gateway):
            logger.info("the settings changed; connecting again")
            await self._connector.reconnect("settings changed")

    # What the local command line asks

    async def _answer(self, question: Question) -> NodeStatus:
        if question.ask == "reload":
            await self.reload()
        elif question.ask == "posture":
            await self._take_posture(question)
        self.status.running, self.status.done = self._workshop.running, self._workshop.done
        self.status.rss_bytes = rss_bytes()
        return self.status

    async def _take_posture(self, question: Question) -> None:
        from device_node.profiles.phone import Phone

        if not isinstance(self._profile, Phone) or question.posture is None:
            raise Misused("this node is no simulated phone", 'set profile = "phone" in node.toml')
        self._profile.posture = self.status.posture = question.posture
        if question.posture == "asleep":
            await self._connector.sleep()
            return
        self._connector.rouse()
        if question.posture == "foreground":
            self._service.fetch()

    # Parts of the composition

    def _refusal(self, command: str) -> CommandFailed | None:
        return self._profile.refusal(command)

    def _destination(self) -> Destination:
        return destination(self._config.gateway, self._home, self._tokens, self._env)

    def _params(self, auth: ConnectAuth | None) -> ConnectParams:
        person = self._profile.person(self._identity.device_id, self._config)
        return connect_params(person, self._offering.table, self._config.permissions, auth)

    def _look(self) -> Offering:
        """What works here and is allowed now."""
        around = Surroundings(
            home=self._home,
            config=self._config,
            permissions=self._permissions,
            send_event=self._events.send,
            deliver=self._events.deliver,
            canvas_url=self._events.canvas_url,
        )
        return offering(self._profile, around)

    async def _tools(self) -> list[NodePluginTool]:
        mcp = self._offering.providers.mcp
        if mcp is None or McpToolsCall.wire_name not in self._offering.table.names:
            return []
        return await mcp.tools()

    def _show(self) -> None:
        """Bring the status up to date with the settings."""
        person = self._profile.person(self._identity.device_id, self._config)
        self.status.display_name = person.display_name
        self.status.profile = self._config.profile
        self.status.caps = self._offering.table.capabilities
        self.status.commands = self._offering.table.names
        self.status.posture = getattr(self._profile, "posture", None)

    async def _watch(self) -> None:
        seen = _stamp(self._home.config_path)
        while True:
            await asyncio.sleep(LOOK_S)
            now = _stamp(self._home.config_path)
            if now != seen:
                seen = now
                await self.reload()

    async def _reap(self) -> None:
        while True:
            gone = await self._workshop.reap(now_ms())
            if gone:
                logger.info("%d pieces of old work are forgotten", gone)
            await asyncio.sleep(REAP_S)

    async def _close(self) -> None:
        await self._connector.close()
        await self._tasks.close(STOP_S)
        await self._offering.providers.close()
        self._workshop.close()
        self._ledger.close()


def _permissions(config: NodeConfig) -> dict[str, bool]:
    return msgspec.structs.asdict(config.permissions)


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size
