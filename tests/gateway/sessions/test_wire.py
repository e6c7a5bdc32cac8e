"""The sessions methods on the running daemon, as a client sees them; rows S1.B-4, S4.22-2."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tests.support.daemon import TOKEN, Daemon
from tests.support.openclaw import CLIENTS
from tests.support.recorder import Frame, Sender
from tests.support.schema import ProtocolSchema
from tests.support.wire import RpcError, WireClient

pytestmark = pytest.mark.asyncio(loop_scope="module")

SCHEMA = CLIENTS / "@openclaw" / "gateway-protocol" / "protocol.schema.json"

READER = ["operator.read"]
WRITER = ["operator.read", "operator.write"]

# Any: JSON as it crossed the wire.
Json = dict[str, Any]


async def connected(daemon: Daemon, **overrides: Any) -> WireClient:
    client = await WireClient.open(daemon.ws_url, token=TOKEN)
    await client.connect(**overrides)
    return client


@pytest_asyncio.fixture(loop_scope="module")
async def client(shared_daemon: Daemon) -> AsyncIterator[WireClient]:
    client = await connected(shared_daemon)
    yield client
    await client.close()


async def refused(client: WireClient, method: str, params: Json) -> RpcError:
    with pytest.raises(RpcError) as error:
        await client.call(method, params)
    return error.value


async def test_a_tui_opens_a_new_session_and_hears_of_it(client: WireClient) -> None:
    assert await client.call("sessions.subscribe", {}) == {"subscribed": True}
    created = await client.call(
        "sessions.create",
        {
            "key": "tui-413d8c6e",
            "agentId": "main",
            "parentSessionKey": "agent:main:main",
            "succeedsParent": True,
            "emitCommandHooks": True,
        },
    )
    assert (created["ok"], created["key"], created["runStarted"]) == (True, "agent:main:tui-413d8c6e", False)
    assert created["entry"]["sessionId"] == created["sessionId"]
    event = await client.wait_event("sessions.changed", lambda p: p.get("sessionKey") == created["key"])
    payload = event["payload"]
    assert (payload["reason"], payload["session"]["classification"]) == ("create", "tui")
    assert payload["session"]["sessionId"] == payload["sessionId"] == created["sessionId"]
    assert payload["label"] is None
    assert payload["archivedAt"] is None
    assert "label" not in payload["session"]


async def test_what_is_patched_is_described_listed_and_resolved(client: WireClient) -> None:
    made = await client.call("sessions.create", {"key": "holiday", "label": "Holiday"})
    patched = await client.call(
        "sessions.patch", {"key": "holiday", "label": "Sea", "pinned": True, "verboseLevel": "on"}
    )
    assert patched["key"] == "agent:main:holiday"
    assert (patched["entry"]["label"], patched["entry"]["verboseLevel"]) == ("Sea", "on")
    described = await client.call("sessions.describe", {"key": "holiday", "includeDerivedTitles": True})
    assert described["session"]["derivedTitle"] == "Sea"
    listed = await client.call("sessions.list", {"search": "sea", "limit": 5})
    assert [row["sessionId"] for row in listed["sessions"]] == [made["sessionId"]]
    resolved = await client.call("sessions.resolve", {"label": "Sea"})
    assert resolved["key"] == "agent:main:holiday"
    assert await client.call("sessions.resolve", {"label": "Lake", "allowMissing": True}) == {"ok": False}
    assert (await refused(client, "sessions.resolve", {"label": "Lake"})).details["code"] == "NOT_FOUND"
    assert await client.call("sessions.describe", {"key": "nowhere"}) == {"session": None}


async def test_a_subscription_with_parameters_brings_the_list(client: WireClient) -> None:
    await client.call("sessions.create", {"key": "listed"})
    answer = await client.call("sessions.subscribe", {"limit": 1, "ownerFirst": True})
    assert answer["subscribed"] is True
    assert answer["list"]["limitApplied"] == 1
    assert len(answer["list"]["sessions"]) >= 1


async def test_events_stop_when_unsubscribed_and_reach_nobody_else(
    shared_daemon: Daemon, client: WireClient
) -> None:
    silent = await connected(shared_daemon)
    await client.call("sessions.subscribe", {})
    await client.call("sessions.patch", {"key": "heard", "label": "Heard"})
    await client.wait_event("sessions.changed", lambda p: p.get("sessionKey") == "agent:main:heard")
    assert await client.call("sessions.unsubscribe", {}) == {"subscribed": False}
    mark = client.mark()
    await client.call("sessions.patch", {"key": "heard", "label": None})
    await client.call("health", {})
    assert client.payloads("sessions.changed", since=mark) == []
    assert silent.payloads("sessions.changed") == []
    await silent.close()


async def test_archive_restore_delete_as_the_cli_does(client: WireClient) -> None:
    made = await client.call("sessions.create", {"key": "incident-42"})
    expected = {"key": "agent:main:incident-42", "expectedSessionId": made["sessionId"]}
    stale = await refused(client, "sessions.patch", {**expected, "expectedSessionId": "x", "archived": True})
    assert (stale.code, stale.details["reason"]) == ("INVALID_REQUEST", "session-changed")
    archived = await client.call("sessions.patch", {**expected, "archived": True})
    assert archived["entry"]["archivedAt"] > 0
    everything = await client.call("sessions.list", {"limit": 200, "archived": "all"})
    row = next(row for row in everything["sessions"] if row["sessionId"] == made["sessionId"])
    assert (row["archived"], row["archiveReason"]) == (True, "manual")
    deleted = await client.call(
        "sessions.delete", {**expected, "deleteTranscript": True, "archivedOnly": True}
    )
    assert (deleted["deleted"], deleted["key"]) == (True, "agent:main:incident-42")
    again = await client.call("sessions.delete", {"key": "agent:main:incident-42"})
    assert again["deleted"] is False


async def test_scopes_follow_what_is_changed(shared_daemon: Daemon, client: WireClient) -> None:
    await client.call("sessions.create", {"key": "scoped"})
    reader = await connected(shared_daemon, scopes=READER)
    writer = await connected(shared_daemon, scopes=WRITER)
    await reader.call("sessions.list", {})
    for method, params in (
        ("sessions.patch", {"key": "scoped", "label": "x"}),
        ("sessions.create", {}),
        ("sessions.delete", {"key": "scoped"}),
    ):
        assert (await refused(reader, method, params)).details["missingScope"] == "operator.write"
    await writer.call("sessions.patch", {"key": "scoped", "label": "Scoped"})
    for method, params in (
        ("sessions.patch", {"key": "scoped", "verboseLevel": "on"}),
        ("sessions.patch", {"key": "scoped", "permissionMode": "full"}),
        ("sessions.create", {"permissionMode": "full"}),
        ("sessions.delete", {"key": "scoped"}),
        ("sessions.reset", {"key": "scoped"}),
        ("sessions.compact", {"key": "scoped"}),
    ):
        error = await refused(writer, method, params)
        assert (error.code, error.details["missingScope"]) == ("FORBIDDEN", "operator.admin")
    approvals = {"key": "scoped", "includeApprovals": True}
    error = await refused(writer, "sessions.messages.subscribe", approvals)
    assert error.details["missingScope"] == "operator.approvals"
    await reader.close()
    await writer.close()


async def test_small_methods_answer_as_their_clients_expect(client: WireClient) -> None:
    await client.call("sessions.create", {"key": "small"})
    assert await client.call("sessions.get", {"key": "small", "limit": 20}) == {"messages": []}
    assert await client.call("sessions.get", {"sessionKey": "nowhere"}) == {"messages": []}
    previews = await client.call("sessions.preview", {"keys": ["small", "nowhere"]})
    assert [preview["status"] for preview in previews["previews"]] == ["empty", "missing"]
    assert await client.call("sessions.branches.list", {"sessionKey": "small"}) == {"branches": []}
    assert await client.call("sessions.viewers.set", {"sessionKeys": ["small", "main", "small"]}) == {
        "sessionKeys": ["agent:main:small", "agent:main:main"]
    }
    assert await client.call("sessions.observer.visibility", {"visible": True}) == {"ok": True}
    subscribed = await client.call("sessions.messages.subscribe", {"key": "small", "includeApprovals": True})
    assert subscribed["approvalReplay"]["approvals"] == []
    unsubscribed = await client.call("sessions.messages.unsubscribe", {"key": "small"})
    assert unsubscribed == {"subscribed": False, "key": "agent:main:small"}
    compacted = await client.call("sessions.compact", {"key": "small", "maxLines": 2})
    assert (compacted["ok"], compacted["compacted"]) == (True, False)
    searched = await client.call("sessions.search", {"query": "anything", "scope": {"excludeCron": True}})
    assert searched == {"results": [], "sessions": []}
    assert (await client.call("sessions.groups.list", {}))["groups"] == []


async def test_errors_name_the_field(client: WireClient) -> None:
    for method, params, field in (
        ("sessions.list", {"limit": 0}, "/limit"),
        ("sessions.list", {"sortBy": "color"}, "/sortBy"),
        ("sessions.patch", {"key": "main", "label": ""}, "/label"),
        ("sessions.patch", {"label": "x"}, "key"),
        ("sessions.viewers.set", {"sessionKeys": ["x"] * 33}, "/sessionKeys"),
        ("sessions.get", {}, "key"),
        ("sessions.search", {"query": "  "}, "query"),
        ("sessions.delete", {"key": "main"}, "key"),
        ("sessions.create", {"fork": True}, "parentSessionKey"),
    ):
        error = await refused(client, method, params)
        assert error.code == "INVALID_REQUEST"
        assert field in error.message, error


HOSTILE = (
    "../../../../tmp/evil",
    "..",
    "/etc/passwd",
    "agent:main:../../evil",
    "agent:../evil:main",
    "agent:main:a/b",
    "a\\..\\b",
    "%2e%2e%2fevil",
    "a\x00b",
    "\u202eevil",
    "x" * 100_000,
    "agent:" * 80,
    "'; DROP TABLE sessions; --",
    "evil:../x",
    "~/evil",
    "$(touch evil)",
)


def files_of(root: Path) -> set[str]:
    return {
        str(path.relative_to(root)) for path in root.rglob("*") if not path.name.startswith("gateway.log")
    }


async def test_no_id_of_a_client_touches_a_file(shared_daemon: Daemon, client: WireClient) -> None:
    """S4.22-2: hostile ids in every id-taking session method; nothing appears or vanishes on disk."""
    await client.call("sessions.create", {"key": "before"})
    folder = shared_daemon.home.parent
    before = files_of(folder)
    takers: tuple[tuple[str, str, Json], ...] = (
        ("sessions.create", "key", {}),
        ("sessions.create", "agentId", {}),
        ("sessions.create", "parentSessionKey", {"fork": True}),
        ("sessions.patch", "key", {"unread": True}),
        ("sessions.patch", "expectedSessionId", {"key": "before", "unread": True}),
        ("sessions.delete", "key", {}),
        ("sessions.reset", "key", {}),
        ("sessions.compact", "key", {}),
        ("sessions.describe", "key", {}),
        ("sessions.get", "key", {}),
        ("sessions.resolve", "sessionId", {"allowMissing": True}),
        ("sessions.resolve", "shortId", {"allowMissing": True}),
        ("sessions.rewind", "entryId", {"sessionKey": "before"}),
        ("sessions.fork", "entryId", {"sessionKey": "before"}),
        ("sessions.branches.switch", "leafEntryId", {"sessionKey": "before"}),
        ("sessions.messages.subscribe", "key", {}),
        ("sessions.branches.list", "sessionKey", {}),
    )
    answers = 0
    for method, field, rest in takers:
        for hostile in HOSTILE:
            answer = await client.response(await client.request(method, {**rest, field: hostile}))
            assert answer["ok"] or answer["error"]["code"] == "INVALID_REQUEST", (method, hostile, answer)
            answers += 1
    assert answers == len(takers) * len(HOSTILE)
    assert files_of(folder) == before
    assert not any(path.name == "evil" for path in folder.parent.iterdir())
    assert (await client.call("sessions.describe", {"key": "before"}))["session"] is not None


SCHEMA_CALLS: tuple[tuple[str, Json], ...] = (
    ("sessions.list", {"includeDerivedTitles": True, "includeLastMessage": True, "includePeople": True}),
    ("sessions.describe", {"key": "valid"}),
    ("sessions.resolve", {"key": "valid"}),
    ("sessions.resolve", {"key": "nowhere", "allowMissing": True}),
    ("sessions.search", {"query": "word"}),
    ("sessions.branches.list", {"sessionKey": "valid"}),
    ("sessions.viewers.set", {"sessionKeys": ["valid"]}),
    ("sessions.observer.visibility", {"visible": False}),
    ("sessions.groups.list", {}),
    ("sessions.catalog.list", {"agentId": "main", "limitPerHost": 40}),
    ("sessions.github.options", {"sessionKey": "valid"}),
    ("sessions.groups.defaults", {}),
    ("sessions.groups.put", {"names": ["Home", "Work"]}),
    ("sessions.groups.update", {"name": "Work", "cwd": "/srv", "worktree": True}),
    ("sessions.groups.rename", {"name": "Work", "to": "Office"}),
    ("sessions.groups.delete", {"name": "Office"}),
)


async def test_results_and_events_satisfy_the_published_schema(shared_daemon: Daemon) -> None:
    """Issue "Done when" 3, for what this family sends without a run."""
    client = await connected(shared_daemon)
    frames: list[Frame] = []

    async def call(method: str, params: Json) -> Json:
        request_id = await client.request(method, params)
        frames.append(Frame(1, Sender.CLIENT, {"type": "req", "id": request_id, "method": method}))
        answer = await client.response(request_id)
        frames.append(Frame(1, Sender.GATEWAY, answer))
        assert answer["ok"], answer
        return answer["payload"]

    await call("sessions.subscribe", {"limit": 3})
    made = await call("sessions.create", {"key": "valid", "label": "Valid", "category": "Home"})
    await call(
        "sessions.patch", {"key": "valid", "pinned": True, "fastMode": "auto", "responseUsage": "full"}
    )
    for method, params in SCHEMA_CALLS:
        await call(method, params)
    await call("sessions.delete", {"key": "valid", "expectedSessionId": made["sessionId"]})
    await client.wait_event("sessions.changed", lambda p: p.get("reason") == "delete")
    frames += [
        Frame(1, Sender.GATEWAY, event) for event in client.events if event["event"] == "sessions.changed"
    ]
    schema = ProtocolSchema(SCHEMA)
    assert schema.violations(frames) == []
    assert schema.judged["event sessions.changed"] >= 2
    assert schema.judged["res sessions.list"] >= 2
    await client.close()


async def test_24_connections_that_list_after_each_change_all_see_it(daemon: Daemon) -> None:
    """Pages are shared between connections; none of them may be older than the change before the call."""
    first = await connected(daemon)
    for batch in range(2):
        keys = [f"dashboard:{batch * 100 + n}" for n in range(100)]
        await asyncio.gather(*(first.call("sessions.create", {"key": key}) for key in keys))
    clients = [await connected(daemon) for _ in range(24)]

    async def ask(client: WireClient) -> None:
        page = await client.call("sessions.list", {"limit": 200, "includeDerivedTitles": True})
        assert page["sessions"][0]["key"] == f"agent:main:dashboard:{turn}"

    for turn in range(5):
        await first.call("sessions.patch", {"key": f"dashboard:{turn}", "unread": True})
        await asyncio.gather(*(ask(client) for client in clients))
    for client in (*clients, first):
        await client.close()


async def test_who_opens_a_session_is_told_what_waits_for_permission_there(client: WireClient) -> None:
    asked = await client.request(
        "exec.approval.request",
        {"command": "echo hi", "sessionKey": "agent:main:asking", "twoPhase": True, "timeoutMs": 60_000},
    )
    await client.wait_event("session.approval", lambda p: p["sessionKey"] == "agent:main:asking")
    opened = await client.call("sessions.messages.subscribe", {"key": "asking", "includeApprovals": True})
    (approval,) = opened["approvalReplay"]["approvals"]
    assert (approval["status"], approval["presentation"]["commandText"]) == ("pending", "echo hi")
    other = await client.call("sessions.messages.subscribe", {"key": "main", "includeApprovals": True})
    assert other["approvalReplay"]["approvals"] == []
    assert asked
