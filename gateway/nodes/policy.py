"""Which commands a node may be asked for, by its platform and the owner's lists.

Source: OpenClaw docs/nodes/command-policy.md (2026.9.6). Beyond it: the whole canvas family for a node with
cap `canvas`, and `device.*` facts on every desktop.
"""

from collections.abc import Callable, Iterable
from typing import ClassVar, Final

from gateway.kernel.config.settings import Settings, SettingsPart
from gateway.nodes.model import NodeFacts
from protocol.capability import COMMAND_CAPS, Surface
from protocol.scopes import Scope

_PERSONAL: Final = frozenset(
    {
        "contacts.search",
        "calendar.events",
        "reminders.list",
        "photos.latest",
        "motion.activity",
        "motion.pedometer",
    }
)
_DEVICE: Final = frozenset({"device.info", "device.status", "device.health", "device.permissions"})
_PHONE: Final = frozenset({"camera.list", "location.get", "system.notify", "device.info", "device.status"})
_DESKTOP_HOST: Final = frozenset(
    {
        "system.run.prepare",
        "system.run",
        "system.which",
        "system.execApprovals.get",
        "system.execApprovals.set",
        "fs.listDir",
        "terminal.upload",
        "browser.proxy",
        "browser.proxy.upload.v1",
        "mcp.tools.call.v1",
        "agent.cli.claude.run.v1",
        "screen.snapshot",
        "desktop.stream",
    }
)
_DESKTOP: Final = (
    frozenset({"camera.list", "location.get", "system.notify", "computer.act"}) | _DEVICE | _DESKTOP_HOST
)

DEFAULTS: Final[dict[str, frozenset[str]]] = {
    "ios": _PHONE | _PERSONAL | {"watch.status", "watch.notify"},
    "watchos": frozenset({"device.info", "device.status", "system.notify"}),
    "android": _PHONE
    | _PERSONAL
    | {
        "notifications.list",
        "notifications.actions",
        "device.permissions",
        "device.health",
        "device.apps",
        "callLog.search",
        "mobile.ui.observe",
        "mobile.ui.act",
    },
    "macos": _DESKTOP | _PERSONAL | {"camera.ptz.status", "device.apps"},
    "linux": _DESKTOP,
    "windows": _DESKTOP,
    "unknown": frozenset({"camera.list", "location.get", "system.notify"}),
}
"""Allowed without a word from the owner, once the node's surface is approved."""

CANVAS: Final = frozenset(
    {
        "canvas.present",
        "canvas.hide",
        "canvas.navigate",
        "canvas.eval",
        "canvas.snapshot",
        "canvas.a2ui.push",
        "canvas.a2ui.pushJSONL",
        "canvas.a2ui.reset",
    }
)
"""Both generations, for nodes that claim the cap `canvas`."""

PUSH_TO_TALK: Final = frozenset({"talk.ptt.start", "talk.ptt.stop", "talk.ptt.cancel", "talk.ptt.once"})

DANGEROUS: Final = frozenset(
    {
        "camera.snap",
        "camera.clip",
        "camera.ptz.control",
        "screen.record",
        "contacts.add",
        "calendar.add",
        "reminders.add",
        "sms.send",
        "sms.search",
        "health.summary",
    }
)
"""Never allowed by a platform: the owner names them in `nodes.commands.allow`."""

ADMINISTRATIVE: Final = frozenset(
    {
        "system.run",
        "system.run.prepare",
        "system.which",
        "system.execApprovals.get",
        "system.execApprovals.set",
        "fs.listDir",
        "browser.proxy",
        "browser.proxy.upload.v1",
    }
)
"""Approving a node that declares one of these takes an admin."""

ADMIN_INVOKED: Final = frozenset(
    {"fs.listDir", "browser.proxy", "browser.proxy.upload.v1", "terminal.upload"}
)
"""Asking for one of these takes an admin."""

RESERVED: Final = frozenset({"system.execApprovals.get", "system.execApprovals.set"})
"""Only reached through `exec.approvals.node.get` and `.set`."""


