"""`config.*` and `/config` of a running gateway. Rows S1.B-4 (config part), S4.12-3; attack case 44."""

import asyncio
import json
import stat
import tomllib
import urllib.error
import urllib.request
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.daemon import TOKEN, Daemon
from tests.support.wire import RpcError, WireClient

MARKER = "__OPENCLAW_REDACTED__"
SECRET = "canary-7Qm2xV9tLk4Z"

CONFIG = f"""\
# my gateway
[gateway]
allowed_hosts = ["desk.local"]  # the desk

[gateway.auth]
password = "{SECRET}"  # kept for the tablet

[logging]
level = "info"
"""


@pytest.fixture
async def gateway(tmp_path: Path) -> AsyncIterator[Daemon]:
    async with Daemon(tmp_path, config=CONFIG) as daemon:
        yield daemon


@pytest.fixture
async def client(gateway: Daemon) -> AsyncIterator[WireClient]:
    async with await WireClient.open(gateway.ws_url, token=TOKEN) as client:
        await client.connect()
        yield client


def http(daemon: Daemon, method: str = "GET", body: object = None, **headers: str) -> tuple[int, Any]:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{daemon.url}/config", data, headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


async def test_get_shows_file_and_effect_without_secrets(gateway: Daemon, client: WireClient) -> None:
    """S4.12-3: secrets masked; what `openclaw gateway probe` and the Control UI read is there."""
    snapshot = await client.call("config.get", {})
    assert snapshot["path"] == str(gateway.home / "homarus.toml")
    assert snapshot["exists"] is True
    assert snapshot["valid"] is True
    assert snapshot["issues"] == snapshot["warnings"] == snapshot["legacyIssues"] == []
    assert snapshot["hash"].startswith("hmac-sha256:v1:")
    assert snapshot["parsed"] == {
        "gateway": {"allowed_hosts": ["desk.local"], "auth": {"password": MARKER}},
        "logging": {"level": "info"},
    }
    assert json.loads(snapshot["raw"]) == snapshot["parsed"]
    effective = snapshot["config"]["gateway"]
    assert effective["host"] == "127.0.0.1"
    assert effective["auth"] == {"mode": "token", "token": MARKER, "password": MARKER}
    text = json.dumps(client.frames)
    assert SECRET not in text
    assert TOKEN not in text


async def test_get_set_round_trip_changes_no_byte(gateway: Daemon, client: WireClient) -> None:
    """Attack case 44: 100 rounds leave the file, its comments and its secrets bit-identical."""
    path = gateway.home / "homarus.toml"
    before = path.read_bytes()
    for _ in range(100):
        snapshot = await client.call("config.get", {})
        written = await client.call("config.set", {"raw": snapshot["raw"], "baseHash": snapshot["hash"]})
        assert written["changedPaths"] == []
    assert path.read_bytes() == before
    assert stat.S_IMODE((gateway.home / "state" / "homarus.last-good.toml").stat().st_mode) == 0o600


async def test_set_keeps_comments_and_announces(gateway: Daemon, client: WireClient) -> None:
    """A change touches its own line only, and every reader hears of it."""
    snapshot = await client.call("config.get", {})
    tree = snapshot["parsed"]
    tree["logging"]["level"] = "debug"
    written = await client.call("config.set", {"raw": json.dumps(tree), "baseHash": snapshot["hash"]})
    assert written["ok"] is True
    assert written["changedPaths"] == ["logging.level"]
    assert written["restartRequired"] == []
    text = (gateway.home / "homarus.toml").read_text()
    assert text == CONFIG.replace('level = "info"', 'level = "debug"')
    event = await client.wait_event("config.changed")
    assert event["payload"]["hash"] == written["hash"] != snapshot["hash"]
    assert event["payload"]["path"] == snapshot["path"]


