"""Who uses the gateway, and what they prefer.

Source: answers recorded from OpenClaw 2026.9.6.
"""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from protocol.method import Call, Wire, method
from protocol.nouns.user import UserProfile
from protocol.scopes import Scope

ProfileId = Annotated[str, Meta(min_length=1, max_length=128)]
PrefKey = Annotated[str, Meta(min_length=1, max_length=256)]

MAX_PREFS_PER_CALL = 32
"""Observed: a 33rd entry is refused."""


class UsersListResult(Wire):
    """Every person."""

    profiles: list[UserProfile]


@method("users.list", Scope.READ)
class UsersList(Call[UsersListResult]):
    """List people."""


class UserResult(Wire):
    """One person."""

    profile: UserProfile


@method("users.self", Scope.WRITE)
class UsersSelf(Call[UserResult]):
    """The person behind this connection; a connection without a device has none."""


@method("users.setDisplayName", Scope.WRITE)
class UsersSetDisplayName(Call[UserResult]):
    """Name a person, or take the name away with null."""

    profile_id: ProfileId
    display_name: Annotated[str, Meta(max_length=256)] | None


class UserPrefs(Wire):
    """`entries` is present when `status` is `ok`."""

    status: Literal["ok", "no_durable_identity"]
    entries: dict[str, msgspec.Raw] | None = None


@method("users.prefs.get", Scope.READ)
class UsersPrefsGet(Call[UserPrefs]):
    """Read preferences, which clients share between a person's devices."""

    keys: Annotated[tuple[PrefKey, ...], Meta(max_length=MAX_PREFS_PER_CALL)] | None = None
    """Only these; default all."""


class UserPrefsStored(Wire):
    """`conflict`: an expected entry differs, and nothing was stored."""

    status: Literal["ok", "conflict", "no_durable_identity"]


@method("users.prefs.set", Scope.WRITE)
class UsersPrefsSet(Call[UserPrefsStored]):
    """Store preferences; null removes one."""

    entries: Annotated[dict[str, msgspec.Raw], Meta(max_length=MAX_PREFS_PER_CALL)]
    expected_entries: Annotated[dict[str, msgspec.Raw], Meta(max_length=MAX_PREFS_PER_CALL)] | None = None
    """Store only when these are the values now; null means absent."""
