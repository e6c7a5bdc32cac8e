"""What the gateway says about its own state."""

from protocol.method import Event, event
from protocol.nouns.health import HealthSummary
from protocol.scopes import Scope


@event("health", Scope.READ, is_state=True)
class HealthChanged(Event, HealthSummary):
    """The result of `health`, whenever a part changed and once a minute; the frame has `stateVersion`."""
