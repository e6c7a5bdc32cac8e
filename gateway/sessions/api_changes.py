"""The changing methods of the `sessions` family."""

from gateway.kernel.clock import Clock
from gateway.kernel.rpc.context import Ctx
from gateway.kernel.rpc.router import handles
from gateway.sessions import people
from gateway.sessions.entries import entry_of, resolved_of
from gateway.sessions.keys import SessionKey
from gateway.sessions.lifecycle import Birth, Sessions
from gateway.sessions.model import Overrides, Seed, Session
from gateway.sessions.patch import check_thinking, required_scope
from gateway.sessions.service import SessionIndex
from gateway.transcripts.model import StoredMessage
from gateway.transcripts.service import Transcripts
from gateway.transcripts.text import decode_message, words_of
from protocol.errors import GatewayError, InvalidRequest, NotFound, Unavailable
from protocol.ids import new_id
from protocol.method import Empty
from protocol.methods.sessions_changes import (
    Compacted,
    Created,
    Deleted,
    Forked,
    Patched,
    Reset,
    Rewound,
    ServerTiming,
    SessionsBranchesSwitch,
    SessionsCompact,
    SessionsCreate,
    SessionsDelete,
    SessionsFork,
    SessionsPatch,
    SessionsReset,
    SessionsRewind,
)
from protocol.scopes import Scope


