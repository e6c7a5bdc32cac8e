"""The reading methods of the `sessions` family."""

from datetime import UTC, datetime
from typing import Final, cast

import msgspec

from gateway.kernel.clock import Clock
from gateway.kernel.net.hub import Hub
from gateway.kernel.ports import PendingApprovals
from gateway.kernel.rpc.context import Ctx
from gateway.kernel.rpc.router import handles
from gateway.kernel.store.db import Database
from gateway.sessions import lookup
from gateway.sessions.announce import SESSIONS_TOPIC, messages_topic
from gateway.sessions.keys import SessionKey
from gateway.sessions.reading import SessionReader
from gateway.sessions.service import SessionIndex
from gateway.sessions.viewers import Viewers
from gateway.transcripts.service import Transcripts
from protocol.errors import InvalidRequest, NotFound
from protocol.method import Done
from protocol.methods.sessions import (
    ApprovalReplay,
    Described,
    MessagesSubscribed,
    SessionFilter,
    SessionList,
    SessionsDescribe,
    SessionsList,
    SessionsMessagesSubscribe,
    SessionsMessagesUnsubscribe,
    SessionsObserverVisibility,
    SessionsSubscribe,
    SessionsUnsubscribe,
    SessionsViewersSet,
    Subscribed,
    Viewed,
)
from protocol.methods.sessions_reading import (
    Branches,
    Previews,
    Resolved,
    SearchResults,
    SessionBranch,
    SessionMessages,
    SessionsBranchesList,
    SessionsGet,
    SessionsPreview,
    SessionsResolve,
    SessionsSearch,
)
from protocol.scopes import Scope

MAX_MESSAGES: Final = 1000
"""Most messages of one answer, as for `chat.history`."""

MAX_APPROVALS: Final = 100
"""More than a person could read at once; `exec.approval.list` has all of them."""

_NO_FILTER: Final = SessionFilter()


