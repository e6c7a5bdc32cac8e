"""The judge of recorded frames must itself be right: good frames pass, each kind of bad one is named."""

import pytest

from tests.support.openclaw import PUBLISHED_SCHEMA
from tests.support.recorder import Frame, Json, Sender
from tests.support.schema import ProtocolSchema

TICK: Json = {"type": "event", "event": "tick", "payload": {"ts": 1}, "seq": 1}


@pytest.fixture(scope="module")
def published() -> ProtocolSchema:
    return ProtocolSchema(PUBLISHED_SCHEMA)


@pytest.fixture
def schema(published: ProtocolSchema) -> ProtocolSchema:
    """A judge that has seen nothing yet."""
    return ProtocolSchema(PUBLISHED_SCHEMA)


def event(body: Json) -> Frame:
    return Frame(1, Sender.GATEWAY, body)


def call(method: str, payload: object) -> list[Frame]:
    """A request and its answer."""
    request: Json = {"type": "req", "id": "1", "method": method}
    answer: Json = {"type": "res", "id": "1", "ok": True, "payload": payload}
    return [Frame(1, Sender.CLIENT, request), Frame(1, Sender.GATEWAY, answer)]


def test_methods_are_bound_to_their_results(published: ProtocolSchema) -> None:
    assert published.binding("connect") == (("", "HelloOk"),)
    assert published.binding("sessions.files.get") == (("", "SessionsFilesGetResult"),)
    assert published.binding("sessions.list") == (("sessions[]", "SessionRow"),)
    assert published.binding("agent.identity.get") == (("", "AgentIdentityResult"),)
    assert published.binding("last-heartbeat") == ()
    bound = [method for method in published.methods if published.binding(method)]
    assert len(bound) > 190, "the naming habit of the schema has changed"


def test_every_table_entry_names_a_definition(schema: ProtocolSchema) -> None:
    for method in schema.methods | {"connect"}:
        for _target, definition in schema.binding(method):
            schema.validator(definition)


def test_a_good_frame_passes_and_is_counted(schema: ProtocolSchema) -> None:
    assert schema.violations([event(TICK)]) == []
    assert schema.judged == {"frame event": 1, "event tick": 1}


@pytest.mark.parametrize(
    ("change", "subject", "where"),
    [
        ({"seq": -1}, "frame event", "seq"),
        ({"extra": True}, "frame event", ""),
        ({"payload": {"ts": "now"}}, "event tick", "ts"),
        ({"payload": {}}, "event tick", ""),
    ],
)
def test_a_bad_event_is_named(schema: ProtocolSchema, change: Json, subject: str, where: str) -> None:
    (violation,) = schema.violations([event({**TICK, **change})])
    assert (violation.subject, violation.where) == (subject, where)


def test_a_bad_list_item_is_named_without_its_index(schema: ProtocolSchema) -> None:
    entries = [{"ts": 1}, {"ts": 1, "host": ""}]
    (violation,) = schema.violations(call("system-presence", entries))
    assert (violation.subject, violation.where) == ("res system-presence", "[].host")


def refusal(**error: object) -> list[Frame]:
    """A request and its refusal."""
    request, _ = call("system-presence", None)
    body: Json = {"type": "res", "id": "1", "ok": False, "error": {"message": "missing scope", **error}}
    return [request, event(body)]


def test_a_refusals_result_is_not_checked(schema: ProtocolSchema) -> None:
    other = refusal(code="INVALID_REQUEST", details={"code": "NOT_IN_THE_SCHEMA"})
    assert schema.violations(refusal(code="FORBIDDEN") + other) == []


def test_the_details_of_a_refusal_are_checked(schema: ProtocolSchema) -> None:
    violations = schema.violations(refusal(code="FORBIDDEN", details={"code": "MISSING_SCOPE"}))
    assert {violation.subject for violation in violations} == {"error MISSING_SCOPE"}


def test_history_since_a_cursor_has_a_definition_of_its_own(schema: ProtocolSchema) -> None:
    whole = call("chat.history", {"messages": []})
    assert schema.violations(whole) == []
    violations = schema.violations(whole + call("chat.history", {"kind": "delta", "messages": []}))
    assert {violation.subject for violation in violations} == {"res chat.history"}


def test_frames_are_judged_once_across_calls(schema: ProtocolSchema) -> None:
    request, answer = call("system-presence", [{"host": "h"}])
    assert schema.violations([request]) == []
    assert len(schema.violations([request, answer])) == 1
    assert schema.violations([request, answer]) == []
