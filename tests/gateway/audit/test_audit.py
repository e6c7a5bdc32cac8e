"""The audit log of the shipped daemon: what is recorded, listed, found when somebody meddled (U5, S1.B-9)."""

import base64
import hashlib
import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest

from tests.cli.command import ask, ask_async, one_line_error
from tests.support.daemon import TOKEN, Daemon
from tests.support.openclaw import PUBLISHED_SCHEMA
from tests.support.schema import ProtocolSchema
from tests.support.wire import DeviceKey, Json, RpcError, WireClient

SCHEMA = ProtocolSchema(PUBLISHED_SCHEMA)
REMOTE = {"X-Forwarded-For": "203.0.113.7"}
BEHIND_PROXY = '[gateway]\ntrusted_proxies = ["127.0.0.1"]\n'


async def operator(daemon: Daemon) -> WireClient:
    client = await WireClient.open(daemon.ws_url, token=daemon.token)
    await client.connect()
    return client


async def recorded(client: WireClient, **filters: Any) -> list[Json]:
    """Entries, oldest first."""
    page = await client.call("audit.entries", {"order": "oldest", "limit": 500, **filters})
    return list(page["entries"])


def meddle(daemon: Daemon, change: Callable[[sqlite3.Connection], object], name: str = "audit") -> None:
    """Stop the daemon, change one of its databases as an intruder would, and start it again."""
    daemon.shut_down()
    with closing(sqlite3.connect(daemon.home / "state" / f"{name}.db")) as db:
        triggers = db.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for (trigger,) in triggers:
            db.execute(f'DROP TRIGGER "{trigger}"')
        change(db)
        db.commit()
    daemon.launch()


def some_history(daemon: Daemon) -> None:
    """A few entries: the log's own first one, and three changes of the configuration."""
    for level in ("debug", "error", "info"):
        assert ask(daemon, "config", "set", "logging.level", level).code == 0
    assert ask(daemon, "audit", "verify", "--json").json["entries"] >= 4


async def manage(client: WireClient, daemon: Daemon, key: DeviceKey) -> Json:
    """Pair, rotate, revoke and remove a device, and change things; returns a new setup code."""
    stranger = await WireClient.open(daemon.ws_url, token=TOKEN, headers=REMOTE)
    with pytest.raises(RpcError) as refused:
        await stranger.connect(identity=key, scopes=["operator.read"])
    request = refused.value.details["requestId"]
    await stranger.closed()
    await client.call("device.pair.approve", {"requestId": request})
    await client.call("device.token.rotate", {"deviceId": key.id, "role": "operator"})
    await client.call("device.token.revoke", {"deviceId": key.id, "role": "operator"})
    await client.call("device.pair.remove", {"deviceId": key.id})
    code = await client.call("device.pair.setupCode", {"publicUrl": "wss://gate.example"})
    config = await client.call("config.get", {})
    patch = {"raw": '{"logging": {"level": "debug"}}', "baseHash": config["hash"]}
    await client.call("config.patch", patch)
    text = {"agentId": "main", "name": "SOUL.md", "content": "a secret wish"}
    await client.call("agents.files.set", text)
    return dict(code)


async def test_security_work_is_recorded_with_who_did_it_and_without_secrets(daemon: Daemon) -> None:
    daemon.shut_down()
    (daemon.home / "homarus.toml").write_text(BEHIND_PROXY)
    daemon.launch()
    client = await operator(daemon)
    key = DeviceKey()
    code = await manage(client, daemon, key)
    for _ in range(10):
        stranger = await WireClient.open(daemon.ws_url, token="wrong-wrong-wrong", headers=REMOTE)
        with pytest.raises(RpcError):
            await stranger.connect()
        await stranger.closed()
    entries = await recorded(client)
    await client.close()

    assert [entry["seq"] for entry in entries] == list(range(1, len(entries) + 1))
    by_action = {entry["action"]: entry for entry in entries}
    assert [entry["action"] for entry in entries if not entry["action"].startswith("audit.")] == [
        "device.pair.approved",
        "device.token.rotated",
        "device.token.revoked",
        "device.removed",
        "device.setupCode.made",
        "config.changed",
        "agent.file.written",
        "auth.lockedOut",
    ]
    assert by_action["device.pair.approved"]["actor"] == "client:cli"
    assert by_action["device.pair.approved"]["subject"] == key.id
    assert by_action["device.pair.approved"]["details"]["scopes"] == ["operator.read"]
    assert by_action["config.changed"]["details"] == {"paths": ["logging"]}
    assert by_action["config.changed"]["subject"] == "config.patch"
    assert by_action["auth.lockedOut"]["subject"] == "203.0.113.7"
    told = json.dumps(entries)
    assert "secret wish" not in told
    assert code["setupCode"] not in told
    assert TOKEN not in told


