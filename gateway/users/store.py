"""SQL of people and their preferences."""

from collections.abc import Iterable
from typing import Any

from gateway.kernel.store.db import Tx
from protocol.nouns.user import UserProfile

_SELECT = "SELECT profile_id, display_name, created_ms, updated_ms FROM user_profiles "


def ensure(tx: Tx, profile_id: str, now_ms: int) -> None:
    """Create a person who is not there yet."""
    tx.execute(
        "INSERT INTO user_profiles (profile_id, created_ms, updated_ms) VALUES (?, ?, ?) "
        "ON CONFLICT (profile_id) DO NOTHING",
        (profile_id, now_ms, now_ms),
    )


def everyone(tx: Tx) -> list[UserProfile]:
    """Every person, oldest first."""
    return [_profile(row) for row in tx.execute(_SELECT + "ORDER BY created_ms, profile_id")]


def find(tx: Tx, profile_id: str) -> UserProfile | None:
    """One person."""
    row = tx.execute(_SELECT + "WHERE profile_id = ?", (profile_id,)).fetchone()
    return _profile(row) if row is not None else None


def rename(tx: Tx, profile_id: str, display_name: str | None, now_ms: int) -> None:
    """Store a person's name."""
    tx.execute(
        "UPDATE user_profiles SET display_name = ?, updated_ms = ? WHERE profile_id = ?",
        (display_name, now_ms, profile_id),
    )


def prefs(tx: Tx, profile_id: str) -> dict[str, str]:
    """Preferences as JSON texts."""
    return dict(
        tx.execute("SELECT key, value FROM user_prefs WHERE profile_id = ? ORDER BY key", (profile_id,))
    )


def set_prefs(tx: Tx, profile_id: str, entries: Iterable[tuple[str, str | None]]) -> None:
    """Store preferences; None removes one."""
    for key, value in entries:
        if value is None:
            tx.execute("DELETE FROM user_prefs WHERE profile_id = ? AND key = ?", (profile_id, key))
        else:
            tx.execute(
                "INSERT INTO user_prefs (profile_id, key, value) VALUES (?, ?, ?) "
                "ON CONFLICT (profile_id, key) DO UPDATE SET value = excluded.value",
                (profile_id, key, value),
            )


def _profile(row: tuple[Any, ...]) -> UserProfile:
    profile_id, display_name, created_ms, updated_ms = row
    return UserProfile(
        id=profile_id,
        display_name=display_name,
        avatar_mime=None,
        merged_into=None,
        created_at=created_ms,
        updated_at=updated_ms,
        emails=[],
        github_identity=None,
        has_avatar=False,
    )
