"""A SIMULATION of an iPhone or an Android phone, for tests and demos: no phone is involved.

It presents itself as the official app does, answers the commands of `device_node.profiles.phone_commands`
with plausible values, and has what makes phones different: while the app is in the background it refuses what
needs the screen, and while it sleeps it is not connected at all. `homarus node phone
foreground|background|asleep` moves it.
"""

from typing import Final

import msgspec

from device_node.commands import CommandFailed
from device_node.config import NodeConfig
from device_node.profiles import Surroundings
from device_node.providers import Providers
from device_node.providers.finding import Finding, Offer
from device_node.status import Posture
from device_node.surface import Persona

_FOREGROUND_FAMILIES: Final = frozenset({"camera", "canvas", "screen", "talk"})
"""What an app may do only while it is on the screen. Source: OpenClaw docs/nodes/troubleshooting.md."""

_IPHONE: Final = Persona(
    client_id="openclaw-ios",
    platform="iOS 18.4",
    device_family="iPhone",
    model_identifier="iPhone17,1",
    display_name="Simulated iPhone",
    instance_id="",
)
_ANDROID: Final = Persona(
    client_id="openclaw-android",
    platform="Android 15 (SDK 35)",
    device_family="Android",
    model_identifier="Pixel 9",
    display_name="Simulated Android",
    instance_id="",
)


class Phone:
    """A phone that is simulated. It starts in the foreground."""

    def __init__(self, *, android: bool = False) -> None:
        self._person = _ANDROID if android else _IPHONE
        self.posture: Posture = "foreground"

    def person(self, device_id: str, config: NodeConfig) -> Persona:
        """As the official app of that system."""
        name = config.display_name or self._person.display_name
        return msgspec.structs.replace(self._person, display_name=name, instance_id=device_id[:32])

    def providers(self, around: Surroundings) -> Providers:
        """The simulated commands."""
        from device_node.profiles.phone_commands import PhoneCommands

        commands = PhoneCommands(self._person, around.config, around.permissions)
        found = Finding(family="device", usable=True, detail="a simulated phone: every value is made up")
        return Providers(offers=(Offer(provider=commands, finding=found),))

    def refusal(self, command: str) -> CommandFailed | None:
        """`NODE_BACKGROUND_UNAVAILABLE` for what needs the screen while the app is not on it."""
        if self.posture == "foreground" or command.partition(".")[0] not in _FOREGROUND_FAMILIES:
            return None
        return CommandFailed(
            "NODE_BACKGROUND_UNAVAILABLE", f"{command} needs the app in the foreground; open it on the phone"
        )
