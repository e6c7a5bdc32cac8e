"""SQL of session lists: which rows, in which order, and what a page says about all of them."""

from typing import Any, Final

import msgspec

from gateway.kernel.store.db import Tx
from gateway.kernel.store.keyset import decode_cursor, encode_cursor
from gateway.sessions import store
from gateway.sessions.model import Session
from protocol.methods.sessions import SessionFilter, SortBy
from protocol.nouns.session import Actor, Owner

DEFAULT_LIMIT: Final = 100
"""Rows when a client names no number. Observed: OpenClaw 2026.9.6 uses 100."""

MAX_LIMIT: Final = 1000
"""More rows than a person scrolls through; about 1.3 MB of answer."""

MAX_OWNED_FIRST: Final = 60
"""Source: OpenClaw docs/gateway/protocol/rpc-bootstrap-and-events.md, `ownerFirst` (2026.9.6)."""

MINUTE_MS: Final = 60_000

_SORTS: Final[dict[SortBy, tuple[str, ...]]] = {
    "updatedAt": ("pinned", "updated_ms", "key"),
    "lastInteractionAt": ("coalesce(last_interaction_ms, -1)", "key"),
    "activity": ("activity_ms", "key"),
}
"""What each order compares, largest first; the key makes it total."""

_SEARCHED: Final = ("key", "label", "title", "display_name", "session_id")

_FACETS: Final = "sessions INDEXED BY sessions_facets"
"""Said outright, because without statistics SQLite takes an index that makes it read every row."""

_OWNER: Final = "SELECT owner_json FROM sessions WHERE owner_id = ? LIMIT 1"

_INVOLVES: Final = """(owner_id = ? OR creator_id = ? OR EXISTS (
    SELECT 1 FROM json_each(participants_json) AS speaker
    WHERE json_extract(speaker.value, '$.type') = 'profile' AND json_extract(speaker.value, '$.id') = ?
))"""


class Viewer(msgspec.Struct, frozen=True):
    """On whose behalf a list is made."""

    profile_id: str | None
    agent_ids: tuple[str, ...]
    """The configured agents."""


class Page(msgspec.Struct, frozen=True):
    """Part of the index as one snapshot."""

    version: int
    sessions: list[Session]
    shared: int
    """How many of `sessions` belong to the page itself; the rest was put first for its owner."""
    total: int
    owners: list[Actor]
    people: list[tuple[str, int]]
    children: dict[str, list[str]]
    next_cursor: str | None


class _Where:
    """Conditions and their values."""

    def __init__(self) -> None:
        self.conditions: list[str] = []
        self.values: list[object] = []

    def add(self, condition: str, *values: object) -> None:
        self.conditions.append(condition)
        self.values += values

    def __str__(self) -> str:
        return " AND ".join(self.conditions) or "1"


def page(tx: Tx, wanted: SessionFilter, viewer: Viewer, now_ms: int) -> Page:
    """The page `wanted` describes.

    Raises:
        InvalidRequest: when its cursor is not one of this list.
    """
    version = store.version(tx)
    everyone = _conditions(wanted, viewer, now_ms)
    where = _owned_by(everyone, wanted)
    rows, next_cursor = _rows(tx, wanted, where)
    owned = _owned_first(tx, wanted, where, viewer)
    first = {session.key for session in owned}
    sessions = owned + [session for session in rows if session.key not in first]
    return Page(
        version=version,
        sessions=sessions,
        shared=len(rows),
        total=_count(tx, where),
        owners=_owners(tx, everyone),
        people=_people(tx, where) if wanted.include_people else [],
        children=store.children(tx, [session.key for session in sessions]),
        next_cursor=next_cursor,
    )


def limit_of(wanted: SessionFilter) -> int:
    """Rows of a page of `wanted`."""
    return min(wanted.limit or DEFAULT_LIMIT, MAX_LIMIT)


def _conditions(wanted: SessionFilter, viewer: Viewer, now_ms: int) -> _Where:
    where = _Where()
    if wanted.archived != "all":
        where.add(f"archived = {int(wanted.archived)}")
    _add_kinds(where, wanted, viewer)
    if wanted.label is not None:
        where.add("label = ?", wanted.label)
    if wanted.spawned_by is not None:
        where.add("spawned_by = ?", wanted.spawned_by)
    if wanted.active_only:
        where.add("active_runs_json != '[]'")
    if wanted.require_last_interaction:
        where.add("last_interaction_ms IS NOT NULL")
    if wanted.active_minutes is not None:
        when = "activity_ms" if wanted.sort_by == "activity" else "updated_ms"
        where.add(f"{when} >= ?", now_ms - wanted.active_minutes * MINUTE_MS)
    if wanted.board_face is not None:
        where.add("coalesce(json_extract(overrides_json, '$.boardFace'), 'chat') = ?", wanted.board_face)
    if wanted.has_board:
        # No session of ours has a board yet; a client that asks for those gets none.
        where.add("0")
    _add_people(where, wanted, viewer)
    if wanted.search and (text := wanted.search.strip()):
        pattern = f"%{_escaped(text)}%"
        where.add(
            "(" + " OR ".join(f"{column} LIKE ? ESCAPE '\\'" for column in _SEARCHED) + ")",
            *[pattern] * len(_SEARCHED),
        )
    return where