class SessionsApi:
    """Lists, rows, names, subscriptions."""

    def __init__(
        self,
        *,
        index: SessionIndex,
        reader: SessionReader,
        transcripts: Transcripts,
        viewers: Viewers,
        approvals: PendingApprovals,
        hub: Hub,
        db: Database,
        clock: Clock,
    ) -> None:
        self._index = index
        self._reader = reader
        self._transcripts = transcripts
        self._viewers = viewers
        self._approvals = approvals
        self._hub = hub
        self._db = db
        self._clock = clock

    @handles(SessionsList)
    async def list(self, ctx: Ctx, call: SessionsList) -> SessionList:
        """A page, from the cache when nothing changed."""
        page = await self._index.page(call, ctx.principal.profile_id)
        # It is the declared type, encoded already; decoding it to please the type would undo the cache.
        return cast("SessionList", page)

    @handles(SessionsSubscribe)
    async def subscribe(self, ctx: Ctx, call: SessionsSubscribe) -> Subscribed:
        """Subscribe first, so that no change falls between the list and the first event."""
        self._hub.subscribe(ctx.conn_id, SESSIONS_TOPIC)
        if msgspec.structs.astuple(call) == msgspec.structs.astuple(_NO_FILTER):
            return Subscribed(subscribed=True)
        page = await self._index.page(call, ctx.principal.profile_id)
        return Subscribed(subscribed=True, list=cast("SessionList", page))

    @handles(SessionsUnsubscribe)
    def unsubscribe(self, ctx: Ctx, _call: SessionsUnsubscribe) -> Subscribed:
        """Stop telling the connection about sessions."""
        self._hub.unsubscribe(ctx.conn_id, SESSIONS_TOPIC)
        return Subscribed(subscribed=False)

    @handles(SessionsMessagesSubscribe)
    async def subscribe_messages(self, ctx: Ctx, call: SessionsMessagesSubscribe) -> MessagesSubscribed:
        """Tell the connection what is said in one session."""
        key = self._index.resolve(call.key, call.agent_id)
        if call.include_approvals:
            ctx.principal.require(Scope.APPROVALS)
        self._hub.subscribe(ctx.conn_id, messages_topic(key))
        replay = await self._replay(key) if call.include_approvals else None
        return MessagesSubscribed(subscribed=True, key=key, approval_replay=replay)

    async def _replay(self, key: SessionKey) -> ApprovalReplay:
        waiting = await self._approvals.pending_for(key)
        return ApprovalReplay(
            session_key=key,
            updated_at_ms=self._clock.now_ms(),
            approvals=waiting[:MAX_APPROVALS],
            truncated=len(waiting) > MAX_APPROVALS,
        )

    @handles(SessionsMessagesUnsubscribe)
    def unsubscribe_messages(self, ctx: Ctx, call: SessionsMessagesUnsubscribe) -> MessagesSubscribed:
        """Stop telling the connection about one session."""
        key = self._index.resolve(call.key, call.agent_id)
        self._hub.unsubscribe(ctx.conn_id, messages_topic(key))
        return MessagesSubscribed(subscribed=False, key=key)

    @handles(SessionsViewersSet)
    def set_viewers(self, ctx: Ctx, call: SessionsViewersSet) -> Viewed:
        """Note what the connection shows."""
        keys = [self._index.resolve(key, call.agent_id) for key in call.session_keys]
        self._viewers.show(ctx.conn_id, frozenset(keys))
        return Viewed(session_keys=[*dict.fromkeys(keys)])

    @handles(SessionsObserverVisibility)
    def set_visibility(self, ctx: Ctx, call: SessionsObserverVisibility) -> Done:
        """Note whether a person sees the connection's page."""
        self._viewers.set_visible(ctx.conn_id, call.visible)
        return Done(ok=True)

    @handles(SessionsDescribe)
    async def describe(self, _ctx: Ctx, call: SessionsDescribe) -> Described:
        """One row."""
        row = await self._index.row(
            self._index.resolve(call.key, call.agent_id),
            with_title=call.include_derived_titles,
            with_preview=call.include_last_message,
        )
        return Described(session=row)

    @handles(SessionsGet)
    async def get(self, _ctx: Ctx, call: SessionsGet) -> SessionMessages:
        """The newest messages."""
        name = call.key or call.session_key
        if name is None:
            raise InvalidRequest("key: say which session", {"field": "key"})
        session = await self._index.get(self._index.resolve(name, call.agent_id))
        if session is None:
            return SessionMessages(messages=[])
        limit = min(call.limit or 200, MAX_MESSAGES)
        page = await self._transcripts.history(session.session_id, limit=limit)
        return SessionMessages(messages=page.messages)

    @handles(SessionsPreview)
    async def preview(self, _ctx: Ctx, call: SessionsPreview) -> Previews:
        """The last lines of several sessions."""
        keys = [self._index.resolve(key) for key in call.keys]
        return await self._reader.previews(keys, call.limit, call.max_chars)

    @handles(SessionsResolve)
    async def resolve(self, _ctx: Ctx, call: SessionsResolve) -> Resolved:
        """Which session a name means."""
        found = await self._db.read(lambda tx: lookup.resolve(tx, call))
        if found is not None:
            return found
        if call.allow_missing:
            return Resolved(ok=False)
        name = call.key or call.session_id or call.label or call.short_id
        raise NotFound(f"no session found: {name or (call.reference and call.reference.key)}")

    @handles(SessionsSearch)
    async def search(self, _ctx: Ctx, call: SessionsSearch) -> SearchResults:
        """Matching messages."""
        if not call.query.strip():
            raise InvalidRequest("query: must not be empty", {"field": "query"})
        return await self._reader.search(call)

    @handles(SessionsBranchesList)
    async def branches(self, _ctx: Ctx, call: SessionsBranchesList) -> Branches:
        """The ways a conversation went."""
        session = await self._index.get(self._index.resolve(call.session_key, call.agent_id))
        found = [] if session is None else await self._transcripts.branches(session.session_id)
        return Branches(
            branches=[
                SessionBranch(
                    leaf_entry_id=branch.leaf_id,
                    headline=branch.headline,
                    message_count=branch.message_count,
                    updated_at=_iso(branch.updated_ms),
                    active=branch.active,
                )
                for branch in found
            ]
        )


def _iso(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
