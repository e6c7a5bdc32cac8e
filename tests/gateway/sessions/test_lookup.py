"""Finding a session by what people and links call it."""

from typing import Any

import pytest

from gateway.sessions import lookup
from gateway.sessions.lookup import slug_of
from protocol.errors import InvalidRequest
from protocol.methods.sessions_reading import Reference, Resolved, SessionsResolve
from tests.gateway.sessions.conftest import House

UUID = "140a66ad-48d8-445e-ac65-d2951305a7ab"
TWIN = "140a66ad-1111-445e-ac65-d2951305a7ab"


async def resolve(house: House, **call: Any) -> Resolved | None:
    return await house.db.read(lambda tx: lookup.resolve(tx, SessionsResolve(**call)))


async def found(house: House, **call: Any) -> str | None:
    resolved = await resolve(house, **call)
    return None if resolved is None else resolved.key


async def test_by_key_id_and_label(house: House) -> None:
    session = await house.make("dashboard:1", label="Plans")
    assert await found(house, key="dashboard:1") == session.key
    assert await found(house, session_id=session.session_id) == session.key
    assert await found(house, session_id="dashboard:1") == session.key
    assert await found(house, label="Plans") == session.key
    assert await found(house, label="Plans", agent_id="cook") is None
    assert await found(house, key="nowhere") is None
    resolved = await resolve(house, key="dashboard:1")
    assert resolved is not None
    assert (resolved.ok, resolved.agent_id, resolved.display_name) == (True, "main", "Plans")


async def test_by_short_id_and_the_name_in_the_link(house: House) -> None:
    first = await house.make(f"dashboard:{UUID}", label="Holiday plans")
    assert await found(house, short_id="140a66ad48d8") == first.key
    assert await found(house, short_id=UUID.replace("-", "").upper()) == first.key
    second = await house.make(f"dashboard:{TWIN}", label="Shopping")
    ambiguous = await resolve(house, short_id="140a66ad")
    assert ambiguous is not None
    assert (ambiguous.ok, ambiguous.key) == (False, None)
    assert [candidate.key for candidate in ambiguous.candidates or []] == [second.key, first.key]
    assert await found(house, short_id="140a66ad", slug_hint="holiday") == first.key
    assert await found(house, short_id="feed0000") is None


async def test_by_reference(house: House) -> None:
    session = await house.make("dashboard:1", label="Café & plans!")
    assert await found(house, reference=Reference(key="dashboard:1", slug="other")) == session.key
    assert await found(house, reference=Reference(key="dashboard:2", slug="caf-plans")) == session.key
    assert await found(house, reference=Reference(key="dashboard:2")) is None
    assert slug_of("Café & plans!") == "caf-plans"


async def test_sessions_of_no_agent_are_found_by_their_key_only(house: House) -> None:
    session = await house.make("global")
    assert await found(house, key="global") == "global"
    assert await found(house, session_id=session.session_id) is None
    assert await found(house, session_id=session.session_id, include_global=True) == "global"


@pytest.mark.parametrize(
    ("call", "error"),
    [
        ({}, "exactly one"),
        ({"key": "a", "label": "b"}, "exactly one"),
        ({"key": "a", "slug_hint": "b"}, "slugHint"),
        ({"short_id": "zz"}, "shortId"),
        ({"short_id": "../../etc"}, "shortId"),
        ({"key": "a/b"}, "key:"),
        ({"session_id": "a/b"}, "sessionId:"),
        ({"reference": Reference(key="a/b")}, "reference:"),
    ],
)
async def test_what_names_no_session_is_refused(house: House, call: dict[str, Any], error: str) -> None:
    with pytest.raises(InvalidRequest, match=error):
        await resolve(house, **call)
