"""`system.notify`: a notification on the desktop, through notify-send."""

import re
from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Final

from device_node.commands import CommandFailed, Invocation, performs
from device_node.providers.film import MediaFailed, run_tool
from device_node.providers.finding import Family, unusable, usable
from protocol.commands.system import Shown, SystemNotify

PERMISSION: Final = "notifications"

TIMEOUT_S: Final = 10.0
"""A desktop that is there answers at once; the bus may have to start its notification service."""

_URGENCY: Final = {"passive": "low", "active": "normal", "timeSensitive": "critical"}

_SOUND: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
"""Names of sounds, as the desktop's sound theme has them."""


class NotifyProvider:
    """Shows notifications to whoever sits at this machine."""

    def __init__(self, program: str, environment: Mapping[str, str], permissions: Mapping[str, bool]) -> None:
        self._program = program
        self._environment = environment
        self._permissions = permissions

    @performs(SystemNotify)
    async def notify(self, _: Invocation, call: SystemNotify) -> Shown:
        """Show it."""
        if not self._permissions.get(PERMISSION, False):
            raise CommandFailed("NOTIFICATIONS_DISABLED", "the owner of this node wants no notifications")
        for field, value in (("title", call.title), ("body", call.body)):
            if "\0" in value:
                raise CommandFailed("INVALID_REQUEST", f"{field}: must not contain NUL")
        argv = [self._program, "--app-name=Homarus", f"--urgency={_URGENCY[call.priority]}"]
        if call.sound is not None:
            if not _SOUND.fullmatch(call.sound):
                raise CommandFailed("INVALID_REQUEST", "sound: must be the name of a sound")
            argv.append(f"--hint=string:sound-name:{call.sound}")
        # Desktops read markup in the body, and a caller's text is no markup.
        argv += ["--", call.title, escape(call.body, quote=False)]
        try:
            await run_tool(argv, self._environment, TIMEOUT_S)
        except MediaFailed as error:
            raise CommandFailed("NOTIFICATIONS_UNAVAILABLE", f"nothing shows it: {error}") from error
        return Shown(ok=True)


def notify_family(
    programs: Mapping[str, str], environment: Mapping[str, str], permissions: Mapping[str, bool]
) -> Family:
    """Offered on a desktop: where a session bus is."""
    if "notify-send" not in programs:
        return unusable("notify", "notify-send is not installed; install libnotify-bin")
    runtime = environment.get("XDG_RUNTIME_DIR")
    if "DBUS_SESSION_BUS_ADDRESS" not in environment and not (runtime and (Path(runtime) / "bus").exists()):
        return unusable("notify", "there is no desktop: this node has no session bus")
    return usable(
        "notify", "through notify-send", NotifyProvider(programs["notify-send"], environment, permissions)
    )
