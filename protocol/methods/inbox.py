"""Reading the inbox."""

from typing import Annotated

from msgspec import Meta

from protocol.method import Call, Wire, method
from protocol.nouns.inbox import InboxItem
from protocol.scopes import Scope

Name = Annotated[str, Meta(min_length=1, max_length=512)]


class InboxPage(Wire):
    """Newest first."""

    items: list[InboxItem]
    next_cursor: str | None = None
    """Give it back as `cursor`; absent on the last page."""


@method("inbox.list", Scope.READ, additive=True)
class InboxList(Call[InboxPage], forbid_unknown_fields=True):
    """List received messages of every source, newest first."""

    channel: Name | None = None
    session_key: Name | None = None
    limit: Annotated[int, Meta(ge=1, le=200)] = 50
    cursor: Annotated[str, Meta(max_length=2048)] | None = None