async def test_a_setup_code_that_was_used_and_an_edited_file_are_recorded(daemon: Daemon) -> None:
    client = await operator(daemon)
    code = await client.call(
        "device.pair.setupCode", {"publicUrl": "wss://gate.example", "bootstrapProfile": "node"}
    )
    token = json.loads(base64.urlsafe_b64decode(code["setupCode"] + "=="))["bootstrapToken"]
    device = DeviceKey()
    joining = await WireClient.open(daemon.ws_url)
    client_info = {"id": "node-host", "mode": "node"}
    await joining.connect(
        identity=device, role="node", scopes=[], auth={"bootstrapToken": token}, client=client_info
    )
    since = client.mark()
    (daemon.home / "homarus.toml").write_text('[logging]\nlevel = "debug"\n')
    await client.wait_event("config.changed", since=since)
    let_in = (await recorded(client, action="device.pair.letIn"))[0]
    assert (let_in["actor"], let_in["details"]["setupId"]) == (device.id, code["setupId"])
    edited = (await recorded(client, action="config.*"))[0]
    assert (edited["actor"], edited["subject"]) == ("system", "file")
    assert edited["details"] == {"paths": ["logging"]}
    for connection in (joining, client):
        await connection.close()


async def test_runs_and_tools_are_listed_as_openclaw_lists_them(shared_daemon: Daemon) -> None:
    client = await operator(shared_daemon)
    send = {"sessionKey": "main", "message": "what time is it?", "idempotencyKey": "k1"}
    run_id = (await client.call("chat.send", send))["runId"]
    await client.wait_event("chat", lambda payload: payload["state"] == "final")
    for method, definition in (
        ("audit.list", "AuditListResult"),
        ("audit.activity.list", "AuditActivityListResult"),
    ):
        page = await client.call(method, {"runId": run_id})
        SCHEMA.validator(definition).validate(page)  # pyright: ignore[reportUnknownMemberType] - their stub
        events = page["events"][::-1]
        assert (events[0]["action"], events[0]["status"]) == ("agent.run.started", "started")
        assert (events[-1]["action"], events[-1]["status"]) == ("agent.run.finished", "succeeded")
        assert {event["agentId"] for event in events} == {"main"}
        assert [event["sequence"] for event in events] == sorted(event["sequence"] for event in events)
        assert len({event["sourceSequence"] for event in events}) == len(events)
        assert (await client.call(method, {"runId": run_id, "status": "failed"}))["events"] == []
        assert (await client.call(method, {"runId": "other"}))["events"] == []
        first = await client.call(method, {"runId": run_id, "limit": 1})
        rest = await client.call(method, {"runId": run_id, "cursor": first["nextCursor"]})
        assert first["events"] + rest["events"] == page["events"]
        assert (await client.call(method, {"kind": "tool_action"}))["events"] == [
            event for event in page["events"] if event["kind"] == "tool_action"
        ]
    assert (await client.call("audit.activity.list", {"kind": "message"}))["events"] == []
    await client.close()


