"""Live connections, and how events reach them."""

from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterable
from typing import Final, Protocol, TypeAlias

import msgspec

from gateway.kernel.net.eventlog import EventLog, Published
from gateway.kernel.net.outbox import Pending
from gateway.kernel.rpc.context import Principal
from protocol.connect import ResumeRequest
from protocol.frames import EncodedEvent, StateVersion
from protocol.method import Event
from protocol.scopes import Role, allows

RESUME_CAP: Final = "event-resume"
"""Client capability: number my events with the global cursor and let me continue after a reconnect."""

MAX_DETACHED: Final = 256
"""How many disconnected resume clients keep their subscriptions waiting."""

MAX_MEMBERS: Final = 1024
"""Connections unless the settings say otherwise; at some 25 KiB each they stay under 30 MB."""

Identity: TypeAlias = tuple[str, str, str | None]
"""Actor, client id and instance id."""

_encode = msgspec.json.Encoder().encode


class Member(Protocol):
    """A connection as the hub sees it."""

    principal: Principal
    resumable: bool

    @property
    def lagging(self) -> bool:
        """Whether output waits for a slow peer."""
        ...

    def deliver(self, pending: Pending) -> None:
        """Queue one event."""
        ...

    def close(self, code: int, reason: str) -> None:
        """End the connection; nothing is delivered or dispatched afterwards."""
        ...


