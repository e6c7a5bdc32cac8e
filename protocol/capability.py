"""What a node may do: what it claims, cut down to what is allowed.

Source: OpenClaw docs/gateway/protocol/handshake.md, "Caps/commands/permissions (node)" (2026.9.6): what a
node says are claims, and the gateway enforces its own lists.
"""

from collections.abc import Callable, Iterable
from typing import Final

import msgspec

from protocol.connect import ConnectParams

COMMAND_CAPS: Final = frozenset({"camera", "computer", "location", "screen"})
"""Capabilities that mean nothing without a command of their family; observed to vanish with the last one."""


WORK_LEDGER: Final = "work-ledger"
"""Homarus only: what a node claims that keeps ids of work on disk and does none twice, so that work may be
delivered to it again."""


class Surface(msgspec.Struct, frozen=True, kw_only=True):
    """Capabilities, commands and permissions of one node, sorted so that equal surfaces are equal values."""

    caps: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()
    permissions: tuple[tuple[str, bool], ...] = ()

    @classmethod
    def of(
        cls,
        caps: Iterable[str] = (),
        commands: Iterable[str] = (),
        permissions: Iterable[tuple[str, bool]] = (),
    ) -> "Surface":
        """A surface from lists in any order, with or without repetitions."""
        return cls(
            caps=tuple(sorted(set(caps))),
            commands=tuple(sorted(set(commands))),
            permissions=tuple(sorted(dict(permissions).items())),
        )

    @classmethod
    def claimed(cls, params: ConnectParams) -> "Surface":
        """What a node says about itself when it connects."""
        return cls.of(params.caps, params.commands, params.permissions.items())

    def within(self, other: "Surface") -> bool:
        """Whether nothing here goes beyond `other`; a permission counts only when it is granted."""
        granted = {name for name, value in self.permissions if value}
        allowed = {name for name, value in other.permissions if value}
        return (
            set(self.caps) <= set(other.caps)
            and set(self.commands) <= set(other.commands)
            and granted <= allowed
        )


def negotiate(claims: Surface, approved: Surface, allows: Callable[[str], bool]) -> Surface:
    """The effective surface: claimed, approved, and allowed by the command policy, all at once.

    Args:
        claims: What the node declares now.
        approved: What a person approved for it.
        allows: The gateway's policy for a single command.
    """
    commands = {name for name in set(claims.commands) & set(approved.commands) if allows(name)}
    families = {name.partition(".")[0] for name in commands}
    caps = {
        cap for cap in set(claims.caps) & set(approved.caps) if cap not in COMMAND_CAPS or cap in families
    }
    granted = dict(approved.permissions)
    permissions = [
        (name, value and granted[name])
        for name, value in claims.permissions
        if not value or name in granted  # a permission the node says it lacks needs nobody's approval
    ]
    return Surface.of(caps, commands, permissions)
