"""The nodes to choose from, with what is known of each now."""

from collections.abc import Collection, Sequence

from gateway.kernel.clock import Clock
from gateway.nodes.choose import Standing, choose
from gateway.nodes.failures import refused
from gateway.nodes.model import LiveNode, NodeRecord
from gateway.nodes.policy import CommandPolicy
from gateway.nodes.registry import NodeRegistry
from gateway.nodes.telemetry import Telemetry
from protocol.capability import Surface
from protocol.methods.node_route import NodeRouted


class NodeChooser:
    """Chooses a node for a command or a capability: `await chooser.for_command("canvas.present")`."""

    def __init__(
        self, registry: NodeRegistry, policy: CommandPolicy, telemetry: Telemetry, clock: Clock
    ) -> None:
        self._registry = registry
        self._policy = policy
        self._telemetry = telemetry
        self._clock = clock

    async def for_command(
        self,
        command: str,
        *,
        prefer: Sequence[str] = (),
        fallback: Sequence[str] = (),
        without: Collection[str] = (),
    ) -> NodeRouted:
        """The best node for a command; `without`: nodes that are out of the question."""
        records = [one for one in await self._registry.records() if one.node_id not in without]
        refusals = {record.node_id: self._command_refusal(record, command) for record in records}
        return await self._choose(command, records, refusals, prefer, fallback)

    async def for_capability(
        self, capability: str, *, prefer: Sequence[str] = (), fallback: Sequence[str] = ()
    ) -> NodeRouted:
        """The best node that has a capability."""
        records = await self._registry.records()
        refusals = {record.node_id: self._capability_refusal(record, capability) for record in records}
        return await self._choose(capability, records, refusals, prefer, fallback)

    async def _choose(
        self,
        what: str,
        records: Sequence[NodeRecord],
        refusals: dict[str, str | None],
        prefer: Sequence[str],
        fallback: Sequence[str],
    ) -> NodeRouted:
        able = [live for live in map(self._live, records) if live and refusals[live.node_id] is None]
        if len(able) > 1:
            await self._telemetry.refresh(able)
        standings = [self._standing(record, refusals[record.node_id]) for record in records]
        now_ms = self._clock.now_ms()
        return choose(what, standings, now_ms=now_ms, prefer=prefer, fallback=fallback)

    def _standing(self, record: NodeRecord, refusal: str | None) -> Standing:
        live = self._live(record)
        if refusal is not None:
            return Standing(node_id=record.node_id, name=record.name, able="never", why_not=refusal)
        if live is None:
            return Standing(node_id=record.node_id, name=record.name, able="later", why_not="not connected")
        return Standing(
            node_id=record.node_id,
            name=record.name,
            able="now",
            battery=live.battery,
            stats=live.host_stats,
            latency_ms=live.latency_ms,
            active_ms=live.active_ms,
        )

    def _live(self, record: NodeRecord) -> LiveNode | None:
        live = self._registry.live(record.node_id)
        return live if live is not None and live.settled.done() else None

    def _surfaces(self, record: NodeRecord) -> tuple[Surface, Surface]:
        """What it claims and what it may, connected or, as far as that is known, not."""
        live = self._live(record)
        if live is not None:
            return live.claimed, live.effective
        approved = record.approved or Surface()
        return approved, approved

    def _command_refusal(self, record: NodeRecord, command: str) -> str | None:
        live = self._live(record)
        claimed, effective = self._surfaces(record)
        facts = live.facts if live is not None else record.facts
        by_policy = self._policy.refusal(command, facts, claimed)
        if by_policy is None and command in effective.commands:
            return None
        return str(refused(command, by_policy, claimed).details["reason"])

    def _capability_refusal(self, record: NodeRecord, capability: str) -> str | None:
        claimed, effective = self._surfaces(record)
        if capability in effective.caps:
            return None
        return "capability not approved" if capability in claimed.caps else "capability not declared by node"
