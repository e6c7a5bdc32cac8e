"""Groups that people sort their sessions into: SQL and rules."""

from gateway.kernel.store.db import Database, Tx
from protocol.errors import Conflict, InvalidRequest, NotFound
from protocol.methods.sessions_groups import GroupDefaults, SessionGroup


class GroupList:
    """Groups and the order of the list's sections, as stored."""

    def __init__(self, groups: list[SessionGroup], section_order: list[str]) -> None:
        self.groups = groups
        self.section_order = section_order


class SessionGroups:
    """The groups; a session's is its `category`. A group lives from its first use until it is deleted."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def all(self) -> GroupList:
        """All groups in order."""
        return await self._db.read(_list)

    async def defaults(self) -> list[GroupDefaults]:
        """Groups that have defaults for new sessions."""
        return await self._db.read(_defaults)

    async def put(self, names: list[str], section_order: list[str] | None) -> GroupList:
        """Replace names and order.

        Raises:
            InvalidRequest: a name occurs twice, or a left-out group still has sessions.
        """

        def unit(tx: Tx) -> GroupList:
            _check_once(names)
            known = {group.name for group in _list(tx).groups}
            for lost in sorted(known - set(names)):
                _check_empty(tx, lost)
                tx.execute("DELETE FROM session_groups WHERE name = ?", (lost,))
            for position, name in enumerate(names):
                tx.execute(
                    "INSERT INTO session_groups (name, position) VALUES (?, ?)"
                    " ON CONFLICT (name) DO UPDATE SET position = excluded.position",
                    (name, position),
                )
            if section_order is not None:
                _put_sections(tx, section_order)
            return _list(tx)

        return await self._db.write(unit)

    async def rename(self, name: str, to: str) -> tuple[GroupList, int]:
        """Rename a group; also how many sessions moved with it.

        Raises:
            NotFound: there is no such group.
            Conflict: the new name is taken.
        """

        def unit(tx: Tx) -> tuple[GroupList, int]:
            _check_known(tx, name)
            if name != to and _exists(tx, to):
                raise Conflict(f'to: a group "{to}" exists already', {"field": "to"})
            tx.execute("UPDATE session_groups SET name = ? WHERE name = ?", (to, name))
            tx.execute("UPDATE session_sections SET name = ? WHERE name = ?", (to, name))
            moved = tx.execute("UPDATE sessions SET category = ? WHERE category = ?", (to, name)).rowcount
            return _list(tx), moved

        return await self._db.write(unit)

    async def update(self, name: str, cwd: str | None, worktree: bool) -> list[GroupDefaults]:
        """Set what new sessions of a group start with.

        Raises:
            NotFound: there is no such group.
        """

        def unit(tx: Tx) -> list[GroupDefaults]:
            _check_known(tx, name)
            tx.execute(
                "UPDATE session_groups SET cwd = ?, worktree = ? WHERE name = ?",
                (cwd, worktree or None, name),
            )
            return _defaults(tx)

        return await self._db.write(unit)

    async def delete(self, name: str) -> tuple[GroupList, int]:
        """Remove a group; also how many sessions belong to none now.

        Raises:
            NotFound: there is no such group.
        """

        def unit(tx: Tx) -> tuple[GroupList, int]:
            _check_known(tx, name)
            tx.execute("DELETE FROM session_groups WHERE name = ?", (name,))
            tx.execute("DELETE FROM session_sections WHERE name = ?", (name,))
            left = tx.execute("UPDATE sessions SET category = NULL WHERE category = ?", (name,)).rowcount
            return _list(tx), left

        return await self._db.write(unit)


def register(tx: Tx, name: str) -> None:
    """Make a group on its first use, after all others."""
    tx.execute(
        "INSERT INTO session_groups (name, position)"
        " SELECT ?, coalesce(max(position) + 1, 0) FROM session_groups WHERE true ON CONFLICT DO NOTHING",
        (name,),
    )


def _list(tx: Tx) -> GroupList:
    groups = [
        SessionGroup(name=name, position=position)
        for name, position in tx.execute("SELECT name, position FROM session_groups ORDER BY position, name")
    ]
    sections = [name for (name,) in tx.execute("SELECT name FROM session_sections ORDER BY position")]
    return GroupList(groups, sections)


def _defaults(tx: Tx) -> list[GroupDefaults]:
    rows = tx.execute(
        "SELECT name, cwd, worktree FROM session_groups"
        " WHERE cwd IS NOT NULL OR worktree IS NOT NULL ORDER BY position"
    )
    return [
        GroupDefaults(name=name, cwd=cwd, worktree=True if worktree else None) for name, cwd, worktree in rows
    ]


def _put_sections(tx: Tx, names: list[str]) -> None:
    tx.execute("DELETE FROM session_sections")
    tx.executemany("INSERT INTO session_sections (position, name) VALUES (?, ?)", enumerate(names))


def _exists(tx: Tx, name: str) -> bool:
    return tx.execute("SELECT 1 FROM session_groups WHERE name = ?", (name,)).fetchone() is not None


def _check_known(tx: Tx, name: str) -> None:
    if not _exists(tx, name):
        raise NotFound(f'name: there is no group "{name}"', {"field": "name"})


def _check_once(names: list[str]) -> None:
    if len(set(names)) != len(names):
        raise InvalidRequest("names: a name occurs twice", {"field": "names"})


def _check_empty(tx: Tx, name: str) -> None:
    (members,) = tx.execute("SELECT count(*) FROM sessions WHERE category = ?", (name,)).fetchone()
    if members:
        raise InvalidRequest(
            f'names: group "{name}" still has {members} sessions; delete the group first', {"field": "names"}
        )
