"""SQL of the session index, for use inside anybody's `state.db` unit of work.

Chat, for one, accepts a message, ensures its session and queues the run in a single transaction:

    session = sessions.ensure(tx, key, Seed(created_via="operator", creator=actor), now_ms)
    session = sessions.accept_run(tx, session, run_id, now_ms, speaker)
"""

from collections.abc import Sequence
from typing import Any, Final, Literal

import msgspec

from gateway.kernel.store.db import Tx
from gateway.sessions.keys import SessionKey, agent_of, classification_of, kind_of
from gateway.sessions.model import Delivery, Overrides, RunUsage, Seed, Session
from protocol.ids import new_id
from protocol.nouns.session import Actor, ForkSource, Identity, Owner

PREVIEW_CHARS: Final = 200
"""What fits two lines of a session list."""

TITLE_CHARS: Final = 60
"""Longest title made from a first message. Observed: a derived title of 60 characters."""

MAX_PARTICIPANTS: Final = 64
"""A public group may have thousands of speakers; the first ones are remembered."""

MAX_CHILDREN: Final = 100
"""Every new chat of the Control UI is a child of the main session; naming thousands would swell its row."""

_PARENTS: Final = """SELECT value FROM json_each(?) AS parent
    WHERE EXISTS (SELECT 1 FROM sessions WHERE parent_key = parent.value)"""

_CHILDREN: Final = "SELECT key FROM sessions WHERE parent_key = ? ORDER BY created_ms DESC, key DESC LIMIT ?"

RunEnd = Literal["done", "failed", "killed", "timeout"]

_FIELDS: Final = Session.__struct_fields__

_JSON_TYPES: Final[dict[str, Any]] = {
    "delivery": Delivery,
    "fork": ForkSource,
    "creator": Actor,
    "owner": Owner,
    "archived_by": Actor,
    "participants": tuple[Identity, ...],
    "active_runs": tuple[str, ...],
    "overrides": Overrides,
}
"""Fields stored as JSON, in columns named `<field>_json`."""

_DECODERS: Final = {name: msgspec.json.Decoder(kind) for name, kind in _JSON_TYPES.items()}

_BOOLS: Final = frozenset({"aborted_last_run", "system_sent"})

_DERIVED: Final = ("creator_id", "owner_id")
"""Columns that repeat an id inside a JSON column, so that lists can filter by it."""

_COLUMNS: Final = tuple(f"{name}_json" if name in _JSON_TYPES else name for name in _FIELDS)

_COLUMN_OF: Final = dict(zip(_FIELDS, _COLUMNS, strict=True))

SELECT: Final = f"SELECT {', '.join(_COLUMNS)} FROM sessions"  # noqa: S608 - column names are this module's own
"""The columns `decode` reads."""

SELECT_WITH: Final = f"SELECT {', '.join(_COLUMNS)}, {{}} FROM sessions"  # noqa: S608 - as above
"""The same with more columns after them."""


def decode(row: tuple[Any, ...]) -> Session:
    """A row of `SELECT` as a session."""
    values: dict[str, Any] = dict(zip(_FIELDS, row, strict=True))
    for name, decoder in _DECODERS.items():
        if values[name] is not None:
            values[name] = decoder.decode(values[name])
    for name in _BOOLS:
        if values[name] is not None:
            values[name] = bool(values[name])
    return Session(**values)


def find(tx: Tx, key: SessionKey) -> Session | None:
    """The session under a canonical key, archived ones included."""
    row = tx.execute(f"{SELECT} WHERE key = ?", (key,)).fetchone()
    return None if row is None else decode(row)


def find_by_id(tx: Tx, session_id: str) -> Session | None:
    """The session whose present life has this id."""
    row = tx.execute(f"{SELECT} WHERE session_id = ?", (session_id,)).fetchone()
    return None if row is None else decode(row)


def ensure(tx: Tx, key: SessionKey, seed: Seed, now_ms: int) -> Session:
    """The session under `key`, created from `seed` when there is none."""
    return find(tx, key) or insert(tx, key, seed, now_ms)


def insert(tx: Tx, key: SessionKey, seed: Seed, now_ms: int, *, session_id: str | None = None) -> Session:
    """A new session, with an id chosen beforehand where its transcript exists already.

    Raises:
        sqlite3.IntegrityError: when the key is taken.
    """
    session = _born(key, seed, session_id or new_id(), now_ms)
    columns = (*_COLUMNS, *_DERIVED)
    values = [_encoded(name, getattr(session, name)) for name in _FIELDS]
    values += [_id_of(session.creator), _id_of(session.owner)]
    holes = ", ".join("?" * len(columns))
    tx.execute(f"INSERT INTO sessions ({', '.join(columns)}) VALUES ({holes})", values)  # noqa: S608 - our columns
    return session


def change(tx: Tx, session: Session, **changes: object) -> Session:
    """`session` with `changes`, stored; only columns that differ are written."""
    changed = msgspec.structs.replace(session, **changes)
    updates: dict[str, object] = {
        _COLUMN_OF[name]: _encoded(name, value)
        for name, value in changes.items()
        if value != getattr(session, name)
    }
    if "owner_json" in updates:
        updates["owner_id"] = _id_of(changed.owner)
    if updates:
        assignments = ", ".join(f"{column} = ?" for column in updates)
        tx.execute(
            f"UPDATE sessions SET {assignments} WHERE key = ?",  # noqa: S608 - our columns
            (*updates.values(), session.key),
        )
    return changed


