"""Finding sessions by what people and links call them: label, id, short id, name."""

import re
from collections.abc import Iterable
from typing import Final

import msgspec

from gateway.kernel.store.db import Tx
from gateway.sessions import store
from gateway.sessions.keys import DEFAULT_AGENT, SessionKey, agent_of, canonical_key
from gateway.sessions.model import Session
from protocol.errors import InvalidRequest
from protocol.methods.sessions_reading import Candidate, Resolved, SessionsResolve

MAX_CANDIDATES: Final = 10
"""Source: schema of SessionsResolveResult, `candidates` has at most ten items."""

MIN_SHORT_ID_CHARS: Final = 4
"""Shorter beginnings of a UUID mean too many sessions."""

_NOT_SLUG: Final = re.compile(r"[^a-z0-9]+")

_SHORT_ID: Final = re.compile(rf"[0-9a-f]{{{MIN_SHORT_ID_CHARS},32}}")

_WITH_IDS: Final = f"{store.SELECT} WHERE session_id IN (SELECT value FROM json_each(?))"  # noqa: S608 - no text of others

_WITH_LABEL: Final = f"{store.SELECT} WHERE label = ? AND (? IS NULL OR agent_id = ?) ORDER BY key"

_WITH_SHORT_ID: Final = f"""{store.SELECT}
    WHERE replace(key, '-', '') LIKE ? AND (? IS NULL OR agent_id = ?)
    ORDER BY updated_ms DESC LIMIT ?"""

_NAMED: Final = f"""{store.SELECT}
    WHERE coalesce(label, display_name, title) IS NOT NULL AND (? IS NULL OR agent_id = ?)
    ORDER BY updated_ms DESC LIMIT ?"""

MAX_NAMED: Final = 5_000
"""Names compared with a link's slug; the newest ones when there are more."""


def by_ids(tx: Tx, session_ids: Iterable[str]) -> list[Session]:
    """The sessions whose present life has one of these ids."""
    ids = msgspec.json.encode(list(session_ids)).decode()
    return [store.decode(row) for row in tx.execute(_WITH_IDS, (ids,))]


def by_label(tx: Tx, label: str, agent_id: str | None) -> list[Session]:
    """Sessions that a person gave this name, of one agent when it is given."""
    return [store.decode(row) for row in tx.execute(_WITH_LABEL, (label, agent_id, agent_id))]


def resolve(tx: Tx, call: SessionsResolve) -> Resolved | None:
    """The session meant; `None` when there is none.

    Raises:
        InvalidRequest: when it is named in no way or in several.
    """
    _check_one_selector(call)
    found = [session for session in _found(tx, call) if _admitted(session, call)]
    if len(found) == 1:
        return _resolved(found[0])
    if not found:
        return None
    return Resolved(ok=False, candidates=[_candidate(session) for session in found[:MAX_CANDIDATES]])


def slug_of(name: str) -> str:
    """A name as it stands in links: lower case words joined by dashes."""
    return _NOT_SLUG.sub("-", name.lower()).strip("-")


def _check_one_selector(call: SessionsResolve) -> None:
    given = [
        name
        for name in ("key", "session_id", "label", "short_id", "reference")
        if getattr(call, name) is not None
    ]
    if call.slug_hint is not None and call.short_id is None:
        raise InvalidRequest("slugHint: needs shortId", {"field": "slugHint"})
    if len(given) != 1:
        raise InvalidRequest("give exactly one of key, sessionId, label, shortId or reference")


def _found(tx: Tx, call: SessionsResolve) -> list[Session]:
    if call.key is not None:
        return _some(store.find(tx, canonical_key(call.key, call.agent_id, "key")))
    if call.session_id is not None:
        by_id = store.find_by_id(tx, call.session_id)
        return _some(by_id or store.find(tx, canonical_key(call.session_id, call.agent_id, "sessionId")))
    if call.label is not None:
        return by_label(tx, call.label, call.agent_id)
    if call.short_id is not None:
        return _by_short_id(tx, call.short_id, call.slug_hint, call.agent_id)
    return _by_reference(tx, call)


def _by_short_id(tx: Tx, short_id: str, slug_hint: str | None, agent_id: str | None) -> list[Session]:
    plain = short_id.lower().replace("-", "")
    if _SHORT_ID.fullmatch(plain) is None:
        raise InvalidRequest(
            f"shortId: must be {MIN_SHORT_ID_CHARS}-32 hexadecimal digits", {"field": "shortId"}
        )
    rows = tx.execute(_WITH_SHORT_ID, (f"%:{plain}%", agent_id, agent_id, MAX_CANDIDATES + 1))
    found = [store.decode(row) for row in rows]
    if len(found) > 1 and slug_hint is not None:
        return [session for session in found if _slug(session).startswith(slug_hint)] or found
    return found


def _by_reference(tx: Tx, call: SessionsResolve) -> list[Session]:
    reference = call.reference
    if reference is None:
        return []
    exact = store.find(tx, canonical_key(reference.key, None, "reference"))
    if exact is not None or reference.slug is None:
        return _some(exact)
    rows = tx.execute(_NAMED, (call.agent_id, call.agent_id, MAX_NAMED))
    named = (store.decode(row) for row in rows)
    return [session for session in named if _slug(session) == reference.slug]


def _admitted(session: Session, call: SessionsResolve) -> bool:
    if call.spawned_by is not None and session.spawned_by != call.spawned_by:
        return False
    if call.key is not None:
        return True
    if session.kind == "global":
        return call.include_global
    return session.kind != "unknown" or call.include_unknown


def _some(session: Session | None) -> list[Session]:
    return [] if session is None else [session]


def _name(session: Session) -> str | None:
    return session.label or session.display_name or session.title


def _slug(session: Session) -> str:
    return slug_of(_name(session) or "")


def _resolved(session: Session) -> Resolved:
    return Resolved(
        ok=True,
        key=session.key,
        agent_id=_agent(session.key),
        display_name=_name(session),
        board_face=session.overrides.board_face,
    )


def _candidate(session: Session) -> Candidate:
    return Candidate(
        key=session.key,
        agent_id=_agent(session.key),
        display_name=_name(session),
        board_face=session.overrides.board_face,
    )


def _agent(key: SessionKey) -> str:
    return agent_of(key) or DEFAULT_AGENT
