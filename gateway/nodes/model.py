"""What is kept about nodes, and what a connected one is."""

import asyncio
from typing import Annotated

import msgspec
from msgspec import Meta

from gateway.kernel.net.origin import is_loopback
from gateway.kernel.rpc.context import Principal
from protocol.capability import Surface
from protocol.commands.device import Battery
from protocol.connect import ConnectParams
from protocol.nouns.node import HostStats, NodePluginTool, NodeSkill

NOTHING = Surface()
"""What a node may do before anybody approved anything."""


class NodeFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What a node says about itself."""

    client_id: str
    client_mode: str
    version: str
    platform: str
    display_name: str | None = None
    device_family: str | None = None
    model_identifier: str | None = None
    remote_ip: str | None = None
    """None for a node on the gateway's own machine."""
    path_env: Annotated[str, Meta(max_length=8192)] | None = None

    @classmethod
    def of(cls, claims: ConnectParams, remote_ip: str | None) -> "NodeFacts":
        """The facts in a connect request."""
        client = claims.client
        return cls(
            client_id=client.id,
            client_mode=client.mode,
            version=client.version,
            platform=client.platform,
            display_name=client.display_name,
            device_family=client.device_family,
            model_identifier=client.model_identifier,
            remote_ip=remote_ip,
            path_env=claims.path_env[:8192] if claims.path_env else None,
        )


class NodeRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One row."""

    node_id: str
    facts: NodeFacts
    created_ms: int
    label: str | None = None
    """Its owner's name for it; wins over the node's own."""
    approved: Surface | None = None
    approved_ms: int | None = None
    connected_ms: int | None = None
    """When it last connected."""
    disconnected_ms: int | None = None
    seen_ms: int | None = None
    seen_reason: str | None = None
    host_stats: HostStats | None = None

    @property
    def name(self) -> str:
        """For people."""
        return self.label or self.facts.display_name or self.node_id[:12]


class SurfaceRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A surface that waits for an approval."""

    request_id: str
    node_id: str
    surface: Surface
    silent: bool
    """True when no person let the node's device in."""
    asked_ms: int


class LiveNode:
    """A connected node. Until `settled` is done it may do nothing."""

    def __init__(self, principal: Principal, claims: ConnectParams, connected_ms: int) -> None:
        self.principal = principal
        # Of a node on this machine, its address says nothing.
        remote_ip = None if is_loopback(principal.remote_ip) else principal.remote_ip
        self.facts = NodeFacts.of(claims, remote_ip)
        self.claimed = Surface.claimed(claims)
        self.connected_ms = connected_ms
        self.effective = NOTHING
        """Claimed, approved and allowed, all at once."""
        self.approved = False
        """Whether a person approved anything for it."""
        self.waits = False
        """Whether it offers something that nobody has decided on."""
        self.host_stats: HostStats | None = None
        self.active_ms: int | None = None
        """When its person was last active on it."""
        self.presence_ms: int | None = None
        self.alive_ms = 0
        """When a sign of life was last stored."""
        self.stats_kept_ms = 0
        """When figures of its load were last stored."""
        self.tools: tuple[NodePluginTool, ...] = ()
        self.skills: tuple[NodeSkill, ...] = ()
        self.latency_ms: float | None = None
        """Smoothed time of its answers, for choosing among nodes."""
        self.battery: Battery | None = None
        """As it last said."""
        self.battery_ms = 0
        """When it said so, or was last asked."""
        self.settled: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @property
    def node_id(self) -> str:
        """The device id; only paired devices become nodes."""
        assert self.principal.device_id is not None  # noqa: S101 - admission gives every node one
        return self.principal.device_id

    @property
    def conn_id(self) -> str:
        """Its connection."""
        return self.principal.conn_id
