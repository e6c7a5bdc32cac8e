"""The owner and their preferences."""

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from gateway.kernel.clock import Clock
from gateway.kernel.net.hub import Hub
from gateway.kernel.net.local import OWNER_PROFILE
from gateway.kernel.rpc.context import Principal
from gateway.kernel.store.db import Database, Tx
from gateway.users import store
from protocol.errors import Forbidden, InvalidRequest
from protocol.events.users import UsersPrefsChanged
from protocol.nouns.user import UserProfile
from protocol.scopes import Scope, allows

MAX_PREF_BYTES: Final = 64 * 1024
"""Room for a layout or a list of favourites; 200 000 bytes are refused by the original too."""

MAX_PREFS: Final = 512
"""Preferences of one person; the Control UI uses a few dozen."""

MAX_KEY_CHARS: Final = 256
"""Longest key. Observed: 300 characters are refused."""

Prefs = Mapping[str, msgspec.Raw]


class TooManyPrefs(InvalidRequest):
    """A person has as many preferences as are kept."""

    detail_code = "USER_PREFS_LIMIT_EXCEEDED"


class Users:
    """Answers who somebody is and what they prefer."""

    def __init__(self, db: Database, hub: Hub, clock: Clock) -> None:
        self._db = db
        self._hub = hub
        self._clock = clock

    async def start(self) -> None:
        """Make sure the owner exists."""
        now_ms = self._clock.now_ms()
        await self._db.write(lambda tx: store.ensure(tx, OWNER_PROFILE, now_ms))

    async def profiles(self) -> list[UserProfile]:
        """Every person."""
        return await self._db.read(store.everyone)

    async def self_of(self, caller: Principal) -> UserProfile:
        """The person behind a caller.

        Raises:
            Forbidden: when the caller acts with the shared secret alone, which names nobody.
        """
        profile_id = caller.profile_id
        profile = None
        if profile_id is not None:
            profile = await self._db.read(lambda tx: store.find(tx, profile_id))
        if profile is None:
            raise Forbidden("users.self requires an authenticated user")
        return profile

    async def set_display_name(self, caller: Principal, profile_id: str, name: str | None) -> UserProfile:
        """Name a person; a blank name takes it away.

        Raises:
            Forbidden: when the caller is neither that person nor an admin.
            InvalidRequest: when there is no such person.
        """
        if caller.profile_id != profile_id and not allows(caller.scopes, Scope.ADMIN):
            raise Forbidden("profile edits require the owning user or operator.admin")
        now_ms = self._clock.now_ms()

        def unit(tx: Tx) -> UserProfile | None:
            store.rename(tx, profile_id, (name or "").strip() or None, now_ms)
            return store.find(tx, profile_id)

        profile = await self._db.write(unit)
        if profile is None:
            raise InvalidRequest(f"user profile not found: {profile_id}", {"field": "/profileId"})
        return profile

    async def prefs(self, caller: Principal, keys: Sequence[str] | None) -> dict[str, msgspec.Raw] | None:
        """A person's preferences; None for a caller who is nobody in particular."""
        profile_id = caller.profile_id
        if profile_id is None:
            return None
        found = await self._db.read(lambda tx: store.prefs(tx, profile_id))
        return {
            key: msgspec.Raw(value.encode()) for key, value in found.items() if keys is None or key in keys
        }

    async def set_prefs(self, caller: Principal, entries: Prefs, expected: Prefs | None) -> bool | None:
        """Store preferences, or nothing when an expected value differs.

        Returns: whether they were stored; None for a caller who is nobody in particular.

        Raises:
            InvalidRequest: when a key or value is too long, or there are too many.
        """
        profile_id = caller.profile_id
        if profile_id is None:
            return None
        wanted = [(key, _canonical(key, value)) for key, value in entries.items()]
        guards = {key: _canonical(key, value) for key, value in (expected or {}).items()}

        def unit(tx: Tx) -> bool:
            found = store.prefs(tx, profile_id)
            if any(found.get(key) != value for key, value in guards.items()):
                return False
            store.set_prefs(tx, profile_id, wanted)
            _check_count(len(store.prefs(tx, profile_id)))
            return True

        stored = await self._db.write(unit)
        if stored and wanted:
            keys = [key for key, _ in wanted]
            self._hub.publish(
                UsersPrefsChanged(profile_id=profile_id, keys=keys),
                to=lambda principal: principal.profile_id == profile_id,
            )
        return stored


def _check_count(count: int) -> None:
    if count > MAX_PREFS:
        raise TooManyPrefs(
            f"a person has at most {MAX_PREFS} preferences; remove some first",
            {"limit": MAX_PREFS, "currentCount": count},
        )


def _canonical(key: str, value: msgspec.Raw) -> str | None:
    """A value's one JSON text, so that equal values compare equal; None for null."""
    if not 0 < len(key) <= MAX_KEY_CHARS or "\n" in key:
        raise InvalidRequest(
            f"invalid users.prefs.set entry for {key[:64]}: invalid-key", {"field": "/entries"}
        )
    if len(bytes(value)) > MAX_PREF_BYTES:
        raise InvalidRequest(
            f"invalid users.prefs.set entry for {key}: value-too-large", {"field": f"/entries/{key}"}
        )
    parsed = msgspec.json.decode(value)
    return None if parsed is None else msgspec.json.encode(parsed, order="sorted").decode()