def remove(tx: Tx, key: SessionKey) -> None:
    """Forget a session; its transcript is not touched. Children keep the key of a parent that is gone."""
    tx.execute("DELETE FROM sessions WHERE key = ?", (key,))


def add_erasure(tx: Tx, session_id: str, now_ms: int) -> None:
    """Note that a transcript is still to be hidden in its own file."""
    tx.execute("INSERT OR IGNORE INTO session_erasures VALUES (?, ?)", (session_id, now_ms))


def drop_erasure(tx: Tx, session_id: str) -> None:
    """Note that it is hidden."""
    tx.execute("DELETE FROM session_erasures WHERE session_id = ?", (session_id,))


def erasures(tx: Tx) -> list[str]:
    """Transcripts still to be hidden."""
    return [session_id for (session_id,) in tx.execute("SELECT session_id FROM session_erasures")]


def accept_run(
    tx: Tx, session: Session, run_id: str, now_ms: int, speaker: Identity | None = None
) -> Session:
    """Note that a run waits for its turn, because `speaker` (or the gateway itself) said something."""
    changes: dict[str, object] = {
        "active_runs": (*(run for run in session.active_runs if run != run_id), run_id),
        "status": session.status if session.active_runs else "queued",
        "updated_ms": now_ms,
    }
    if speaker is not None:
        changes["last_interaction_ms"] = now_ms
        changes["participants"] = joined(session.participants, speaker)
    return change(tx, session, **changes)


def start_run(tx: Tx, session: Session, run_id: str, now_ms: int) -> Session:
    """Note that a run has its turn."""
    active = session.active_runs if run_id in session.active_runs else (*session.active_runs, run_id)
    return change(
        tx,
        session,
        active_runs=active,
        status="running",
        run_started_ms=now_ms,
        run_ended_ms=None,
        last_run_error=None,
        aborted_last_run=False,
        system_sent=True,
        updated_ms=now_ms,
    )


def end_run(
    tx: Tx,
    session: Session,
    run_id: str,
    now_ms: int,
    status: RunEnd,
    *,
    error: str | None = None,
    usage: RunUsage | None = None,
) -> Session:
    """Note that a run is over: answered, failed, aborted (`killed`) or out of time."""
    remaining = tuple(run for run in session.active_runs if run != run_id)
    changes: dict[str, object] = {
        "active_runs": remaining,
        "status": status if not remaining else "queued",
        "last_run_id": run_id,
        "run_ended_ms": now_ms,
        "last_run_error": error,
        "aborted_last_run": status == "killed",
        "last_activity_ms": now_ms,
        "updated_ms": now_ms,
    }
    if usage is not None:
        given = msgspec.structs.asdict(usage).items()
        changes.update({name: value for name, value in given if value is not None})
    return change(tx, session, **changes)


def said(tx: Tx, session: Session, text: str, now_ms: int, *, by_person: bool) -> Session:
    """Keep the beginning of the newest message as preview, and of a person's first one as title."""
    line = " ".join(text.split())
    changes: dict[str, object] = {"preview": clipped(line, PREVIEW_CHARS) or None, "updated_ms": now_ms}
    if by_person and session.title is None and line:
        changes["title"] = clipped(line, TITLE_CHARS)
    return change(tx, session, **changes)


def with_active_runs(tx: Tx) -> list[Session]:
    """Sessions with queued or running runs: after a crash, those whose runs were interrupted."""
    return [decode(row) for row in tx.execute(f"{SELECT} WHERE active_runs_json != '[]' ORDER BY key")]


def version(tx: Tx) -> int:
    """Grows with every committed change of the index."""
    (value,) = tx.execute("SELECT version FROM session_version").fetchone()
    return value


def children(tx: Tx, keys: Sequence[SessionKey]) -> dict[str, list[str]]:
    """Keys of the newest sessions made from each of `keys`, by parent; at most `MAX_CHILDREN` of each."""
    parents = tx.execute(_PARENTS, (msgspec.json.encode(keys).decode(),)).fetchall()
    return {
        parent: [child for (child,) in tx.execute(_CHILDREN, (parent, MAX_CHILDREN))] for (parent,) in parents
    }


def clipped(text: str, limit: int) -> str:
    """The beginning of `text`, at most `limit` characters, without a blank at the end."""
    return text if len(text) <= limit else text[:limit].rstrip()


def joined(participants: tuple[Identity, ...], speaker: Identity) -> tuple[Identity, ...]:
    """`participants` with `speaker` among them once."""
    if speaker in participants or len(participants) >= MAX_PARTICIPANTS:
        return participants
    return (*participants, speaker)


def _born(key: SessionKey, seed: Seed, session_id: str, now_ms: int) -> Session:
    values: dict[str, Any] = dict.fromkeys(_FIELDS)
    values.update(msgspec.structs.asdict(seed))
    values.update(
        key=key,
        session_id=session_id,
        lifecycle_revision=new_id(),
        agent_id=agent_of(key),
        kind=kind_of(key),
        classification=classification_of(key),
        participants=(),
        active_runs=(),
        owner=None if seed.creator is None else Owner(actor=seed.creator),
        system_sent=False,
        created_ms=now_ms,
        updated_ms=now_ms,
        started_ms=now_ms,
    )
    return Session(**values)


def _encoded(name: str, value: object) -> object:
    if value is None or name not in _JSON_TYPES:
        return value
    # As text: SQL compares these columns with literals such as '[]', and people read them with sqlite3.
    return msgspec.json.encode(value).decode()


def _id_of(actor: Actor | Owner | None) -> str | None:
    if isinstance(actor, Owner):
        actor = actor.actor
    return None if actor is None else actor.id
