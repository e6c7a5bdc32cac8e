"""The session index: resolve names, look up, list."""

from typing import Final

import msgspec

from gateway.kernel.clock import Clock
from gateway.kernel.ports import AgentCatalog, FirstMessage, RunStopper
from gateway.kernel.store.db import Database, Tx
from gateway.sessions import query, store
from gateway.sessions.keys import SessionKey, canonical_key
from gateway.sessions.model import Seed, Session
from gateway.sessions.pages import PageCache
from gateway.sessions.query import Page, Viewer
from gateway.sessions.rows import RowMaker, shown_actor
from protocol.methods.sessions import PersonIdentity, SessionFilter, SessionList, SessionPerson
from protocol.nouns.session import SessionDefaults, SessionRow

_encode: Final = msgspec.json.Encoder().encode


class SessionIndex:
    """Which sessions there are. Nothing is loaded at start; `state.db` holds the only copy."""

    def __init__(self, db: Database, clock: Clock, path: str) -> None:
        self._db = db
        self._clock = clock
        self._path = path
        self._pages = PageCache()
        self._version = (-1, 0)
        """The index's version, behind the number of commits it was read at."""
        self.rows = RowMaker()
        self.first_message: FirstMessage | None = None
        self.run_stopper: RunStopper | None = None

    def attach_agents(self, catalog: AgentCatalog) -> None:
        """Take models and thinking levels of rows from `catalog`; `agents` calls this once during setup."""
        self.rows.agents = catalog
        self.forget_pages()

    def attach_turns(self, first: FirstMessage, stopper: RunStopper) -> None:
        """Let `sessions.create` start a run, and archive, reset and delete stop them; `chat` calls this."""
        self.first_message = first
        self.run_stopper = stopper

    def forget_pages(self) -> None:
        """Make the next list afresh: something beside the index that it shows has changed."""
        self._pages.clear()

    def resolve(self, key_or_alias: str | None, agent_id: str | None = None) -> SessionKey:
        """The canonical key of what a client calls a session; see `gateway.sessions.keys`.

        Raises:
            InvalidRequest: when it cannot be a key.
        """
        return canonical_key(key_or_alias, agent_id, default_agent=self.rows.default_agent())

    async def get(self, key: SessionKey) -> Session | None:
        """The session under a canonical key, archived ones included."""
        return await self._db.read(lambda tx: store.find(tx, key))

    async def get_by_id(self, session_id: str) -> Session | None:
        """The session whose present life has this id."""
        return await self._db.read(lambda tx: store.find_by_id(tx, session_id))

    async def ensure(self, key: SessionKey, seed: Seed) -> Session:
        """The session under `key`, created when there is none. Inside a unit use `store.ensure(tx, …)`."""
        now_ms = self._clock.now_ms()
        return await self._db.write(lambda tx: store.ensure(tx, key, seed, now_ms))

    async def row(
        self, key: SessionKey, *, with_title: bool = True, with_preview: bool = True
    ) -> SessionRow | None:
        """What lists and events show of a session."""

        def look(tx: Tx) -> tuple[Session | None, list[str]]:
            return store.find(tx, key), store.children(tx, (key,)).get(key, [])

        session, children = await self._db.read(look)
        if session is None:
            return None
        return self.rows.row(
            session,
            self._clock.now_ms(),
            children=children,
            with_title=with_title,
            with_preview=with_preview,
        )

    async def row_or_blank(self, key: SessionKey) -> SessionRow:
        """As `row`; a session that does not exist yet is a name only (`sessionInfo` of a new chat)."""
        return await self.row(key) or self.rows.blank(key, self._clock.now_ms())

    def defaults(self, agent_id: str | None) -> SessionDefaults:
        """The `defaults` member of lists and histories."""
        return self.rows.defaults(agent_id)

    async def page(self, wanted: SessionFilter, profile_id: str | None) -> msgspec.Raw:
        """A `SessionList`, encoded, for a caller; the bytes are shared between equal questions.

        Raises:
            InvalidRequest: when `wanted.cursor` is not one of this list.
        """
        personal = wanted.owner_first or wanted.involving_me
        viewer = self._viewer(profile_id if personal else None)
        if wanted.active_minutes is not None:
            # The answer changes as time passes, without any change of the index.
            return msgspec.Raw((await self._encoded(wanted, viewer))[1])
        version = await self._current_version()
        question = _encode((msgspec.structs.astuple(_plain(wanted)), viewer))
        return msgspec.Raw(await self._pages.get(version, question, lambda: self._encoded(wanted, viewer)))

    async def _current_version(self) -> int:
        """The version of the index; the database is only asked after a commit."""
        commits = self._db.commits
        seen_at, version = self._version
        if seen_at != commits:
            version = await self._db.read(store.version)
            self._version = (commits, version)
        return version

    async def listed(self, wanted: SessionFilter, profile_id: str | None) -> Page:
        """The sessions of a page, for callers that go on working with them."""
        viewer = self._viewer(profile_id)
        now_ms = self._clock.now_ms()
        return await self._db.read(lambda tx: query.page(tx, wanted, viewer, now_ms))

    def _viewer(self, profile_id: str | None) -> Viewer:
        agents = self.rows.agents
        return Viewer(profile_id, agents.agent_ids() if agents is not None else ())

    async def _encoded(self, wanted: SessionFilter, viewer: Viewer) -> tuple[int, bytes]:
        now_ms = self._clock.now_ms()

        def make(tx: Tx) -> tuple[int, bytes]:
            found = query.page(tx, wanted, viewer, now_ms)
            return found.version, _encode(self._list(wanted, found, now_ms))

        return await self._db.read(make)

    def _list(self, wanted: SessionFilter, found: Page, now_ms: int) -> SessionList:
        has_more = found.next_cursor is not None
        return SessionList(
            ts=now_ms,
            path=self._path,
            count=len(found.sessions),
            total_count=found.total,
            limit_applied=query.limit_of(wanted),
            offset=wanted.offset or None,
            next_offset=wanted.offset + found.shared if has_more and wanted.cursor is None else None,
            next_cursor=found.next_cursor,
            has_more=has_more,
            owners=[actor for owner in found.owners if (actor := shown_actor(owner)) is not None],
            people=_people(found) if wanted.include_people else None,
            defaults=self.defaults(wanted.agent_id),
            sessions=[
                self.rows.row(
                    session,
                    now_ms,
                    children=found.children.get(session.key, ()),
                    with_title=wanted.include_derived_titles,
                    with_preview=wanted.include_last_message,
                )
                for session in found.sessions
            ],
        )


def _people(found: Page) -> list[SessionPerson]:
    return [
        SessionPerson(identity=PersonIdentity(type="profile", id=profile_id), session_count=count)
        for profile_id, count in found.people
    ]


def _plain(wanted: SessionFilter) -> SessionFilter:
    """The filter alone, whichever call carried it: a subscription and a list share their answers."""
    return msgspec.convert(wanted, SessionFilter, from_attributes=True)