async def test_patch_merges_removes_and_guards_arrays(gateway: Daemon, client: WireClient) -> None:
    """Tables merge, null removes, and an array loses entries only when the patch says so."""
    snapshot = await client.call("config.get", {})
    patch = {"raw": '{"gateway":{"allowed_hosts":[]},"logging":null}', "baseHash": snapshot["hash"]}
    with pytest.raises(RpcError, match=r"gateway\.allowed_hosts") as refused:
        await client.call("config.patch", patch)
    assert refused.value.details["code"] == "REPLACE_PATH_REQUIRED"
    written = await client.call("config.patch", {**patch, "replacePaths": ["gateway.allowed_hosts"]})
    assert set(written["changedPaths"]) == {"gateway.allowed_hosts", "logging"}
    assert tomllib.loads((gateway.home / "homarus.toml").read_text()) == {
        "gateway": {"allowed_hosts": [], "auth": {"password": SECRET}}
    }


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        ('{"logging":{"level":7}}', "logging.level: expected one of"),
        ('{"loging":{}}', "loging: unknown key; did you mean logging?"),
        ('{"gateway":{"port":"x"}}', "gateway.port: expected integer, got string"),
        ('{"gateway":{"host":"0.0.0.0","auth":{"mode":"none"}}}', "gateway.auth.mode"),
        ('{"logging":{"level":"__OPENCLAW_REDACTED__"}}', "logging.level: the redaction marker"),
        (
            '{"gateway":{"auth":{"token":"__OPENCLAW_REDACTED__"}}}',
            "gateway.auth.token: the redaction marker",
        ),
        (
            '{"gateway":{"auth":{"password":"x__OPENCLAW_REDACTED__"}}}',
            "gateway.auth.password: the redaction",
        ),
        ("{", "raw: not a JSON object"),
        ("= broken", "raw: "),
        ("[1]\nx = 2", "unknown key"),
        ('{"a":' * 500 + "1" + "}" * 500, "nested deeper"),
        ('{"logging":{"level":"\\ud800"}}', "raw: "),
    ],
)
async def test_bad_documents_are_refused_and_change_nothing(
    gateway: Daemon, client: WireClient, raw: str, said: str
) -> None:
    """S4.12-3: a bad value is refused, with its path; the file and the settings stay as they were."""
    snapshot = await client.call("config.get", {})
    with pytest.raises(RpcError) as refused:
        await client.call("config.set", {"raw": raw, "baseHash": snapshot["hash"]})
    assert refused.value.code == "INVALID_REQUEST"
    assert said in refused.value.message
    assert (gateway.home / "homarus.toml").read_text() == CONFIG
    assert (await client.call("config.get", {}))["hash"] == snapshot["hash"]


async def test_stale_or_missing_hash_conflicts(client: WireClient) -> None:
    """Two editors never overwrite each other."""
    snapshot = await client.call("config.get", {})
    patch = {"raw": '{"logging":{"level":"error"}}'}
    with pytest.raises(RpcError, match="baseHash"):
        await client.call("config.patch", patch)
    await client.call("config.patch", {**patch, "baseHash": snapshot["hash"]})
    with pytest.raises(RpcError) as refused:
        await client.call("config.patch", {**patch, "baseHash": snapshot["hash"]})
    assert refused.value.details["code"] == "CONFLICT"


async def test_parallel_writers_one_wins(client: WireClient) -> None:
    """Of twenty writes that start from one state, one is kept."""
    snapshot = await client.call("config.get", {})

    async def write(size: int) -> str:
        raw = json.dumps({"logging": {"max_file_bytes": 100_000 + size}})
        try:
            await client.call("config.patch", {"raw": raw, "baseHash": snapshot["hash"]})
        except RpcError as error:
            return str(error.details["code"])
        return "written"

    outcomes = await asyncio.gather(*map(write, range(20)))
    assert sorted(outcomes) == ["CONFLICT"] * 19 + ["written"]


async def test_writes_are_limited_per_method(client: WireClient) -> None:
    """The 31st change within a minute is refused with the time to wait; reads and other methods go on."""

    async def patch(number: int) -> None:
        snapshot = await client.call("config.get", {})
        raw = json.dumps({"logging": {"max_file_bytes": 100_000 + number}})
        await client.call("config.patch", {"raw": raw, "baseHash": snapshot["hash"]})

    for number in range(30):
        await patch(number)
    with pytest.raises(RpcError) as refused:
        await patch(30)
    reached = refused.value
    assert (reached.code, reached.retryable) == ("UNAVAILABLE", True)
    assert 0 < (reached.retry_after_ms or 0) <= 60_000
    assert reached.details == {"method": "config.patch", "limit": "30 per 60s"}
    snapshot = await client.call("config.get", {})
    await client.call("config.set", {"raw": "[logging]\nlevel = 'error'", "baseHash": snapshot["hash"]})


async def test_restart_only_settings_are_reported(gateway: Daemon, client: WireClient) -> None:
    """A new port is kept and waits for the restart, visibly."""
    snapshot = await client.call("config.get", {})
    assert snapshot["configRevisionHash"] == snapshot["appliedConfigHash"]
    change = {"raw": '{"gateway":{"tls":{"enabled":true}}}', "baseHash": snapshot["hash"]}
    written = await client.call("config.patch", change)
    assert written["restartRequired"] == ["gateway.tls"]
    snapshot = await client.call("config.get", {})
    assert snapshot["pendingRestart"] == ["gateway.tls"]
    assert snapshot["configRevisionHash"] != snapshot["appliedConfigHash"]
    assert "enabled = true" in (gateway.home / "homarus.toml").read_text()


