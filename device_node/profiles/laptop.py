"""A computer: what this machine is, and everything its programs make possible."""

import platform
import socket
import sys
import time
from typing import Final

from device_node.commands import CommandFailed
from device_node.config import NodeConfig
from device_node.profiles import Surroundings
from device_node.providers import Providers, find_providers
from device_node.surface import Persona
from device_node.text import printable

_SYSTEMS: Final = {"linux": ("linux", "Linux"), "darwin": ("macos", "Mac"), "win32": ("windows", "Windows")}
"""Platform and device family as OpenClaw's command policy knows them, by `sys.platform`."""


class Laptop:
    """This machine. It is always ready."""

    def person(self, device_id: str, config: NodeConfig) -> Persona:
        """A node host with the name of the machine."""
        system, family = _SYSTEMS.get(sys.platform, (sys.platform, sys.platform))
        return Persona(
            client_id="node-host",
            platform=system,
            device_family=family,
            model_identifier=platform.machine() or None,
            display_name=config.display_name or printable(socket.gethostname(), 128) or "node",
            instance_id=device_id[:32],
        )

    def providers(self, around: Surroundings) -> Providers:
        """Whatever the programs of this machine make possible."""
        return find_providers(
            state_dir=around.home.root,
            permissions=around.permissions,
            now_ms=_now_ms,
            send_event=around.send_event,
            deliver=around.deliver,
            canvas_url=around.canvas_url,
            device_name=around.config.display_name,
            place=around.config.location,
            mcp_servers=around.config.mcp,
            canvas=around.config.canvas,
        )

    def refusal(self, command: str) -> CommandFailed | None:
        """Never: a computer has no background."""
        del command
        return None


def _now_ms() -> int:
    """The wall clock."""
    return int(time.time() * 1000)
