"""What lists and entries show of a session."""

import msgspec

from gateway.sessions.entries import entry_of, resolved_of
from gateway.sessions.keys import canonical_key
from gateway.sessions.model import Delivery, Overrides
from protocol.methods.sessions import SessionFilter
from protocol.nouns.session import Identity, SessionRow
from tests.gateway.sessions.conftest import House

MAIN = canonical_key("main")


async def row(house: House, name: str = "main") -> SessionRow:
    found = await house.index.row(canonical_key(name))
    assert found is not None
    return found


async def test_a_name_without_a_session_has_a_row_of_its_agent(house: House) -> None:
    blank = await house.index.row_or_blank(canonical_key("agent:main:new"))
    assert (blank.updated_at, blank.session_id, blank.model, blank.agent_id) == (None, None, "big-1", "main")
    assert b'"updatedAt":null' in msgspec.json.encode(blank)
    assert await house.index.row(canonical_key("agent:main:new")) is None
    await house.make("main")
    assert (await house.index.row_or_blank(MAIN)).session_id is not None


async def test_names_are_resolved_for_the_default_agent(house: House) -> None:
    assert house.index.resolve(None) == "agent:main:main"
    assert house.index.resolve("x") == "agent:main:x"
    assert house.index.resolve("agent:cook:main") == "agent:cook:main"
    assert house.index.resolve("x", "cook") == "agent:cook:x"


async def test_the_model_is_the_agents_until_another_is_chosen(house: House) -> None:
    await house.make("main")
    shown = await row(house)
    assert (shown.model_provider, shown.model, shown.model_override_source) == ("local", "big-1", None)
    assert (shown.thinking_options, shown.agent_runtime.id, shown.context_tokens) == (
        ["off", "high"],
        "llm",
        120_000,
    )
    await house.set("main", overrides=Overrides(model="local/small-1"))
    shown = await row(house)
    assert (shown.model, shown.model_override_source, shown.thinking_options) == ("small-1", "user", ["off"])
    await house.set("main", overrides=Overrides(model="local/gone"))
    assert (await row(house)).model == "big-1"
    await house.make("agent:removed:main")
    assert (await row(house, "agent:removed:main")).agent_runtime.id == "offline"


async def test_a_changed_agent_is_seen_in_the_next_list(house: House) -> None:
    await house.make("main")

    async def model() -> str:
        page = msgspec.json.decode(await house.index.page(SessionFilter(), None))
        assert page["defaults"]["model"] == page["sessions"][0]["model"]
        return page["defaults"]["model"]

    assert await model() == "big-1"
    house.agents.model = "big-2"
    house.index.forget_pages()
    assert await model() == "big-2"


async def test_a_running_session_says_so_whatever_its_last_run_did(house: House) -> None:
    await house.make("main")
    await house.set(
        "main",
        status="failed",
        active_runs=("r1", "r2"),
        run_started_ms=10,
        run_ended_ms=4,
        last_run_error="no",
    )
    shown = await row(house)
    assert (shown.status, shown.has_active_run, shown.active_run_ids) == ("running", True, ["r1", "r2"])
    assert (shown.runtime_ms, shown.last_run_error) == (0, "no")
    await house.set("main", active_runs=(), run_ended_ms=2510)
    shown = await row(house)
    assert (shown.status, shown.has_active_run, shown.runtime_ms) == ("failed", False, 2500)


async def test_names_people_and_places(house: House) -> None:
    made = await house.make(
        "telegram:direct:42", delivery=Delivery(channel="telegram", to="42"), channel="telegram"
    )
    faces = tuple(Identity(type="observation", id=f"{n}") for n in range(6))
    await house.set("telegram:direct:42", title="what is", participants=faces)
    shown = await row(house, "telegram:direct:42")
    assert (shown.display_name, shown.derived_title, shown.label) == ("what is", "what is", None)
    assert (
        shown.participant_count,
        len(shown.participants or []),
        len(shown.expanded_participants or []),
    ) == (6, 4, 6)
    assert (shown.delivery_context, shown.last_to) == ({"channel": "telegram", "to": "42"}, "42")
    assert shown.owner is not None
    assert shown.owner.actor.identity == Identity(type="profile", id="gateway-owner")
    assert (shown.visibility, shown.sharing_role) == ("shared", "owner")
    entry = entry_of(made)
    assert entry.created_actor is not None
    assert (entry.created_actor.source, entry.delivery.kind, entry.delivery.to) == (
        "profile",
        "channel",
        "42",
    )
    plain = await house.index.row(made.key, with_title=False, with_preview=False)
    assert plain is not None
    assert (plain.derived_title, plain.last_message_preview) == (None, None)


async def test_what_answers_is_told_with_every_change(house: House) -> None:
    session = await house.make("main")
    resolved = resolved_of(house.index.rows.facts(session))
    assert (resolved.model, resolved.model_provider, resolved.runtime_selection_locked) == (
        "big-1",
        "local",
        False,
    )
