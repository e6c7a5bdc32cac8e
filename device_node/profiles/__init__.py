"""What kind of device this is: who it presents itself as, what it can do, and when it can do it."""

from collections.abc import Mapping
from typing import Protocol

import msgspec

from device_node.commands import CommandFailed
from device_node.config import NodeConfig
from device_node.home import NodeHome
from device_node.providers import Providers
from device_node.providers.canvas import CanvasUrl, Deliver
from device_node.providers.run_events import SendEvent
from device_node.surface import Persona


class Surroundings(msgspec.Struct, frozen=True, kw_only=True):
    """What a profile has to know to look for its commands."""

    home: NodeHome
    config: NodeConfig
    permissions: Mapping[str, bool]
    """What the owner allows, by name, as it is at any time."""
    send_event: SendEvent
    deliver: Deliver
    canvas_url: CanvasUrl


class Profile(Protocol):
    """One kind of device."""

    def person(self, device_id: str, config: NodeConfig) -> Persona:
        """Who it presents itself as."""
        ...

    def providers(self, around: Surroundings) -> Providers:
        """What it can do here, and what it cannot and why."""
        ...

    def refusal(self, command: str) -> CommandFailed | None:
        """Why a command cannot be done in its present state; None when it can."""
        ...


def profile_of(config: NodeConfig) -> Profile:
    """The profile the settings name."""
    if config.profile == "laptop":
        from device_node.profiles.laptop import Laptop

        return Laptop()
    from device_node.profiles.phone import Phone

    return Phone(android=config.profile == "android")