_FAMILIES: Final[dict[str, tuple[str, frozenset[str]]]] = {
    "ios": ("ios", frozenset({"iphone", "ipad", "ios"})),
    "ipados": ("ios", frozenset({"iphone", "ipad", "ios"})),
    "watchos": ("watchos", frozenset({"apple watch", "watch", "watchos"})),
    "macos": ("macos", frozenset({"mac"})),
    "android": ("android", frozenset({"android", "phone", "tablet"})),
    "linux": ("linux", frozenset({"linux"})),
    "windows": ("windows", frozenset({"windows"})),
}
"""First word of a platform label: its row of `DEFAULTS`, and the device families that fit it."""


class NodeCommandSettings(SettingsPart):
    """Exact command names; `deny` wins."""

    allow: tuple[str, ...] = ()
    deny: tuple[str, ...] = ()


class NodeSettings(Settings):
    """What nodes may be asked for."""

    section: ClassVar[str] = "nodes"

    commands: NodeCommandSettings = NodeCommandSettings()


class CommandPolicy:
    """The owner's lists over the platform's defaults, as they are now."""

    def __init__(self, settings: Callable[[], NodeSettings]) -> None:
        self._settings = settings

    def allowed(self, facts: NodeFacts, claimed: Surface) -> frozenset[str]:
        """The commands among those a node claims that it may have."""
        return frozenset(
            command for command in claimed.commands if self.refusal(command, facts, claimed) is None
        )

    def refusal(self, command: str, facts: NodeFacts, claimed: Surface) -> str | None:
        """Why a node is not asked for `command`; None when it may be."""
        lists = self._settings().commands
        if command.startswith("worker."):
            return f'node command not allowed: "{command}" is private to the gateway'
        if command in lists.deny:
            return f'node command not allowed: "{command}" is in nodes.commands.deny'
        if command in lists.allow or command in self._defaults(facts, claimed):
            return None
        if command in DANGEROUS:
            return f'node command not allowed: "{command}" requires explicit nodes.commands.allow opt-in'
        where = f'the allowlist for platform "{facts.platform}"'
        return f'node command not allowed: "{command}" is not in {where}'

    @staticmethod
    def _defaults(facts: NodeFacts, claimed: Surface) -> frozenset[str]:
        extra: frozenset[str] = frozenset()
        if "canvas" in claimed.caps:
            extra |= CANVAS
        if "talk" in claimed.caps or any(name.startswith("talk.") for name in claimed.commands):
            extra |= PUSH_TO_TALK
        return DEFAULTS[platform_of(facts)] | extra

    def offered(self, facts: NodeFacts, claimed: Surface) -> Surface:
        """The part of a claim that can be approved: commands policy forbids are left out, caps with them."""
        commands = self.allowed(facts, claimed)
        families = {name.partition(".")[0] for name in commands}
        caps = [cap for cap in claimed.caps if cap not in COMMAND_CAPS or cap in families]
        return Surface.of(caps, commands, claimed.permissions)


def platform_of(facts: NodeFacts) -> str:
    """Which row of `DEFAULTS` holds for a node; a family that does not fit makes it `unknown`.

    Phones and Macs send labels with a version (`iOS 18.4`), other desktops the bare word.
    """
    label = facts.platform.strip().lower()
    family = (facts.device_family or "").strip().lower()
    word = label.partition(" ")[0]
    if word not in _FAMILIES or (word in {"linux", "windows"} and label != word):
        return "unknown"
    platform, families = _FAMILIES[word]
    return platform if not family or family in families else "unknown"


def scopes_to_approve(commands: Iterable[str]) -> tuple[Scope, ...]:
    """What a person needs to approve a surface with these commands."""
    asked = set(commands)
    if not asked:
        return (Scope.PAIRING,)
    return (Scope.PAIRING, Scope.ADMIN if asked & ADMINISTRATIVE else Scope.WRITE)
