"""Tools that look around: the clock, the gateway itself, who and what is connected."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
from msgspec import Meta

from gateway.agents.model import AgentProfile
from gateway.agents.tools import Tool, ToolContext, ToolRegistry
from gateway.kernel.clock import Clock
from gateway.kernel.health import HealthBoard
from gateway.kernel.net.hub import Hub
from gateway.sessions.model import Session
from protocol.errors import InvalidRequest
from protocol.nouns.device import PairedDevice
from protocol.scopes import Scope
from protocol.version import RELEASE

MAX_LISTED: Final = 50
"""Rows one answer may hold; a person asks again with a name for the rest."""

Limit = Annotated[int, Meta(ge=1, le=MAX_LISTED, description="How many at most.")]


class Nothing(msgspec.Struct, forbid_unknown_fields=True):
    """No arguments."""


class TimeArgs(msgspec.Struct):
    """When it is."""

    zone: Annotated[str, Meta(description="IANA time zone such as Europe/Vienna; empty: the gateway's.")] = ""


class Search(msgspec.Struct):
    """A list, narrowed by a word."""

    query: Annotated[str, Meta(description="Part of a name, title or key; empty: all.", max_length=200)] = ""
    limit: Limit = 20


class Surroundings(msgspec.Struct, frozen=True, kw_only=True):
    """What the tools look at."""

    clock: Clock
    hub: Hub
    health: HealthBoard
    sessions: Callable[[int, str], Awaitable[tuple[Sequence[Session], int]]]
    """`(limit, search)` to the latest sessions and how many match."""
    devices: Callable[[], Awaitable[Sequence[PairedDevice]]]
    agents: Callable[[], Sequence[AgentProfile]]
    started_ms: int


class HouseTools:
    """Looks around in the gateway."""

    def __init__(self, around: Surroundings) -> None:
        self._around = around

    async def time(self, _: ToolContext, args: TimeArgs) -> dict[str, object]:
        """Date and time."""
        now_ms = self._around.clock.now_ms()
        moment = datetime.fromtimestamp(now_ms / 1000, UTC).astimezone(_zone(args.zone))
        return {
            "iso": moment.isoformat(timespec="seconds"),
            "date": moment.date().isoformat(),
            "time": moment.strftime("%H:%M:%S"),
            "weekday": moment.strftime("%A"),
            "zone": args.zone or moment.tzname(),
            "unixMs": now_ms,
        }

    async def status(self, _: ToolContext, _args: Nothing) -> dict[str, object]:
        """The state of the gateway."""
        around = self._around
        parts = around.health.parts()
        return {
            "version": RELEASE,
            "ok": all(part.ok for part in parts.values()),
            "uptimeMs": around.clock.now_ms() - around.started_ms,
            "connections": len(around.hub.principals()),
            "agents": len(around.agents()),
            "parts": [{"name": name, "ok": part.ok, "detail": part.detail} for name, part in parts.items()],
        }

    async def presence(self, _: ToolContext, args: Search) -> dict[str, object]:
        """Who is connected."""
        rows = [
            {
                "name": principal.client.display_name or principal.client.id,
                "client": principal.client.id,
                "mode": principal.client.mode,
                "role": principal.role.value,
                "platform": principal.client.platform,
                "deviceId": principal.device_id,
                "address": principal.remote_ip,
            }
            for principal in self._around.hub.principals()
        ]
        found = _matching(rows, args.query, ("name", "client", "platform", "deviceId"))
        return {"connected": found[: args.limit], "total": len(found)}

    async def devices(self, _: ToolContext, args: Search) -> dict[str, object]:
        """Paired devices."""
        rows = device_rows(await self._around.devices())
        found = _matching(rows, args.query, ("id", "name", "platform"))
        return {"devices": found[: args.limit], "total": len(found)}

    async def sessions(self, context: ToolContext, args: Search) -> dict[str, object]:
        """Conversations."""
        found, total = await self._around.sessions(args.limit, args.query)
        rows = [
            {
                "key": session.key,
                "title": session.label or session.title or session.display_name,
                "agentId": session.agent_id,
                "channel": session.channel,
                "preview": session.preview,
                "updatedMs": session.updated_ms,
                "current": session.key == context.session_key,
            }
            for session in found
        ]
        return {"sessions": rows, "total": total}

    async def agents(self, context: ToolContext, _: Nothing) -> dict[str, object]:
        """The agents of this gateway."""
        rows = [
            {
                "id": profile.id,
                "name": profile.name,
                "runtime": profile.runtime,
                "model": profile.model,
                "current": profile.id == context.agent_id,
            }
            for profile in self._around.agents()
        ]
        return {"agents": rows[:MAX_LISTED], "total": len(rows)}


def device_rows(devices: Sequence[PairedDevice]) -> list[dict[str, Any]]:
    """Paired devices as agents read them."""
    return [
        {
            "id": device.device_id,
            "name": device.operator_label or device.display_name or device.client_id,
            "platform": device.platform,
            "roles": [role.value for role in device.roles],
            "connected": bool(device.connected),
            "lastSeenMs": device.last_seen_at_ms,
            "pairedMs": device.approved_at_ms,
        }
        for device in devices
    ]


def add_house_tools(registry: ToolRegistry, around: Surroundings) -> None:
    """Fill the registry with the tools of this module."""
    house = HouseTools(around)
    _add_gateway_tools(registry, house)
    _add_list_tools(registry, house)


def _add_gateway_tools(registry: ToolRegistry, house: HouseTools) -> None:
    registry.add(
        Tool(
            name="time",
            title="Time",
            description="Current date, time and weekday.",
            params=TimeArgs,
            run=house.time,
            needs=Scope.READ,
        )
    )
    registry.add(
        Tool(
            name="gateway_status",
            title="Gateway status",
            description="Version, uptime, number of connections, and which parts of the gateway work or not.",
            params=Nothing,
            run=house.status,
            needs=Scope.READ,
            group="gateway",
        )
    )
    registry.add(
        Tool(
            name="presence",
            title="Who is connected",
            description="Clients and device nodes connected right now.",
            params=Search,
            run=house.presence,
            needs=Scope.READ,
            group="gateway",
        )
    )


def _add_list_tools(registry: ToolRegistry, house: HouseTools) -> None:
    registry.add(
        Tool(
            name="devices_list",
            title="Devices",
            description="Paired devices with platform, roles, whether they are connected and when last seen.",
            params=Search,
            run=house.devices,
            needs=Scope.READ,
            group="gateway",
        )
    )
    registry.add(
        Tool(
            name="sessions_list",
            title="Conversations",
            description="The latest conversations of the person with all agents, newest first.",
            params=Search,
            run=house.sessions,
            needs=Scope.READ,
            group="gateway",
        )
    )
    registry.add(
        Tool(
            name="agents_list",
            title="Agents",
            description="The agents of this gateway with their model.",
            params=Nothing,
            run=house.agents,
            needs=Scope.READ,
            group="gateway",
        )
    )


def _matching(
    rows: Sequence[Mapping[str, object]], query: str, fields: tuple[str, ...]
) -> Sequence[Mapping[str, object]]:
    wanted = query.strip().casefold()
    if not wanted:
        return rows
    return [row for row in rows if any(wanted in str(row[field] or "").casefold() for field in fields)]


def _zone(name: str) -> ZoneInfo | None:
    """None is the machine's own zone."""
    if not name:
        return None
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise InvalidRequest(f"zone: {name[:64]!r} is not a known time zone", {"field": "zone"}) from error