class SessionChangesApi:
    """Create, patch, reset, compact, delete; branches and forks."""

    def __init__(
        self, *, index: SessionIndex, sessions: Sessions, transcripts: Transcripts, clock: Clock, path: str
    ) -> None:
        self._index = index
        self._sessions = sessions
        self._transcripts = transcripts
        self._clock = clock
        self._path = path

    @handles(SessionsCreate)
    async def create(self, ctx: Ctx, call: SessionsCreate) -> Created:
        """Create or adopt, then start the first run."""
        if call.permission_mode == "full" or call.incognito or call.exec_node is not None:
            ctx.principal.require(Scope.ADMIN)
        _check_offered(call)
        birth = self._birth(ctx, call)
        session = await self._sessions.create(birth)
        created = Created(
            ok=True,
            key=session.key,
            session_id=session.session_id,
            entry=entry_of(session),
            run_started=False,
            resolved=resolved_of(self._index.rows.facts(session)),
        )
        if (call.message or call.task or "").strip() or call.attachments:
            await self._start(ctx, call, session.key, created)
        return created

    @handles(SessionsPatch)
    async def patch(self, ctx: Ctx, call: SessionsPatch) -> Patched:
        """Change settings of one session."""
        ctx.principal.require(required_scope(call))
        key = self._index.resolve(call.key, call.agent_id)
        before = await self._index.get(key)
        self._check_choices(call, before or key)
        session = await self._sessions.patch(key, call, people.actor_of(ctx.principal))
        return Patched(
            ok=True,
            path=self._path,
            key=key,
            entry=entry_of(session),
            resolved=resolved_of(self._index.rows.facts(session)),
        )

    @handles(SessionsReset)
    async def reset(self, ctx: Ctx, call: SessionsReset) -> Reset:
        """Begin anew."""
        key = self._index.resolve(call.key, call.agent_id)
        seed = Seed(created_via="operator", creator=people.actor_of(ctx.principal))
        session = await self._sessions.reset(
            key, seed, expected_session_id=call.expected_session_id, is_new=call.reason == "new"
        )
        resolved = resolved_of(self._index.rows.facts(session))
        return Reset(ok=True, key=key, entry=entry_of(session), resolved=resolved)

    @handles(SessionsDelete)
    async def delete(self, ctx: Ctx, call: SessionsDelete) -> Deleted:
        """Forget."""
        if not call.archived_only:
            ctx.principal.require(Scope.ADMIN)
        key = self._index.resolve(call.key, call.agent_id)
        deleted, archived = await self._sessions.delete(key, call)
        return Deleted(ok=True, key=key, deleted=deleted, archived=archived)

    @handles(SessionsCompact)
    async def compact(self, _ctx: Ctx, call: SessionsCompact) -> Compacted:
        """Shorten what the agent sees."""
        key = self._index.resolve(call.key, call.agent_id)
        outcome = await self._sessions.compact(key, call.max_lines)
        if outcome is None:
            return Compacted(ok=True, key=key, compacted=False, reason="no such session")
        reason = None if outcome.compacted else "nothing to leave out"
        return Compacted(ok=True, key=key, compacted=outcome.compacted, kept=outcome.kept, reason=reason)

    @handles(SessionsBranchesSwitch)
    async def switch(self, _ctx: Ctx, call: SessionsBranchesSwitch) -> Empty:
        """Continue on another branch."""
        key = self._index.resolve(call.session_key, call.agent_id)
        await self._sessions.turn_to(key, call.leaf_entry_id, "switch")
        return Empty()

    @handles(SessionsRewind)
    async def rewind(self, _ctx: Ctx, call: SessionsRewind) -> Rewound:
        """Continue before a message."""
        key = self._index.resolve(call.session_key, call.agent_id)
        _, entry = await self._entry(key, call.entry_id)
        await self._sessions.turn_to(key, entry.parent_id, "rewind")
        return Rewound(editor_text=_text(entry))

    @handles(SessionsFork)
    async def fork(self, ctx: Ctx, call: SessionsFork) -> Forked:
        """Begin another session before a message."""
        key = self._index.resolve(call.session_key, call.agent_id)
        source, entry = await self._entry(key, call.entry_id)
        seed = Seed(
            created_via="operator",
            creator=people.actor_of(ctx.principal),
            parent_key=source.key,
            parent_session_id=source.session_id,
            fork=people.fork_of(source, call.entry_id),
            overrides=source.overrides,
        )
        birth = Birth(key=self._dashboard_key(source.agent_id), seed=seed, actor=ctx.principal.actor)
        made = await self._sessions.fork_before(birth, source, entry.parent_id)
        return Forked(session_key=made.key, editor_text=_text(entry))

    def _birth(self, ctx: Ctx, call: SessionsCreate) -> Birth:
        parent = None
        if call.parent_session_key is not None:
            parent = self._index.resolve(call.parent_session_key, call.agent_id)
        elif call.fork:
            raise InvalidRequest("parentSessionKey: say which session to fork", {"field": "parentSessionKey"})
        key = (
            self._dashboard_key(call.agent_id)
            if call.key is None
            else self._index.resolve(call.key, call.agent_id)
        )
        self._check_choices(call, key)
        seed = Seed(
            created_via="operator",
            creator=people.actor_of(ctx.principal),
            label=call.label,
            display_name=call.display_name,
            category=call.category,
            parent_key=parent,
            spawn_depth=call.spawn_depth or 0,
            overrides=Overrides(
                model=call.model,
                context_window=call.context_window,
                thinking_level=call.thinking_level,
                fast_mode=call.fast_mode,
                permission_mode=call.permission_mode,
            ),
        )
        return Birth(
            key=key,
            seed=seed,
            fork_of=parent if call.fork else None,
            actor=ctx.principal.actor,
            idempotency_key=call.idempotency_key,
        )

    def _dashboard_key(self, agent_id: str | None) -> SessionKey:
        return self._index.resolve(f"dashboard:{new_id()}", agent_id)

    async def _start(self, ctx: Ctx, call: SessionsCreate, key: SessionKey, created: Created) -> None:
        message = call.message or call.task or ""
        try:
            if self._index.first_message is None:
                raise Unavailable("no agent answers here; enable the chat feature")
            started = await self._index.first_message.start(
                ctx, key, message, call.attachments or [], call.idempotency_key
            )
        except GatewayError as error:
            # The session exists; the client keeps the text and sends it again there.
            created.run_error = error.shape()
            return
        created.run_started = True
        created.run_id = started.run_id
        created.status = started.status
        created.message_seq = started.message_seq
        created.server_timing = ServerTiming(received_to_ack_ms=self._clock.now_ms() - ctx.received_ms)

    def _check_choices(self, call: SessionsCreate | SessionsPatch, session: Session | SessionKey) -> None:
        facts = self._index.rows.facts(session)
        agents = self._index.rows.agents
        if isinstance(call.model, str) and agents is not None:
            agent_id = people.agent_of(session)
            chosen = agents.choose_model(agent_id, call.model)
            if chosen is None:
                raise InvalidRequest(
                    f'model: agent "{agent_id}" has no model "{call.model}"', {"field": "model"}
                )
            facts = chosen
        check_thinking(call.thinking_level, facts)

    async def _entry(self, key: SessionKey, entry_id: str) -> tuple[Session, StoredMessage]:
        session = await self._index.get(key)
        if session is None:
            raise NotFound(f"sessionKey: there is no session {key}", {"field": "sessionKey"})
        entry = await self._transcripts.message(session.session_id, entry_id)
        if entry is None:
            raise NotFound("entryId: no such message in this conversation", {"field": "entryId"})
        return session, entry


def _text(entry: StoredMessage) -> str | None:
    return words_of(decode_message(entry.message)) or None if entry.role == "user" else None


def _check_offered(call: SessionsCreate) -> None:
    """Refuse what would otherwise be silently less private or run elsewhere than was asked."""
    if call.incognito:
        raise InvalidRequest(
            "incognito: sessions that leave no trace are not offered here", {"field": "incognito"}
        )
    if call.exec_node is not None:
        raise InvalidRequest("execNode: a session cannot be bound to a node here", {"field": "execNode"})
