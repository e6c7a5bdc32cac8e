"""How session keys are spelled."""

import hypothesis
import pytest
from hypothesis import strategies

from gateway.sessions.keys import (
    agent_of,
    canonical_key,
    checked_agent_id,
    classification_of,
    is_main,
    kind_of,
    main_key,
    rest_of,
)
from protocol.errors import InvalidRequest


@pytest.mark.parametrize(
    ("said", "agent", "key"),
    [
        (None, None, "agent:main:main"),
        ("", None, "agent:main:main"),
        ("main", None, "agent:main:main"),
        (" Main ", None, "agent:main:main"),
        ("main", "cook", "agent:cook:main"),
        ("tui-413d8c6e", None, "agent:main:tui-413d8c6e"),
        ("agent:Main:Incident-42", None, "agent:main:incident-42"),
        ("agent:cook:main", "COOK", "agent:cook:main"),
        ("global", None, "global"),
        ("UNKNOWN", "cook", "unknown"),
        ("agent:cook:global", None, "agent:cook:global"),
        ("telegram:direct:+15555550123", None, "agent:main:telegram:direct:+15555550123"),
        (
            "agent:main:matrix:channel:!RoomId:Server.Org",
            None,
            "agent:main:matrix:channel:!RoomId:Server.Org",
        ),
        ("Signal:Group:AbC=", None, "agent:main:signal:group:AbC="),
    ],
)
def test_a_session_has_one_spelling(said: str | None, agent: str | None, key: str) -> None:
    assert canonical_key(said, agent) == key
    assert canonical_key(key) == key


@pytest.mark.parametrize(
    "said",
    [
        "agent:",
        "agent:main",
        "agent:main:",
        "agent::main",
        "agent:main::x",
        "agent:../etc:main",
        "agent:main:../../etc/passwd",
        "a/b",
        "a\\b",
        "a%2fb",
        "a\x00b",
        "a\nb",
        "a\u202eb",
        "x" * 513,
        "y" * 505,
        ":",
        ":hook",
    ],
)
def test_what_cannot_be_a_key_is_refused_by_name(said: str) -> None:
    """S4.22-2: no id of a client can become a path."""
    with pytest.raises(InvalidRequest, match="key:") as refused:
        canonical_key(said, None, "key")
    assert refused.value.details["field"] == "key"


def test_a_short_name_belongs_to_the_default_agent_and_a_full_one_to_its_own() -> None:
    assert canonical_key("main", default_agent="cook") == "agent:cook:main"
    assert canonical_key("main", "butler", default_agent="cook") == "agent:butler:main"
    assert canonical_key("agent:main:x", default_agent="cook") == "agent:main:x"


def test_a_key_of_another_agent_is_refused() -> None:
    with pytest.raises(InvalidRequest, match='belongs to agent "cook", not "main"'):
        canonical_key("agent:cook:main", "main")


@hypothesis.given(strategies.text(max_size=600), strategies.none() | strategies.text(max_size=80))
def test_whatever_a_client_says_is_a_safe_key_or_an_error(said: str, agent: str | None) -> None:
    """S4.22-2: fuzz of the one validator all session methods use."""
    try:
        key = canonical_key(said, agent)
    except InvalidRequest:
        return
    assert not set("/\\%\x00\n\r\t") & set(key)
    assert ".." not in key
    assert len(key) <= 512
    assert canonical_key(key) == key


@pytest.mark.parametrize("agent", ["", "-x", "a b", "a/b", "ä", "x" * 65, "a:b"])
def test_what_cannot_name_an_agent_is_refused(agent: str) -> None:
    with pytest.raises(InvalidRequest, match="agentId"):
        checked_agent_id(agent)


def test_parts_of_a_key() -> None:
    key = canonical_key("agent:cook:telegram:group:-100")
    assert (agent_of(key), rest_of(key)) == ("cook", "telegram:group:-100")
    assert agent_of(canonical_key("global")) is None
    assert rest_of(canonical_key("global")) == "global"
    assert is_main(main_key("cook"))
    assert not is_main(key)
    assert not is_main(canonical_key("global"))


@pytest.mark.parametrize(
    ("said", "kind", "classification"),
    [
        ("main", "direct", "main"),
        ("tui-1", "direct", "tui"),
        ("dashboard:1", "direct", "dashboard"),
        ("cron:job", "direct", "cron"),
        ("incident-42", "direct", "direct"),
        ("telegram:group:1", "group", "telegram"),
        ("global", "global", "global"),
        ("unknown", "unknown", "unknown"),
    ],
)
def test_kind_and_classification(said: str, kind: str, classification: str) -> None:
    key = canonical_key(said)
    assert (kind_of(key), classification_of(key)) == (kind, classification)
