"""What this node says about itself when it connects: who it is, what it offers, what its owner allows."""

import os
from typing import Final

import msgspec

from device_node.commands import CommandTable
from device_node.config import PermissionSettings
from protocol.capability import WORK_LEDGER
from protocol.connect import ClientId, ClientInfo, ConnectAuth, ConnectParams
from protocol.scopes import Role
from protocol.version import PROTOCOL_VERSION, RELEASE

_WIRE_NAME: Final = {
    "camera": "camera",
    "microphone": "microphone",
    "screen": "screenRecording",
    "location": "location",
    "notifications": "notifications",
}
"""Permissions that travel, under the names OpenClaw's apps use; the others show in the list of commands."""


class Persona(msgspec.Struct, frozen=True, kw_only=True):
    """Who this device presents itself as."""

    client_id: ClientId
    platform: str
    """`linux`, `macos`, `windows`, or a label such as `iOS 18.4`; the command policy depends on it."""
    device_family: str
    model_identifier: str | None = None
    display_name: str
    instance_id: str
    """Stays the same over restarts."""


def wire_permissions(permissions: PermissionSettings) -> dict[str, bool]:
    """What the owner allows, by the names that travel."""
    return {wire: bool(getattr(permissions, name)) for name, wire in _WIRE_NAME.items()}


def connect_params(
    person: Persona, table: CommandTable, permissions: PermissionSettings, auth: ConnectAuth | None
) -> ConnectParams:
    """The `connect` request of this node; the device proof is added by the handshake."""
    return ConnectParams(
        min_protocol=PROTOCOL_VERSION,
        max_protocol=PROTOCOL_VERSION,
        client=ClientInfo(
            id=person.client_id,
            version=RELEASE,
            platform=person.platform,
            mode="node",
            display_name=person.display_name,
            device_family=person.device_family,
            model_identifier=person.model_identifier,
            instance_id=person.instance_id,
        ),
        role=Role.NODE.value,
        scopes=(),
        caps=(*table.capabilities, WORK_LEDGER),
        commands=table.names,
        permissions=wire_permissions(permissions),
        path_env=os.environ.get("PATH"),
        auth=auth,
    )
