"""The hub: scopes decide who sees an event, topics who wants it, the log who may continue (row S3.I-1)."""

import msgspec
import pytest

from gateway.kernel.net.eventlog import EventLog
from gateway.kernel.net.hub import Hub, node_topic
from gateway.kernel.net.outbox import Pending
from gateway.kernel.rpc.context import Principal
from protocol.connect import ClientInfo, ResumeRequest
from protocol.frames import EncodedEvent
from protocol.method import METHODS, Event, event
from protocol.scopes import Role, Scope


@event("test.read", Scope.READ)
class ReadEvent(Event):
    """Needs the read scope."""

    value: int


@event("test.tools", Scope.READ, capability="tool-events")
class ToolEvent(Event):
    """Needs a client capability."""

    value: int


@event("test.state", None, roles=frozenset(Role), is_state=True)
class StateEvent(Event):
    """Goes to everyone and replaces itself."""

    value: int


@event("test.session", Scope.READ, roles=frozenset(Role), nodes_by="session_key")
class SessionEvent(Event):
    """Nodes get it for the sessions they subscribed to."""

    session_key: str
    value: int


class FakeMember:
    """A connection at the hub's seam: it only remembers what it was given."""

    def __init__(self, principal: Principal, *, resumable: bool = False) -> None:
        self.principal = principal
        self.resumable = resumable
        self.lagging = False
        self.values: list[tuple[str, int, int | None]] = []
        self.closed: tuple[int, str] | None = None

    def deliver(self, pending: Pending) -> None:
        frame = msgspec.json.decode(pending.event.frame(None, pending.cursor))
        self.values.append((frame["event"], frame["payload"]["value"], frame.get("cursor")))

    def close(self, code: int, reason: str) -> None:
        self.closed = (code, reason)


def principal(
    conn_id: str,
    *scopes: Scope,
    role: Role = Role.OPERATOR,
    caps: frozenset[str] = frozenset(),
    device_id: str | None = None,
    instance_id: str | None = None,
) -> Principal:
    return Principal(
        conn_id=conn_id,
        role=role,
        scopes=scopes,
        client=ClientInfo(id="test", version="1", platform="test", mode="test", instance_id=instance_id),
        device_id=device_id,
        profile_id=None,
        caps=caps,
        remote_ip="127.0.0.1",
        auth_method="token",
    )


def names(member: FakeMember) -> list[str]:
    return [name for name, _, _ in member.values]


def test_an_event_reaches_only_those_its_declaration_admits() -> None:
    hub = Hub("boot")
    reader = FakeMember(principal("a", Scope.READ))
    admin = FakeMember(principal("b", Scope.ADMIN, caps=frozenset({"tool-events"})))
    pairing = FakeMember(principal("c", Scope.PAIRING, caps=frozenset({"tool-events"})))
    node = FakeMember(principal("d", role=Role.NODE))
    for member in (reader, admin, pairing, node):
        hub.join(member)
    hub.publish(ReadEvent(value=1))
    hub.publish(ToolEvent(value=2))
    hub.publish(StateEvent(value=3))
    assert names(reader) == ["test.read", "test.state"]
    assert names(admin) == ["test.read", "test.tools", "test.state"]
    assert names(pairing) == ["test.state"]
    assert names(node) == ["test.state"]
    assert hub.send("c", ReadEvent(value=4)) is False
    assert hub.send("a", ReadEvent(value=5)) is True


def test_topics_predicates_and_slow_members() -> None:
    hub = Hub("boot")
    first, second = FakeMember(principal("a", Scope.READ)), FakeMember(principal("b", Scope.READ))
    hub.join(first)
    hub.join(second)
    hub.subscribe("a", "session:main")
    hub.publish(ReadEvent(value=1), topic="session:main")
    hub.publish(ReadEvent(value=2), to=lambda who: who.conn_id == "b")
    second.lagging = True
    hub.publish(ReadEvent(value=3), drop_if_slow=True)
    hub.unsubscribe("a", "session:main")
    hub.publish(ReadEvent(value=4), topic="session:main")
    assert [value for _, value, _ in first.values] == [1, 3]
    assert [value for _, value, _ in second.values] == [2]


