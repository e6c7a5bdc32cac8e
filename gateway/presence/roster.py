"""Who is there, in memory: the gateway, everyone connected or just gone, and programs with beacons."""

from collections.abc import Iterator
from typing import Final

import msgspec

from gateway.kernel.net.origin import is_loopback
from gateway.kernel.rpc.context import LOCAL_USER, Principal
from protocol.nouns.presence import PresenceIdentity, PresenceRow, PresenceUser
from protocol.scopes import Role

KEPT_MS: Final = 5 * 60 * 1000
"""How long somebody who left, or a beacon nobody repeats, stays. Source: docs/concepts/presence.md."""

MAX_ROWS: Final = 200
"""Rows shown; the newest win. Source: the same page."""

UNTRACKED_MODES: Final = frozenset({"cli", "backend", "probe"})
"""Clients that come for one answer and go. Source: the same page."""


class _Present(msgspec.Struct):
    """One row and the connections it stands for; a beacon has none."""

    row: PresenceRow
    connections: dict[str, Principal] = msgspec.field(default_factory=dict[str, Principal])

    @property
    def shown(self) -> PresenceRow:
        """The row with what all connections of the device are for: a phone's app opens one for each role."""
        if not self.connections:
            return self.row
        principals = self.connections.values()
        roles = dict.fromkeys(principal.role for principal in principals)
        scopes = dict.fromkeys(scope.value for principal in principals for scope in principal.scopes)
        return msgspec.structs.replace(self.row, roles=list(roles), scopes=list(scopes) or None)


class Roster:
    """One row per device, else per program instance, else per connection."""

    def __init__(self, own: PresenceRow) -> None:
        self._own = own
        self._rows: dict[str, _Present] = {}
        self._keys: dict[str, str] = {}
        self._online: dict[str, tuple[int, set[str]]] = {}

    def enter(self, principal: Principal, now_ms: int) -> bool:
        """Somebody connected; false when such clients are not listed."""
        if principal.client.mode in UNTRACKED_MODES:
            return False
        key = _key_of(principal)
        present = self._rows.pop(key, None)
        connections = present.connections if present is not None else dict[str, Principal]()
        connections[principal.conn_id] = principal
        row = _row_of(principal, now_ms, self._come_online(principal, now_ms))
        self._rows[key] = _Present(row, connections)
        self._keys[principal.conn_id] = key
        return True

    def leave(self, principal: Principal, now_ms: int) -> bool:
        """A connection ended; false when it was not listed. The row stays a while, marked `disconnect`."""
        key = self._keys.pop(principal.conn_id, None)
        if key is None:
            return False
        self._go_offline(principal)
        present = self._rows[key]
        present.connections.pop(principal.conn_id, None)
        if not present.connections:
            present.row = msgspec.structs.replace(present.row, reason="disconnect", ts=now_ms)
        return True

    def report(self, row: PresenceRow) -> None:
        """A program reported itself; what it says is merged over what is known about it."""
        key = _beacon_key(row)
        present = self._rows.pop(key, None)
        if present is not None:
            row = msgspec.structs.replace(present.row, **dict(_said(row)))
        self._rows[key] = _Present(row, present.connections if present is not None else {})
        self._trim()

    def rows(self, now_ms: int) -> list[PresenceRow]:
        """The list as shown: the gateway first, then the newest; forgets who left long ago."""
        for key, present in list(self._rows.items()):
            if not present.connections and now_ms - present.row.ts > KEPT_MS:
                del self._rows[key]
        others = sorted(
            self._rows.values(), key=lambda present: (bool(present.connections), present.row.ts), reverse=True
        )
        own = msgspec.structs.replace(self._own, ts=now_ms)
        return [own, *(present.shown for present in others[: MAX_ROWS - 1])]

    def _trim(self) -> None:
        """Forget the oldest rows nobody is connected for, so that beacons cannot fill the memory."""
        idle = [key for key, present in self._rows.items() if not present.connections]
        for key in idle[: max(0, len(self._rows) - MAX_ROWS)]:
            del self._rows[key]

    def _come_online(self, principal: Principal, now_ms: int) -> int | None:
        """When the person's present time online began."""
        if principal.profile_id is None:
            return None
        since_ms, connections = self._online.get(principal.profile_id, (now_ms, set[str]()))
        connections.add(principal.conn_id)
        self._online[principal.profile_id] = (since_ms, connections)
        return since_ms

    def _go_offline(self, principal: Principal) -> None:
        if principal.profile_id is None:
            return
        _, connections = self._online.get(principal.profile_id, (0, set[str]()))
        connections.discard(principal.conn_id)
        if not connections:
            self._online.pop(principal.profile_id, None)


def _key_of(principal: Principal) -> str:
    return (principal.device_id or principal.client.instance_id or principal.conn_id).lower()


def _beacon_key(row: PresenceRow) -> str:
    return (row.device_id or row.instance_id or row.host or row.text or "").lower()


def _said(row: PresenceRow) -> Iterator[tuple[str, object]]:
    """The fields of a row that are there."""
    for name in row.__struct_fields__:
        value = getattr(row, name)
        if value is not None:
            yield name, value


def _row_of(principal: Principal, now_ms: int, online_since_ms: int | None) -> PresenceRow:
    client = principal.client
    host = client.display_name or client.id
    local = principal.remote_ip == LOCAL_USER or is_loopback(principal.remote_ip)
    profile = principal.profile_id
    kind = "Node" if principal.role is Role.NODE else "Client"
    return PresenceRow(
        ts=now_ms,
        host=host,
        ip=None if local else principal.remote_ip,
        version=client.version,
        platform=client.platform,
        device_family=client.device_family,
        model_identifier=client.model_identifier,
        time_zone=client.time_zone,
        mode=client.mode,
        reason="connect",
        text=f"{kind}: {host} · mode {client.mode}",
        device_id=principal.device_id,
        instance_id=principal.device_id if principal.role is Role.NODE else client.instance_id,
        roles=[principal.role],
        scopes=[scope.value for scope in principal.scopes] or None,
        user=PresenceUser(id=profile, identity=PresenceIdentity(type="profile", id=profile))
        if profile
        else None,
        online_since=online_since_ms,
    )