def _add_kinds(where: _Where, wanted: SessionFilter, viewer: Viewer) -> None:
    if not wanted.include_global:
        where.add("kind != 'global'")
    if not wanted.include_unknown:
        where.add("kind != 'unknown'")
    if wanted.agent_id is not None:
        where.add("(agent_id = ? OR agent_id IS NULL)", wanted.agent_id.strip().lower())
    if wanted.configured_agents_only and viewer.agent_ids:
        known = msgspec.json.encode(viewer.agent_ids).decode()
        where.add("(agent_id IS NULL OR agent_id IN (SELECT value FROM json_each(?)))", known)
    if wanted.exclude_cron:
        where.add("classification != 'cron'")
    if wanted.exclude_subagents:
        where.add("classification != 'subagent'")


def _add_people(where: _Where, wanted: SessionFilter, viewer: Viewer) -> None:
    if wanted.involving_profile_id is not None:
        where.add(_INVOLVES, *[wanted.involving_profile_id] * 3)
    if wanted.involving_me and viewer.profile_id is not None:
        where.add(_INVOLVES, *[viewer.profile_id] * 3)


def _owned_by(where: _Where, wanted: SessionFilter) -> _Where:
    """`where` with the conditions that the facet of owners ignores, so that it always shows all of them."""
    narrowed = _Where()
    narrowed.conditions, narrowed.values = [*where.conditions], [*where.values]
    if wanted.creator_id is not None:
        narrowed.add("creator_id = ?", wanted.creator_id)
    if wanted.owner_id is not None:
        narrowed.add("coalesce(owner_id, creator_id) = ?", wanted.owner_id)
    return narrowed


def _rows(tx: Tx, wanted: SessionFilter, where: _Where) -> tuple[list[Session], str | None]:
    sort = _SORTS[wanted.sort_by]
    limit = limit_of(wanted)
    after, values = _after(wanted, sort)
    order = ", ".join(f"{part} DESC" for part in sort)
    query = (
        f"{store.SELECT_WITH.format(', '.join(sort))} WHERE {where}{after} ORDER BY {order} LIMIT ? OFFSET ?"
    )
    found = tx.execute(query, (*where.values, *values, limit + 1, 0 if after else wanted.offset)).fetchall()
    width = len(sort)
    sessions = [store.decode(row[:-width]) for row in found[:limit]]
    return sessions, encode_cursor(found[limit - 1][-width:]) if len(found) > limit else None


def _after(wanted: SessionFilter, sort: tuple[str, ...]) -> tuple[str, tuple[Any, ...]]:
    if wanted.cursor is None:
        return "", ()
    if len(sort) == len(_SORTS["updatedAt"]):
        return f" AND ({', '.join(sort)}) < (?, ?, ?)", decode_cursor(wanted.cursor, tuple[int, int, str])
    return f" AND ({', '.join(sort)}) < (?, ?)", decode_cursor(wanted.cursor, tuple[int, str])


def _owned_first(tx: Tx, wanted: SessionFilter, where: _Where, viewer: Viewer) -> list[Session]:
    if not wanted.owner_first or wanted.offset or wanted.cursor or viewer.profile_id is None:
        return []
    order = ", ".join(f"{part} DESC" for part in _SORTS[wanted.sort_by])
    query = f"{store.SELECT} WHERE {where} AND owner_id = ? ORDER BY {order} LIMIT ?"
    limit = min(MAX_OWNED_FIRST, limit_of(wanted))
    return [store.decode(row) for row in tx.execute(query, (*where.values, viewer.profile_id, limit))]


def _count(tx: Tx, where: _Where) -> int:
    (count,) = tx.execute(f"SELECT count(*) FROM {_FACETS} WHERE {where}", where.values).fetchone()  # noqa: S608 - conditions of this module, values bound
    return count


def _owners(tx: Tx, where: _Where) -> list[Actor]:
    query = f"SELECT DISTINCT owner_id FROM {_FACETS} WHERE {where} AND owner_id IS NOT NULL"  # noqa: S608 - as above
    owners: list[Actor] = []
    for (owner_id,) in tx.execute(query, where.values).fetchall():
        # One row of each is enough; taking it from the rows above would read all of them.
        (text,) = tx.execute(_OWNER, (owner_id,)).fetchone()
        owners.append(msgspec.json.decode(text, type=Owner).actor)
    return owners


def _people(tx: Tx, where: _Where) -> list[tuple[str, int]]:
    query = (
        f"SELECT owner_id, count(*) FROM {_FACETS} WHERE {where} AND owner_id IS NOT NULL GROUP BY owner_id"  # noqa: S608 - as above
    )
    return list(tx.execute(query, where.values))


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