def test_a_node_gets_only_the_sessions_it_subscribed_to() -> None:
    """However an event of a session is published, no node learns of another session."""
    hub = Hub("boot")
    reader, node = FakeMember(principal("a", Scope.READ)), FakeMember(principal("n", role=Role.NODE))
    other = FakeMember(principal("m", role=Role.NODE), resumable=True)
    for member in (reader, node, other):
        hub.join(member)
    hub.subscribe("n", node_topic("session_key", "mine"))
    cursor = hub.cursor
    hub.publish(SessionEvent(session_key="mine", value=1))
    hub.publish(SessionEvent(session_key="other", value=2))
    hub.publish(SessionEvent(session_key="other", value=3), to=lambda _: True)
    hub.publish(SessionEvent(session_key="other", value=4), topic=node_topic("session_key", "mine"))
    assert [value for _, value, _ in reader.values] == [1, 2, 3]
    assert [value for _, value, _ in node.values] == [1]
    hub.leave("m")
    back = FakeMember(principal("m2", role=Role.NODE), resumable=True)
    hub.join(back, ResumeRequest(epoch="boot", cursor=cursor))
    assert other.values == back.values == []


def test_closing_by_predicate_silences_at_once() -> None:
    hub = Hub("boot")
    gone, stays = FakeMember(principal("a", Scope.READ)), FakeMember(principal("b", Scope.READ))
    hub.join(gone)
    hub.join(stays)
    assert hub.close_where(lambda who: who.conn_id == "a", 1008, "revoked") == 1
    hub.publish(ReadEvent(value=1))
    assert gone.closed == (1008, "revoked")
    assert gone.values == []
    assert len(stays.values) == 1


def test_a_resumable_client_misses_nothing_and_sees_nothing_twice() -> None:
    hub = Hub("boot")
    before = FakeMember(principal("a", Scope.READ, device_id="phone"), resumable=True)
    hub.join(before)
    hub.subscribe("a", "session:main")
    hub.publish(ReadEvent(value=1), topic="session:main")
    cursor = hub.cursor
    hub.leave("a")
    hub.publish(ReadEvent(value=2), topic="session:main")
    hub.publish(StateEvent(value=3))
    hub.publish(ReadEvent(value=4), topic="session:other")
    after = FakeMember(principal("b", Scope.READ, device_id="phone"), resumable=True)
    hub.join(after, ResumeRequest(epoch="boot", cursor=cursor))
    hub.publish(ReadEvent(value=5), topic="session:main")
    assert after.values == [("test.read", 2, cursor + 1), ("test.read", 5, cursor + 4)]


def test_a_client_that_is_back_before_its_old_connection_is_found_dead_misses_nothing() -> None:
    hub = Hub("boot")
    phone = FakeMember(principal("a", Scope.READ, device_id="phone"), resumable=True)
    hub.join(phone)
    hub.subscribe("a", "session:main")
    cursor = hub.cursor
    hub.publish(ReadEvent(value=1), topic="session:main")
    again = FakeMember(principal("b", Scope.READ, device_id="phone"), resumable=True)
    hub.join(again, ResumeRequest(epoch="boot", cursor=cursor))
    hub.leave("a")
    hub.publish(ReadEvent(value=2), topic="session:main")
    assert [value for _, value, _ in again.values] == [1, 2]


def test_two_windows_of_one_device_come_back_to_their_own_subscriptions() -> None:
    hub = Hub("boot")
    for name in ("left", "right"):
        who = principal(name, Scope.READ, device_id="desk", instance_id=name)
        hub.join(FakeMember(who, resumable=True))
        hub.subscribe(name, f"session:{name}")
    for name in ("left", "right"):
        hub.leave(name)
    for name in ("left", "right"):
        who = principal(f"{name} again", Scope.READ, device_id="desk", instance_id=name)
        hub.join(FakeMember(who, resumable=True), ResumeRequest(epoch="boot", cursor=hub.cursor))
        assert hub.topics(f"{name} again") == {f"session:{name}"}


def test_a_cursor_of_another_life_or_the_future_cannot_resume() -> None:
    hub = Hub("boot")
    hub.publish(ReadEvent(value=1))
    assert hub.missed(ResumeRequest(epoch="other", cursor=0)) is None
    assert hub.missed(ResumeRequest(epoch="boot", cursor=99)) is None
    assert len(hub.missed(ResumeRequest(epoch="boot", cursor=0)) or []) == 1


def test_the_log_is_bounded_in_bytes_and_says_so() -> None:
    log = EventLog(max_bytes=300)
    for value in range(20):
        log.append(ReadEvent, EncodedEvent.of("test.read", b'{"value":%d}' % value), None, None)
    assert log.after(0) is None
    kept = log.after(15)
    assert kept is not None
    assert [entry.cursor for entry in kept] == [16, 17, 18, 19, 20]
    assert log.after(20) == []


def test_declaring_a_name_twice_is_an_error() -> None:
    assert "test.read" not in METHODS
    with pytest.raises(TypeError, match="declared twice"):
        event("test.read", Scope.READ)(StateEvent)
