"""What the gateway says about its configuration."""

from protocol.method import Event, event
from protocol.scopes import Scope


@event("config.changed", Scope.READ)
class ConfigChanged(Event):
    """The file was written or became faulty; read it with `config.get`. Never carries content."""

    path: str
    hash: str
    ts: int
