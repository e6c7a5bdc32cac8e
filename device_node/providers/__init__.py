"""What this machine can do when it is asked.

`find_providers` looks at the machine and gives the providers that work here, one per family of commands, and
what the doctor says about each family.
"""

import os
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec

from device_node.config import CanvasSettings, McpServerSettings
from device_node.exec_policy.store import RulesStore, RulesUnreadable
from device_node.providers.camera import camera_family
from device_node.providers.canvas import CanvasProvider, CanvasUrl, Deliver, Gateway, canvas_family
from device_node.providers.device import device_family
from device_node.providers.environment import bare_environment
from device_node.providers.exec_rules import ExecRulesProvider
from device_node.providers.film import Ffmpeg
from device_node.providers.finding import Family, Finding, Offer, unusable, usable
from device_node.providers.folders import folders_family
from device_node.providers.mcp import McpProvider, mcp_family
from device_node.providers.notify import notify_family
from device_node.providers.place import Place, place_family
from device_node.providers.programs import find_programs
from device_node.providers.run import RunProvider
from device_node.providers.run_events import SendEvent
from device_node.providers.screen import screen_family
from device_node.providers.which import WhichProvider


class Providers(msgspec.Struct, frozen=True, kw_only=True):
    """Everything this node can be asked to do."""

    offers: tuple[Offer, ...]
    """What works on this machine, whether its owner allows it or not."""
    unusable: tuple[Finding, ...] = ()
    """What does not."""
    mcp: McpProvider | None = None
    """Its `tools()` are for `node.pluginTools.update`."""
    canvas: CanvasProvider | None = None

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What the doctor shows, a line per family."""
        return tuple(dict.fromkeys([*(offer.finding for offer in self.offers), *self.unusable]))

    async def close(self) -> None:
        """End what providers keep running between two commands."""
        for provider in (self.mcp, self.canvas):
            if provider is not None:
                await provider.close()


def find_providers(
    *,
    state_dir: Path,
    permissions: Mapping[str, bool],
    now_ms: Callable[[], int],
    send_event: SendEvent,
    deliver: Deliver,
    canvas_url: CanvasUrl,
    device_name: str | None = None,
    place: Place | None = None,
    mcp_servers: Mapping[str, McpServerSettings] | None = None,
    canvas: CanvasSettings | None = None,
    environ: Mapping[str, str] = os.environ,
) -> Providers:
    """Look at the machine; a few milliseconds, nothing is started.

    Args:
        state_dir: folder of the node, for the rules of `system.run`.
        permissions: what the owner allows, by name as in `node.toml`. Looked at again with each command,
            so it may change meanwhile.
        now_ms: the wall clock.
        send_event: for what happens besides the answer.
        canvas_url: where the gateway serves what a canvas shows.
        deliver: for what somebody does on the canvas.
        device_name: what the owner calls this machine; its host name without one.
        place: where the owner says it stands.
        mcp_servers: servers of tools to lend, by name.
        canvas: how the canvas is.
        environ: the node's environment.
    """
    environment = bare_environment(environ)
    programs = find_programs(("ffmpeg", "ffprobe", "grim", "import", "notify-send"), environment["PATH"])
    ffmpeg = None
    if "ffmpeg" in programs and "ffprobe" in programs:
        ffmpeg = Ffmpeg(programs["ffmpeg"], programs["ffprobe"], environment)
    mcp, mcp_provider = mcp_family(mcp_servers or {}, environment, permissions)
    canvas_found, canvas_provider = canvas_family(
        environment, permissions, canvas or CanvasSettings(), Gateway(deliver, canvas_url), device_name
    )
    families = [
        *_commands(state_dir, permissions, now_ms, send_event, environment),
        device_family(permissions, device_name, environ),
        folders_family(),
        place_family(place, permissions, now_ms),
        camera_family(ffmpeg, permissions),
        screen_family(ffmpeg, programs, environment, permissions, now_ms),
        notify_family(programs, environment, permissions),
        canvas_found,
        mcp,
    ]
    return Providers(
        offers=tuple(offer for family in families for offer in family.offers),
        unusable=tuple(family.finding for family in families if not family.finding.usable),
        mcp=mcp_provider,
        canvas=canvas_provider,
    )


def _commands(
    state_dir: Path,
    permissions: Mapping[str, bool],
    now_ms: Callable[[], int],
    send_event: SendEvent,
    environment: Mapping[str, str],
) -> list[Family]:
    store = RulesStore(state_dir, now_ms)
    # Offered also when the rules are broken: the refusal says what to repair, and they can be replaced.
    families = [
        usable(
            "run",
            f"what the rules in {store.path} or a person allow",
            RunProvider(store, environment, permissions, send_event),
            ExecRulesProvider(store),
            WhichProvider(environment["PATH"]),
        )
    ]
    try:
        store.load()
    except RulesUnreadable as error:
        families.append(unusable("rules", f"nothing runs until this is put right: {error}"))
    return families
