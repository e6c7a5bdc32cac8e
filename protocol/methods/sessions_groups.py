"""Groups that people sort their sessions into. A session's group is its `category`.

Source: shapes of OpenClaw 2026.9.6 (protocol.schema.json).
"""

from typing import Annotated

from msgspec import Meta

from protocol.method import Call, Wire, method
from protocol.nouns.session import Label
from protocol.scopes import Scope

Path = Annotated[str, Meta(min_length=1, max_length=4096)]


class SessionGroup(Wire):
    """A group and its place in the list."""

    name: str
    position: int


class GroupDefaults(Wire):
    """What new sessions of a group start with."""

    name: str
    cwd: str | None = None
    worktree: bool | None = None


class Groups(Wire):
    """All groups in order, and the order of all sections of the list, built-in ones included."""

    groups: list[SessionGroup]
    section_order: list[str]


@method("sessions.groups.list", Scope.READ)
class SessionsGroupsList(Call[Groups]):
    """All groups in order."""


class AllGroupDefaults(Wire):
    """Groups that have defaults."""

    defaults: list[GroupDefaults]


@method("sessions.groups.defaults", Scope.WRITE)
class SessionsGroupsDefaults(Call[AllGroupDefaults]):
    """What new sessions start with, per group."""


class GroupsChanged(Wire):
    """The groups as they are now."""

    ok: bool
    groups: list[SessionGroup]
    section_order: list[str]
    updated_sessions: int | None = None


@method("sessions.groups.put", Scope.WRITE)
class SessionsGroupsPut(Call[GroupsChanged]):
    """Replace the names and their order.

    Errors: `INVALID_REQUEST` when a left-out group still has sessions.
    """

    names: Annotated[list[Label], Meta(max_length=256)]
    section_order: Annotated[list[Label], Meta(max_length=256)] | None = None


@method("sessions.groups.rename", Scope.WRITE)
class SessionsGroupsRename(Call[GroupsChanged]):
    """Rename a group together with the membership of its sessions.

    Errors: `NOT_FOUND`; `CONFLICT` when the new name is taken.
    """

    name: Label
    to: Label


class GroupUpdated(Wire):
    """All defaults as they are now."""

    ok: bool
    defaults: list[GroupDefaults]


@method("sessions.groups.update", Scope.WRITE)
class SessionsGroupsUpdate(Call[GroupUpdated]):
    """Set what new sessions of a group start with.

    Errors: `NOT_FOUND`.
    """

    name: Label
    cwd: Path | None
    worktree: bool


@method("sessions.groups.delete", Scope.WRITE)
class SessionsGroupsDelete(Call[GroupsChanged]):
    """Remove a group; its sessions stay and belong to none.

    Errors: `NOT_FOUND`.
    """

    name: Label