@pytest.mark.parametrize(
    ("method", "params", "field"),
    [
        ("audit.entries", {"cursor": "garbage"}, "cursor"),
        ("audit.entries", {"limit": 0}, "limit"),
        ("audit.entries", {"typo": 1}, "typo"),
        ("audit.verify", {"headSeq": 1}, "headHash"),
        ("audit.verify", {"headHash": "0" * 64}, "headSeq"),
        ("audit.verify", {"headSeq": 1, "headHash": "x"}, "headHash"),
        ("audit.list", {"kind": "message"}, "kind"),
        ("audit.list", {"limit": 501}, "limit"),
    ],
)
async def test_bad_requests_name_the_field(
    shared_daemon: Daemon, method: str, params: Json, field: str
) -> None:
    client = await operator(shared_daemon)
    with pytest.raises(RpcError, match=field) as refused:
        await client.call(method, params)
    assert refused.value.code == "INVALID_REQUEST"
    await client.close()


async def test_reading_the_log_needs_admin(shared_daemon: Daemon) -> None:
    client = await WireClient.open(shared_daemon.ws_url, token=shared_daemon.token)
    await client.connect(scopes=["operator.read", "operator.write", "operator.approvals"])
    for method in ("audit.entries", "audit.verify"):
        with pytest.raises(RpcError, match=r"operator\.admin"):
            await client.call(method, {})
    await client.close()


def test_verify_and_export_of_a_whole_log(daemon: Daemon) -> None:
    some_history(daemon)
    done = ask(daemon, "audit", "verify")
    assert (done.code, "is whole" in done.out) == (0, True)
    head = next(line.split()[1] for line in done.out.splitlines() if line.startswith("Head"))
    assert ask(daemon, "config", "set", "logging.level", "warning").code == 0
    assert ask(daemon, "audit", "verify", "--head", head).code == 0
    assert ask(daemon, "audit", "verify", "--head", f"{head[:-1]}{'0' if head[-1] != '0' else '1'}").code == 1
    assert "--head" in one_line_error(ask(daemon, "audit", "verify", "--head", "x"), 2)
    assert "config.changed" in ask(daemon, "audit", "list", "--action", "config.*").out
    assert "No such entry" in ask(daemon, "audit", "list", "--actor", "nobody").out
    assert "--limit" in one_line_error(ask(daemon, "audit", "list", "--limit", "0"), 2)

    before = "0" * 64
    for line in ask(daemon, "audit", "export").out.splitlines():
        entry = json.loads(line)
        fields = [entry[name] for name in ("seq", "tsMs", "action", "actor", "subject", "outcome")]
        text = json.dumps([*fields, entry["detailsText"], before], separators=(",", ":"), ensure_ascii=False)
        before = hashlib.sha256(b"homarus.audit.v1\n" + text.encode()).hexdigest()
        assert entry["hash"] == before


@pytest.mark.parametrize(
    ("change", "problem", "seq"),
    [
        ("UPDATE audit SET actor = 'nobody' WHERE seq = 3", "altered", 3),
        ("UPDATE audit SET details = '{}x' WHERE seq = 2", "altered", 2),
        ("DELETE FROM audit WHERE seq = 2", "missing", 2),
        ("DELETE FROM audit WHERE seq = 1", "missing", 1),
        ("UPDATE audit SET seq = CASE seq WHEN 2 THEN -3 ELSE -2 END WHERE seq IN (2, 3)", "altered", 2),
        ("DELETE FROM audit WHERE seq >= 3", "cut", 3),
        ("DELETE FROM audit", "cut", 1),
    ],
)
def test_meddling_with_a_stopped_log_is_named(daemon: Daemon, change: str, problem: str, seq: int) -> None:
    some_history(daemon)

    def apply(db: sqlite3.Connection) -> None:
        db.execute(change)
        db.execute("UPDATE audit SET seq = -seq WHERE seq < 0")

    meddle(daemon, apply)
    found = ask(daemon, "audit", "verify", "--json")
    assert found.code == 1
    assert (found.json["ok"], found.json["problem"], found.json["brokenSeq"]) == (False, problem, seq)
    shown = ask(daemon, "audit", "verify")
    assert (shown.code, f"entry {seq}" in shown.out) == (1, True)
    # Neither another restart nor new entries let it be forgotten.
    assert ask(daemon, "config", "set", "logging.level", "error").code == 0
    daemon.shut_down()
    daemon.launch()
    assert ask(daemon, "audit", "verify", "--json").json["ok"] is False


