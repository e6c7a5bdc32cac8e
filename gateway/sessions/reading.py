"""Reads that need both the index and the transcripts: previews and search."""

from typing import Final

from gateway.kernel.clock import Clock
from gateway.kernel.store.db import Database, Tx
from gateway.sessions import lookup, store
from gateway.sessions.keys import SessionKey
from gateway.sessions.model import Session
from gateway.sessions.service import SessionIndex
from gateway.transcripts.model import SearchHit
from gateway.transcripts.service import Transcripts
from gateway.transcripts.text import decode_message, words_of
from protocol.methods.sessions_reading import (
    Preview,
    PreviewItem,
    PreviewRole,
    Previews,
    SearchResult,
    SearchResults,
    SearchScope,
    SessionsSearch,
)
from protocol.nouns.message import TranscriptMessage
from protocol.nouns.session import SessionRow

MAX_PREVIEWS: Final = 64
"""Sessions of one preview. Observed: OpenClaw 2026.9.6 ignores further keys."""

MAX_PREVIEW_LINES: Final = 100
"""More than any list shows of one session."""

SEARCHED_HITS: Final = 200
"""Messages looked at before those of left-out sessions are dropped; a result list has at most 25."""

_ROLES: Final[dict[str, PreviewRole]] = {
    "user": "user",
    "assistant": "assistant",
    "toolResult": "tool",
    "system": "system",
}


class SessionReader:
    """Previews and full-text search over the sessions of the index."""

    def __init__(self, db: Database, clock: Clock, index: SessionIndex, transcripts: Transcripts) -> None:
        self._db = db
        self._clock = clock
        self._index = index
        self._transcripts = transcripts

    async def previews(self, keys: list[SessionKey], limit: int, max_chars: int) -> Previews:
        """The last lines of each session, in the order asked for."""
        wanted = keys[:MAX_PREVIEWS]
        found = await self._db.read(lambda tx: [store.find(tx, key) for key in wanted])
        previews = [
            await self._preview(key, session, min(limit, MAX_PREVIEW_LINES), max_chars)
            for key, session in zip(wanted, found, strict=True)
        ]
        return Previews(ts=self._clock.now_ms(), previews=previews)

    async def search(self, call: SessionsSearch) -> SearchResults:
        """Matching messages of sessions that are in the index, best first."""
        keys = None if call.session_keys is None else [self._index.resolve(key) for key in call.session_keys]
        wanted = None if keys is None else await self._db.read(lambda tx: _found(tx, keys))
        ids = None if wanted is None else [session.session_id for session in wanted]
        hits = await self._transcripts.search(call.query, session_ids=ids, limit=SEARCHED_HITS)
        sessions = await self._db.read(lambda tx: lookup.by_ids(tx, {hit.session_id for hit in hits}))
        scope = call.scope or SearchScope(archived="all", include_global=True, include_unknown=True)
        agents = self._index.rows.agents
        known = agents.agent_ids() if agents is not None and scope.configured_agents_only else None
        agent_id = call.agent_id or scope.agent_id
        shown = {
            session.session_id: session
            for session in sessions
            if _in_scope(session, scope, known) and (agent_id or session.agent_id) == session.agent_id
        }
        matching = [hit for hit in hits if hit.session_id in shown]
        results = [_result(hit, shown[hit.session_id]) for hit in matching[: call.limit]]
        return SearchResults(
            results=results,
            sessions=None if call.scope is None else self._rows(results, shown),
            truncated=True if len(matching) > call.limit or len(hits) == SEARCHED_HITS else None,
        )

    def _rows(self, results: list[SearchResult], shown: dict[str, Session]) -> list[SessionRow]:
        now_ms = self._clock.now_ms()
        ids = dict.fromkeys(result.session_id for result in results)
        make = self._index.rows.row
        return [make(shown[each], now_ms, with_title=False, with_preview=False) for each in ids]

    async def _preview(self, key: SessionKey, session: Session | None, limit: int, max_chars: int) -> Preview:
        if session is None:
            return Preview(key=key, status="missing", items=[])
        page = await self._transcripts.history(session.session_id, limit=limit)
        items = [item for message in page.messages if (item := _line(message, max_chars)) is not None]
        return Preview(key=key, status="ok" if items else "empty", items=items)


def _found(tx: Tx, keys: list[SessionKey]) -> list[Session]:
    return [session for key in keys if (session := store.find(tx, key)) is not None]


def _in_scope(session: Session, scope: SearchScope, known: tuple[str, ...] | None) -> bool:
    if scope.archived not in {"all", session.archived_ms is not None}:
        return False
    if known is not None and session.agent_id is not None and session.agent_id not in known:
        return False
    left_out = {
        "global": not scope.include_global,
        "unknown": not scope.include_unknown,
        "cron": scope.exclude_cron,
        "subagent": scope.exclude_subagents,
        "heartbeat": scope.exclude_system,
    }
    return not (left_out.get(session.kind, False) or left_out.get(session.classification, False))


def _result(hit: SearchHit, session: Session) -> SearchResult:
    return SearchResult(
        session_key=session.key,
        session_id=hit.session_id,
        message_id=hit.message_id,
        role=hit.role,
        timestamp=hit.timestamp,
        snippet=hit.snippet,
        score=hit.score,
    )


def _line(message: TranscriptMessage, max_chars: int) -> PreviewItem | None:
    said = decode_message(message)
    text = " ".join(words_of(said).split())
    if not text:
        return None
    role = _ROLES.get(str(said.get("role")), "other")
    return PreviewItem(role=role, text=store.clipped(text, max_chars))