async def test_edits_by_hand_are_followed(gateway: Daemon, client: WireClient) -> None:
    """Hot reload: a good edit takes effect; a bad one is shown, changes nothing, and can be repaired."""
    path = gateway.home / "homarus.toml"
    path.write_text(CONFIG.replace('"info"', '"debug"'))
    await client.wait_event("config.changed")
    assert (await client.call("config.get", {}))["config"]["logging"]["level"] == "debug"
    since = client.mark()
    path.write_text(CONFIG.replace('"info"', '"loud"'))
    await client.wait_event("config.changed", since=since)
    snapshot = await client.call("config.get", {})
    assert snapshot["valid"] is False
    assert snapshot["issues"][0]["path"] == "logging.level"
    assert snapshot["config"]["logging"]["level"] == "debug"
    repaired = await client.call("config.set", {"raw": snapshot["raw"], "baseHash": snapshot["hash"]})
    assert repaired["config"]["logging"]["level"] == "debug"
    assert (await client.call("config.get", {}))["valid"] is True
    assert '"loud"' in (gateway.home / "homarus.rejected.toml").read_text()


async def test_schema_describes_every_setting(client: WireClient) -> None:
    """A form can be built from it: types, defaults, titles, help, and which fields are secret."""
    document = await client.call("config.schema", {})
    schema = document["schema"]
    assert set(schema["properties"]) >= {"gateway", "logging"}
    assert schema["additionalProperties"] is False
    assert "$ref" not in json.dumps(schema)
    port = schema["properties"]["gateway"]["properties"]["port"]
    assert (port["type"], port["minimum"], port["maximum"], port["default"]) == ("integer", 0, 65535, 18789)
    assert port["title"] == "Port"
    assert document["uiHints"]["gateway.auth.token"]["sensitive"] is True
    assert document["uiHints"]["gateway.public_url"]["help"]
    assert document["version"]


async def test_schema_lookup_goes_down_the_tree(client: WireClient) -> None:
    """One node and its children at a time; what needs a restart says so."""
    node = await client.call("config.schema.lookup", {"path": "gateway"})
    assert node["path"] == "gateway"
    assert "properties" not in node["schema"]
    children = {child["key"]: child for child in node["children"]}
    assert children["auth"]["hasChildren"] is True
    assert children["port"]["reloadKind"] == "restart"
    assert children["allowed_hosts"]["reloadKind"] == "hot"
    leaf = await client.call("config.schema.lookup", {"path": "gateway/auth/mode"})
    assert leaf["schema"]["enum"] == ["none", "password", "token"]
    entry = await client.call("config.schema.lookup", {"path": "gateway.allowed_hosts[]"})
    assert entry["schema"]["type"] == "string"
    with pytest.raises(RpcError) as refused:
        await client.call("config.schema.lookup", {"path": "gateway.nope"})
    assert refused.value.details["code"] == "NOT_FOUND"


async def test_reading_needs_read_and_writing_needs_admin(gateway: Daemon) -> None:
    """The published scopes hold."""
    async with await WireClient.open(gateway.ws_url, token=TOKEN) as reader:
        await reader.connect(scopes=["operator.read"])
        snapshot = await reader.call("config.get", {})
        with pytest.raises(RpcError) as refused:
            await reader.call("config.set", {"raw": "{}", "baseHash": snapshot["hash"]})
        assert refused.value.details["code"] == "MISSING_SCOPE"


async def test_rest_has_the_same_rules(gateway: Daemon, client: WireClient) -> None:
    """S4.12-3: set through REST, read through WS; secret masked; bad value and stranger refused."""
    bearer = {"Authorization": f"Bearer {TOKEN}"}
    status, snapshot = await asyncio.to_thread(http, gateway, **bearer)
    assert status == 200
    assert snapshot["parsed"]["gateway"]["auth"]["password"] == MARKER
    tree = snapshot["parsed"]
    tree["logging"]["level"] = "error"
    body = {"config": tree, "baseHash": snapshot["hash"]}
    status, written = await asyncio.to_thread(http, gateway, "PUT", body, **bearer)
    assert (status, written["changedPaths"]) == (200, ["logging.level"])
    assert (await client.call("config.get", {}))["parsed"]["logging"]["level"] == "error"
    assert SECRET in (gateway.home / "homarus.toml").read_text()
    status, refused = await asyncio.to_thread(http, gateway, "PUT", body, **bearer)
    assert status in {400, 409}
    assert refused["error"]["details"]["code"] == "CONFLICT"
    tree["logging"]["level"] = 3
    matching = {**bearer, "If-Match": f'"{written["hash"]}"'}
    status, refused = await asyncio.to_thread(http, gateway, "PUT", {"config": tree}, **matching)
    assert status == 400
    assert refused["error"]["details"]["issues"][0]["path"] == "logging.level"
    status, _ = await asyncio.to_thread(http, gateway)
    assert status in {400, 401}
    assert (await asyncio.to_thread(http, gateway, Authorization="Bearer wrong"))[0] in {400, 401}
