"""What this node offers: the commands that work here and that its owner allows."""

from typing import Final

import msgspec

from device_node.commands import CommandTable
from device_node.config import PermissionSettings
from device_node.profiles import Profile, Surroundings
from device_node.providers import Providers
from protocol.method import COMMANDS

_PERMISSION_OF: Final = {
    "camera": "camera",
    "canvas": "canvas",
    "fs": "files",
    "location": "location",
    "mcp": "mcp",
    "screen": "screen",
    "system": "system_run",
    "talk": "microphone",
}
"""Family of a command to the permission of the owner it needs. Those of `device` need none."""


class Offering(msgspec.Struct, frozen=True):
    """The commands, and what does them."""

    table: CommandTable
    providers: Providers
    denied: tuple[str, ...]
    """Commands that would work here if their owner allowed them."""


def offering(profile: Profile, around: Surroundings) -> Offering:
    """Look at this machine and at the settings; a few milliseconds."""
    providers = profile.providers(around)
    working, table = CommandTable(), CommandTable()
    for offer in providers.offers:
        works = {name: offer.only is None or offer.only.get(name, False) for name in COMMANDS}
        working.add(offer.provider, only=works)
        allowed = {name: works[name] and _allowed(name, around.config.permissions) for name in works}
        table.add(offer.provider, only=allowed)
    denied = tuple(name for name in working.names if name not in table.names)
    return Offering(table, providers, denied)


def permission_of(command: str) -> str | None:
    """The owner's permission a command needs; None for one that needs none."""
    if command == "system.notify":
        return "notifications"
    return _PERMISSION_OF.get(command.partition(".")[0])


def _allowed(command: str, permissions: PermissionSettings) -> bool:
    name = permission_of(command)
    return name is None or bool(getattr(permissions, name))
