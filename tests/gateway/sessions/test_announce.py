"""Who hears of a change, of a message, of a tool, and what they read in it."""

from typing import Any

import msgspec
import pytest

from gateway.kernel.net.outbox import Pending
from gateway.kernel.rpc.context import Principal
from gateway.sessions.announce import SESSIONS_TOPIC, messages_topic
from gateway.sessions.keys import canonical_key
from gateway.transcripts.model import NewEntry, StoredMessage
from protocol.connect import ClientInfo
from protocol.scopes import Role, Scope
from tests.gateway.sessions.conftest import House

MAIN = canonical_key("main")

# Any: an event as a client reads it.
Json = dict[str, Any]


class Listener:
    """A connection at the hub's seam: it remembers what it was given."""

    def __init__(self, conn_id: str, *caps: str) -> None:
        self.principal = Principal(
            conn_id=conn_id,
            role=Role.OPERATOR,
            scopes=(Scope.READ,),
            client=ClientInfo(id="test", version="1", platform="test", mode="test"),
            device_id=None,
            profile_id=None,
            caps=frozenset(caps),
            remote_ip="127.0.0.1",
            auth_method="token",
        )
        self.resumable = False
        self.lagging = False
        self.heard: list[tuple[str, Json]] = []

    def deliver(self, pending: Pending) -> None:
        frame = msgspec.json.decode(pending.event.frame(None, pending.cursor))
        self.heard.append((frame["event"], frame["payload"]))

    def close(self, code: int, reason: str) -> None:
        """Nothing to end."""


def listener(house: House, conn_id: str, *topics: str, caps: tuple[str, ...] = ()) -> Listener:
    joined = Listener(conn_id, *caps)
    house.hub.join(joined)
    for topic in topics:
        house.hub.subscribe(conn_id, topic)
    return joined


async def stored(house: House, text: str) -> StoredMessage:
    session = await house.make("main")
    (entry,) = await house.transcripts.append(
        session.session_id, [NewEntry(message={"role": "user", "content": text})]
    )
    return entry


async def test_a_message_reaches_each_who_wants_it_once(house: House) -> None:
    everything = listener(house, "tui", SESSIONS_TOPIC)
    both = listener(house, "ui", SESSIONS_TOPIC, messages_topic(MAIN))
    this_one = listener(house, "app", messages_topic(MAIN))
    another = listener(house, "other", messages_topic(canonical_key("elsewhere")))
    entry = await stored(house, "hello")

    await house.announcer.message(MAIN, entry.id, entry.seq, entry.message, by_owner=True)

    for heard in (everything, both, this_one):
        ((name, payload),) = heard.heard
        assert name == "session.message"
        assert (payload["sessionKey"], payload["messageId"], payload["messageSeq"]) == (MAIN, entry.id, 1)
        assert payload["message"]["content"] == "hello"
        assert payload["message"]["__openclaw"]["id"] == entry.id
        assert payload["senderIsOwner"] is True
        assert payload["session"]["key"] == MAIN
    assert another.heard == []


async def test_what_a_session_lacks_is_left_out_of_the_row_and_null_beside_it(house: House) -> None:
    heard = listener(house, "tui", SESSIONS_TOPIC)
    await house.make("main", creator=None)
    await house.set("main", pinned_ms=7, label="Home")
    await house.announcer.changed(MAIN, "patch", catalog_changed=True)
    ((_, payload),) = heard.heard
    assert (payload["reason"], payload["ts"], payload["catalogChanged"]) == (
        "patch",
        house.clock.now_ms(),
        True,
    )
    assert (payload["label"], payload["pinnedAt"]) == ("Home", 7)
    cleared = {"owner", "createdActor", "archivedAt", "archivedBy", "markedUnreadAt", "category", "endedAt"}
    assert {name for name in cleared if payload[name] is None} == cleared
    assert not cleared & set(payload["session"])
    assert (payload["participants"], payload["participantCount"]) == ([], 0)
    assert payload["session"]["activeRunIds"] == payload["activeRunIds"] == []


async def test_a_deleted_session_is_named_without_a_row(house: House) -> None:
    heard = listener(house, "tui", SESSIONS_TOPIC)
    session = await house.make("gone")
    house.announcer.deleted(session)
    house.announcer.many_changed("groups")
    assert heard.heard[0][1] == {
        "sessionKey": session.key,
        "sessionId": session.session_id,
        "agentId": "main",
        "reason": "delete",
        "ts": house.clock.now_ms(),
    }
    assert heard.heard[1][1] == {"reason": "groups", "ts": house.clock.now_ms()}


async def test_tools_are_told_to_who_can_show_them(house: House) -> None:
    able = listener(house, "ui", messages_topic(MAIN), caps=("tool-events",))
    unable = listener(house, "cli", messages_topic(MAIN))
    elsewhere = listener(house, "tui", SESSIONS_TOPIC, caps=("tool-events",))
    await house.make("main")
    await house.announcer.tool(MAIN, "run-1", 3, {"phase": "start", "name": "exec", "toolCallId": "c1"})
    await house.announcer.tool(MAIN, "run-1", 4, {"phase": "result", "toolCallId": "c1", "isError": False})
    (_, started), (_, ended) = able.heard
    assert (started["runId"], started["stream"], started["seq"]) == ("run-1", "tool", 3)
    assert started["data"]["name"] == "exec"
    assert "session" not in started
    assert ended["session"]["key"] == MAIN
    assert unable.heard == elsewhere.heard == []


async def test_nothing_is_read_when_nobody_listens(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = await stored(house, "hello")

    async def unexpected(*_args: object, **_options: object) -> None:
        raise AssertionError("the row was read")

    monkeypatch.setattr(house.index, "row", unexpected)
    listener(house, "other", messages_topic(canonical_key("elsewhere")))
    await house.announcer.changed(MAIN, "send")
    await house.announcer.message(MAIN, entry.id, entry.seq, entry.message)
    await house.announcer.tool(MAIN, "run-1", 1, {"phase": "result"})
