"""How much each action risks, for those who lend a device and those in its rooms."""

from fnmatch import fnmatchcase
from typing import Final

from gateway.kernel.policy.commands import takes_control
from gateway.kernel.policy.model import Action, Tier

TIERS: Final[tuple[tuple[Tier, tuple[str, ...]], ...]] = (
    (
        "low",
        (
            "device.*",
            "system.notify",
            "system.which",
            "system.run.prepare",
            "camera.list",
            "canvas.present",
            "canvas.hide",
            "canvas.navigate",
            "canvas.a2ui.*",
            "watch.*",
            "talk.ptt.stop",
            "talk.ptt.cancel",
        ),
    ),
    (
        "medium",
        (
            "fs.listDir",
            "canvas.eval",
            "canvas.snapshot",
            "notifications.list",
            "motion.*",
            "camera.ptz.*",
        ),
    ),
    (
        "critical",
        (
            "system.execApprovals.set",
            "exec.approvals.*",
            "config.*",
            "update.*",
            "backup.*",
            "gateway.*",
        ),
    ),
)
"""The first row with a pattern that fits. Whatever is in none is high: running programs, camera, microphone,
screen, location, contacts and messages, the browser, and commands nobody has thought about yet.
"""


def tier_of(action: Action) -> Tier:
    """How much an action risks."""
    if action.argv and takes_control(action.argv):
        return "critical"
    for tier, patterns in TIERS:
        if any(fnmatchcase(action.name, pattern) for pattern in patterns):
            return tier
    return action.tier or "high"
