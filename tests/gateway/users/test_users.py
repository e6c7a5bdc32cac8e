"""The owner, and preferences that all their devices share (row S1.B-4)."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gateway.kernel.net.hub import Hub
from gateway.kernel.net.local import OWNER_PROFILE
from gateway.kernel.net.outbox import Pending
from gateway.kernel.rpc.context import Principal
from gateway.kernel.store.db import Database
from gateway.kernel.store.migrate import load_migrations
from gateway.users.service import MAX_PREF_BYTES, MAX_PREFS, TooManyPrefs, Users
from protocol.connect import ClientInfo
from protocol.errors import Forbidden, InvalidRequest
from protocol.scopes import Role, Scope
from tests.support.clock import FakeClock


def caller(profile_id: str | None = OWNER_PROFILE, *scopes: Scope) -> Principal:
    return Principal(
        conn_id="c",
        role=Role.OPERATOR,
        scopes=scopes or (Scope.READ, Scope.WRITE),
        client=ClientInfo(id="cli", version="1", platform="linux", mode="cli"),
        device_id="d1",
        profile_id=profile_id,
        caps=frozenset(),
        remote_ip="127.0.0.1",
        auth_method="token",
    )


OWNER = caller()
NOBODY = caller(None)


def raw(**entries: Any) -> dict[str, msgspec.Raw]:
    return {key: msgspec.Raw(msgspec.json.encode(value)) for key, value in entries.items()}


def plain(entries: dict[str, msgspec.Raw] | None) -> dict[str, Any]:
    assert entries is not None
    return {key: msgspec.json.decode(value) for key, value in entries.items()}


class Listener:
    """A connection at the hub's seam."""

    resumable = False
    lagging = False

    def __init__(self, principal: Principal) -> None:
        self.principal = msgspec.structs.replace(principal, conn_id=str(id(self)))
        self.payloads: list[dict[str, Any]] = []

    def deliver(self, pending: Pending) -> None:
        self.payloads.append(msgspec.json.decode(pending.event.frame(None, None))["payload"])

    def close(self, code: int, reason: str) -> None:
        raise AssertionError((code, reason))


class World:
    """People on a real database."""

    def __init__(self, db: Database) -> None:
        self.hub = Hub("epoch")
        self.clock = FakeClock()
        self.users = Users(db, self.hub, self.clock)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    db = await Database.open(tmp_path / "state.db", load_migrations("users", "gateway.users"), durable=False)
    made = World(db)
    await made.users.start()
    yield made
    await db.close()


async def test_there_is_one_owner_and_a_restart_keeps_them(world: World) -> None:
    began_ms = world.clock.now_ms()
    await world.users.set_display_name(OWNER, OWNER_PROFILE, " Ann ")
    await world.clock.advance(60)
    await world.users.start()
    (owner,) = await world.users.profiles()
    assert (owner.id, owner.display_name, owner.created_at) == (OWNER_PROFILE, "Ann", began_ms)
    assert await world.users.self_of(OWNER) == owner


async def test_the_shared_secret_alone_names_nobody(world: World) -> None:
    with pytest.raises(Forbidden, match="requires an authenticated user"):
        await world.users.self_of(NOBODY)
    assert await world.users.prefs(NOBODY, None) is None
    assert await world.users.set_prefs(NOBODY, raw(a=1), None) is None


async def test_names_are_given_by_oneself_or_an_admin(world: World) -> None:
    with pytest.raises(Forbidden):
        await world.users.set_display_name(NOBODY, OWNER_PROFILE, "Bob")
    admin = caller(None, Scope.ADMIN)
    assert (await world.users.set_display_name(admin, OWNER_PROFILE, "Bob")).display_name == "Bob"
    assert (await world.users.set_display_name(OWNER, OWNER_PROFILE, "  ")).display_name is None
    with pytest.raises(InvalidRequest, match="user profile not found: nope"):
        await world.users.set_display_name(admin, "nope", "x")


async def test_preferences_are_stored_replaced_and_removed(world: World) -> None:
    assert await world.users.set_prefs(OWNER, raw(a=1, b={"x": [1]}), None)
    assert plain(await world.users.prefs(OWNER, None)) == {"a": 1, "b": {"x": [1]}}
    assert plain(await world.users.prefs(OWNER, ["b", "c"])) == {"b": {"x": [1]}}
    assert await world.users.set_prefs(OWNER, raw(a=None, b=2), None)
    assert plain(await world.users.prefs(OWNER, None)) == {"b": 2}


async def test_an_expectation_that_fails_stores_nothing(world: World) -> None:
    await world.users.set_prefs(OWNER, raw(a={"x": 1, "y": 2}), None)
    assert await world.users.set_prefs(OWNER, raw(a=5, b=5), raw(a={"x": 1})) is False
    assert plain(await world.users.prefs(OWNER, None)) == {"a": {"x": 1, "y": 2}}
    assert await world.users.set_prefs(OWNER, raw(a=5), raw(a={"y": 2, "x": 1}, c=None)) is True


async def test_only_the_persons_own_readers_hear_of_changes(world: World) -> None:
    own, other, blind = (
        Listener(OWNER),
        Listener(caller("somebody-else")),
        Listener(caller(OWNER_PROFILE, Scope.PAIRING)),
    )
    for listener in (own, other, blind):
        world.hub.join(listener)
    await world.users.set_prefs(OWNER, raw(a=1), None)
    await world.users.set_prefs(OWNER, raw(a=2), raw(a=7))
    await world.users.set_prefs(OWNER, {}, None)
    assert own.payloads == [{"profileId": OWNER_PROFILE, "keys": ["a"]}]
    assert (other.payloads, blind.payloads) == ([], [])


@pytest.mark.parametrize("key", ["", "x" * 257, "a\nb"])
async def test_unusable_keys_are_refused(world: World, key: str) -> None:
    with pytest.raises(InvalidRequest, match="invalid-key"):
        await world.users.set_prefs(OWNER, {key: msgspec.Raw(b"1")}, None)


async def test_preferences_are_bounded_in_size_and_number(world: World) -> None:
    with pytest.raises(InvalidRequest, match="value-too-large"):
        await world.users.set_prefs(OWNER, raw(a="x" * MAX_PREF_BYTES), None)
    await world.users.set_prefs(OWNER, raw(**{f"k{number}": 1 for number in range(MAX_PREFS)}), None)
    with pytest.raises(TooManyPrefs) as caught:
        await world.users.set_prefs(OWNER, raw(more=1), None)
    assert caught.value.details["code"] == "USER_PREFS_LIMIT_EXCEEDED"
    assert caught.value.details["limit"] == MAX_PREFS
    assert "more" not in plain(await world.users.prefs(OWNER, None))
