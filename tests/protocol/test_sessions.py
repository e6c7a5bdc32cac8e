"""Parameters that OpenClaw's clients were seen to send are understood; rows are what they read."""

from typing import Any

import msgspec
import pytest

from protocol.catalog import all_methods
from protocol.events.sessions import SessionsChanged
from protocol.nouns.session import AgentRuntime, Identity, SessionRow

UUID = "140a66ad-48d8-445e-ac65-d2951305a7ab"

# Any: JSON as a client sent it.
SEEN: tuple[tuple[str, dict[str, Any]], ...] = (
    ("sessions.list", {"limit": 101, "includeDerivedTitles": True}),
    ("sessions.list", {"limit": 200, "archived": "all", "includeGlobal": True, "includeUnknown": True}),
    ("sessions.list", {"ownerFirst": True, "excludeCron": True, "hasBoard": True, "sortBy": "activity"}),
    ("sessions.list", {"includePeople": True, "involvingMe": True, "includeActivitySummary": True}),
    ("sessions.subscribe", {}),
    ("sessions.describe", {"key": "agent:main:main", "agentId": "main"}),
    (
        "sessions.create",
        {
            "key": f"tui-{UUID}",
            "agentId": "main",
            "parentSessionKey": "agent:main:main",
            "succeedsParent": True,
            "emitCommandHooks": True,
        },
    ),
    ("sessions.create", {"agentId": "main", "message": "hi", "idempotencyKey": UUID, "titleSource": "hi"}),
    (
        "sessions.create",
        {"parentSessionKey": f"agent:main:dashboard:{UUID}", "fork": True, "agentId": "main"},
    ),
    ("sessions.patch", {"key": "agent:main:main", "expectedMarkedUnreadAt": None, "unread": False}),
    ("sessions.patch", {"key": "agent:main:main", "expectedMarkedUnreadAt": 1795193876819, "unread": False}),
    ("sessions.patch", {"key": "agent:main:x", "expectedSessionId": UUID, "archived": True}),
    ("sessions.patch", {"key": "agent:main:main", "thinkingLevel": None, "model": "local/fake-1"}),
    (
        "sessions.delete",
        {"key": "agent:main:x", "expectedSessionId": UUID, "deleteTranscript": True, "archivedOnly": True},
    ),
    ("sessions.compact", {"key": "agent:main:main", "maxLines": 2}),
    ("sessions.resolve", {"shortId": UUID.replace("-", ""), "slugHint": "hello", "allowMissing": True}),
    ("sessions.search", {"query": "scripted", "limit": 25, "scope": {"excludeSystem": True}}),
    ("sessions.messages.subscribe", {"key": "agent:main:main", "includeApprovals": True}),
    ("sessions.viewers.set", {"sessionKeys": ["agent:main:main"]}),
    ("sessions.observer.visibility", {"visible": True}),
    ("sessions.branches.list", {"sessionKey": "agent:main:main"}),
    ("sessions.groups.list", {}),
    ("sessions.groups.defaults", {}),
    ("sessions.get", {"key": "agent:main:main", "limit": 20}),
    ("sessions.catalog.list", {"agentId": "main", "limitPerHost": 40, "allowPartialResults": True}),
    ("sessions.github.options", {"sessionKey": "agent:main:main", "agentId": "main"}),
)


@pytest.mark.parametrize(("method", "params"), SEEN)
def test_what_clients_send_is_understood(method: str, params: dict[str, Any]) -> None:
    """S1.B-4, S3.T-2: also fields that the published schema of the method forbids."""
    call = msgspec.convert(params, all_methods()[method].params)
    sent = msgspec.to_builtins(call)
    assert sent.items() <= params.items()


def row() -> SessionRow:
    return SessionRow(
        key="agent:main:main",
        kind="direct",
        classification="main",
        is_main=True,
        is_background=False,
        updated_at=None,
        archived=False,
        pinned=False,
        unread=False,
        permission_mode_pending=False,
        effective_fast_mode=False,
        effective_fast_mode_source="default",
        fast_auto_on_seconds=60,
        total_tokens_fresh=False,
        effective_response_usage="off",
        effective_queue_mode="steer",
        model_override_source=None,
        runtime_selection_locked=False,
        agent_runtime=AgentRuntime(
            id="offline", cloud_placement_supported=False, device_placement_supported=False, source="implicit"
        ),
        snapshot_at=1,
        has_active_run=False,
        active_run_ids=[],
    )


def test_a_row_always_says_what_clients_rely_on_and_nothing_that_is_not_so() -> None:
    shown = msgspec.to_builtins(row())
    assert shown["updatedAt"] is None
    assert shown["modelOverrideSource"] is None
    assert (shown["archived"], shown["activeRunIds"], shown["hasActiveRun"]) == (False, [], False)
    assert "label" not in shown
    assert "activeLeafEntryId" not in shown
    shown = msgspec.to_builtins(
        msgspec.structs.replace(row(), active_leaf_entry_id=None, estimated_cost_usd=0)
    )
    assert shown["activeLeafEntryId"] is None
    assert shown["estimatedCostUsd"] == 0


def test_an_event_tells_absent_from_cleared() -> None:
    event = msgspec.to_builtins(SessionsChanged(session_key="agent:main:main", label=None))
    assert event == {"sessionKey": "agent:main:main", "label": None}


def test_an_observed_sender_has_explicit_nulls() -> None:
    seen = Identity(type="observation", id="cli", plugin_id=None, account_id=None, sender_kind="unknown")
    assert msgspec.to_builtins(seen)["pluginId"] is None
    assert "pluginId" not in msgspec.to_builtins(Identity(type="profile", id="ann"))