class Hub:
    """Delivers each event to every connection that may see it and wants it.

    An event's declaration says which roles, scope and client capability it needs; that is checked here for
    every delivery, so publishing to too many is impossible by construction.
    """

    def __init__(self, epoch: str) -> None:
        self.epoch = epoch
        """Identifies this life of the gateway; cursors of another life mean nothing."""
        self._log = EventLog()
        self._members: dict[str, Member] = {}
        self._topics: dict[str, set[str]] = {}
        self._subscribers: defaultdict[str, set[str]] = defaultdict(set)
        self._detached: OrderedDict[Identity, frozenset[str]] = OrderedDict()
        self.max_members = MAX_MEMBERS
        self._presence_version = 1
        self._health_version = 1

    # State

    @property
    def cursor(self) -> int:
        """Cursor of the newest published event."""
        return self._log.cursor

    @property
    def state_version(self) -> StateVersion:
        """Counters of the presence and health snapshots."""
        return StateVersion(self._presence_version, self._health_version)

    def bump_presence(self) -> None:
        """The presence snapshot changed."""
        self._presence_version += 1

    def bump_health(self) -> None:
        """The health snapshot changed."""
        self._health_version += 1

    def principals(self) -> tuple[Principal, ...]:
        """Everyone connected and admitted."""
        return tuple(member.principal for member in self._members.values())

    def __len__(self) -> int:
        return len(self._members)

    @property
    def full(self) -> bool:
        """Whether another connection would be one too many."""
        return len(self._members) >= self.max_members

    # Membership

    def join(self, member: Member, resume: ResumeRequest | None = None) -> None:
        """Add an admitted connection, first replaying what it asked to resume from."""
        conn_id = member.principal.conn_id
        self._topics[conn_id] = set()
        if member.resumable:
            for topic in self._topics_before(member.principal, resume):
                self.subscribe(conn_id, topic)
        for missed in self.missed(resume) or ():
            self._deliver(member, missed, drop_if_slow=False)
        self._members[conn_id] = member

    def missed(self, resume: ResumeRequest | None) -> list[Published] | None:
        """Events after a resume request; `None` when it cannot be honoured completely."""
        if resume is None or resume.epoch != self.epoch:
            return None
        return self._log.after(resume.cursor)

    def leave(self, conn_id: str) -> None:
        """Forget a connection; a resumable one keeps its subscriptions for its return."""
        member = self._members.pop(conn_id, None)
        topics = self._topics.pop(conn_id, set())
        for topic in topics:
            self._drop(topic, conn_id)
        if member is not None and member.resumable:
            self._detached[identity := identity_of(member.principal)] = frozenset(topics)
            self._detached.move_to_end(identity)
            while len(self._detached) > MAX_DETACHED:
                self._detached.popitem(last=False)

    def _topics_before(self, principal: Principal, resume: ResumeRequest | None) -> frozenset[str]:
        """What a returning client was subscribed to.

        One whose line broke is often back before its old connection is found dead, and has missed as much.
        """
        identity = identity_of(principal)
        left = self._detached.pop(identity, None)
        if left is not None or resume is None:
            return left or frozenset()
        for conn_id, member in self._members.items():
            if member.resumable and identity_of(member.principal) == identity:
                return self.topics(conn_id)
        return frozenset()

    def close_where(self, predicate: Callable[[Principal], bool], code: int, reason: str) -> int:
        """Close every connection `predicate` holds for, and say how many; they get nothing more."""
        doomed = [member for member in self._members.values() if predicate(member.principal)]
        for member in doomed:
            self.leave(member.principal.conn_id)
            member.close(code, reason)
        return len(doomed)

    # Topics

    def subscribe(self, conn_id: str, topic: str) -> None:
        """Let a connection receive events published to `topic`."""
        if conn_id in self._topics:
            self._topics[conn_id].add(topic)
            self._subscribers[topic].add(conn_id)

    def unsubscribe(self, conn_id: str, topic: str) -> None:
        """The opposite of `subscribe`."""
        if conn_id in self._topics:
            self._topics[conn_id].discard(topic)
            self._drop(topic, conn_id)

    def topics(self, conn_id: str) -> frozenset[str]:
        """What a connection is subscribed to."""
        return frozenset(self._topics.get(conn_id, ()))

    def wanted(self, topic: str) -> bool:
        """Whether anybody is subscribed to `topic`, or gone for a moment and will be when it comes back."""
        return topic in self._subscribers or any(topic in topics for topics in self._detached.values())

    def _drop(self, topic: str, conn_id: str) -> None:
        subscribers = self._subscribers.get(topic)
        if subscribers is not None:
            subscribers.discard(conn_id)
            if not subscribers:
                del self._subscribers[topic]

    # Delivery

    def publish(
        self,
        event: Event,
        *,
        topic: str | None = None,
        to: Callable[[Principal], bool] | None = None,
        state_version: bool = False,
        drop_if_slow: bool = False,
    ) -> None:
        """Send an event to every connection that may see it.

        Args:
            event: The payload.
            topic: Only to subscribers of this topic.
            to: Only where this holds.
            state_version: Add the snapshot counters to the frame.
            drop_if_slow: Skip connections that have output waiting.
        """
        version = self.state_version if state_version else None
        encoded = EncodedEvent.of(event.wire_name, _encode(event), version)
        published = self._log.append(type(event), encoded, topic, to, _node_topic_of(event))
        for member in self._audience(topic):
            self._deliver(member, published, drop_if_slow=drop_if_slow)

    def send(self, conn_id: str, event: Event) -> bool:
        """Send an event to one connection, unnumbered by the log. False when it is gone or may not see it."""
        member = self._members.get(conn_id)
        if member is None or not admitted(member.principal, type(event)):
            return False
        encoded = EncodedEvent.of(event.wire_name, _encode(event))
        sequenced = _sequenced(member.principal, type(event))
        member.deliver(Pending(encoded, sequenced=sequenced, cursor=None, key=None))
        return True

    def _audience(self, topic: str | None) -> Iterable[Member]:
        if topic is None:
            return tuple(self._members.values())
        ids = self._subscribers.get(topic, ())
        return [self._members[conn_id] for conn_id in ids if conn_id in self._members]

    def _deliver(self, member: Member, published: Published, *, drop_if_slow: bool) -> None:
        kind = published.kind
        principal = member.principal
        if not admitted(principal, kind) or (published.to is not None and not published.to(principal)):
            return
        if not self._subscribed(principal, published):
            return
        if drop_if_slow and member.lagging:
            return
        member.deliver(
            Pending(
                published.encoded,
                sequenced=_sequenced(principal, kind),
                cursor=published.cursor if member.resumable else None,
                key=kind.wire_name if kind.is_state else None,
            )
        )

    def _subscribed(self, principal: Principal, published: Published) -> bool:
        """Whether the connection chose to hear this, where that takes a choice."""
        topics = self._topics.get(principal.conn_id, ())
        if published.topic is not None and published.topic not in topics:
            return False
        asks_nodes = principal.role is Role.NODE and published.node_topic is not None
        return not asks_nodes or published.node_topic in topics


def node_topic(field: str, value: str) -> str:
    """The topic a node subscribes to for events that are `nodes_by` this field."""
    return f"{field}={value}"


def _sequenced(principal: Principal, kind: type[Event]) -> bool:
    """Whether a frame carries `seq`. What nodes are sent never does. Source: recorded frames."""
    return kind.sequenced and principal.role is not Role.NODE


def _node_topic_of(event: Event) -> str | None:
    return None if event.nodes_by is None else node_topic(event.nodes_by, getattr(event, event.nodes_by))


def identity_of(principal: Principal) -> Identity:
    """Who comes back: two programs, or two windows, of one device have subscriptions of their own."""
    return (principal.actor, principal.client.id, principal.client.instance_id)


def admitted(principal: Principal, kind: type[Event]) -> bool:
    """Whether a caller may see an event at all."""
    if principal.role not in kind.roles:
        return False
    if kind.capability is not None and kind.capability not in principal.caps:
        return False
    # Nodes have no scopes: an event that is for them at all says so with its roles.
    return principal.role is Role.NODE or kind.scope is None or allows(principal.scopes, kind.scope)
