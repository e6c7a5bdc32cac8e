"""What operators hear about people. Source: events recorded from OpenClaw 2026.9.6."""

from protocol.method import Event, event
from protocol.scopes import Scope


@event("users.prefs.changed", Scope.READ)
class UsersPrefsChanged(Event):
    """Somebody changed these preferences of a person."""

    profile_id: str
    keys: list[str]