def test_a_flipped_byte_in_the_file_is_named(daemon: Daemon) -> None:
    some_history(daemon)
    daemon.shut_down()
    path = daemon.home / "state" / "audit.db"
    data = bytearray(path.read_bytes())
    assert not path.with_name("audit.db-wal").exists() or path.with_name("audit.db-wal").stat().st_size == 0
    place = data.index(b"logging.level")
    data[place] ^= 0x01
    path.write_bytes(bytes(data))
    daemon.launch()
    found = ask(daemon, "audit", "verify", "--json")
    assert (found.code, found.json["problem"]) == (1, "altered")
    with closing(sqlite3.connect(path)) as db:
        broken = db.execute("SELECT seq FROM audit WHERE details LIKE '%mogging%'").fetchone()
    assert found.json["brokenSeq"] == broken[0]


def test_a_rewritten_chain_is_found_by_the_noted_end_and_a_forged_note_by_its_seal(daemon: Daemon) -> None:
    from gateway.kernel.audit.chain import EMPTY, Draft, link

    some_history(daemon)

    def rewrite(db: sqlite3.Connection) -> None:
        rows = db.execute(
            "SELECT ts_ms, action, actor, subject, outcome, details FROM audit ORDER BY seq"
        ).fetchall()
        head = EMPTY
        db.execute("DELETE FROM audit")
        for ts_ms, action, _, subject, outcome, details in rows:
            draft = Draft(
                ts_ms=ts_ms, action=action, actor="me", subject=subject, outcome=outcome, details=details
            )
            entry = link(head, draft)
            head = entry.head
            values = (entry.seq, ts_ms, action, "me", subject, outcome, details, entry.prev_hash, entry.hash)
            db.execute("INSERT INTO audit VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", values)

    meddle(daemon, rewrite)
    found = ask(daemon, "audit", "verify", "--json").json
    assert (found["ok"], found["problem"]) == (False, "rewritten")
    with closing(sqlite3.connect(daemon.home / "state" / "audit.db")) as db:
        honest = db.execute("SELECT seq, hash FROM audit WHERE seq = 4").fetchone()
    meddle(daemon, lambda db: db.execute("UPDATE audit_notes SET seq = ?, hash = ?", honest), "state")
    found = ask(daemon, "audit", "verify", "--json").json
    assert (found["ok"], found["problem"]) == (False, "unsealed")


async def test_meddling_beside_the_running_gateway_is_found(daemon: Daemon) -> None:
    await ask_async(daemon, "config", "set", "logging.level", "error")
    client = await operator(daemon)
    head = (await client.call("audit.verify", {}))["headSeq"]
    with closing(sqlite3.connect(daemon.home / "state" / "audit.db")) as db:
        with pytest.raises(sqlite3.DatabaseError, match="append-only"):
            db.execute("DELETE FROM audit")
        with pytest.raises(sqlite3.DatabaseError, match="append-only"):
            db.execute("UPDATE audit SET actor = 'x'")
        db.execute("DROP TRIGGER audit_keeps_everything")
        db.execute("DELETE FROM audit WHERE seq = ?", (head,))
        db.commit()
        found = await client.call("audit.verify", {})
        assert (found["problem"], found["brokenSeq"]) == ("cut", head)
        row = (head + 1, 1, "a.b", "x", "", "ok", "{}", "0" * 64, "0" * 64)
        db.execute("INSERT INTO audit VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
        db.commit()
    found = await client.call("audit.verify", {})
    assert (found["problem"], found["brokenSeq"]) == ("missing", head)
    assert "audit-chain" in json.dumps(await client.call("health", {"probe": True}))
    await client.close()
