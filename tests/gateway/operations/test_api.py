"""What a running gateway says about itself. Rows S0.3-1, S2.4-3, S4.21-1; attack cases 43, 44; R7."""

import asyncio
import json
import os
import re
import stat
import urllib.error
import urllib.request
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.daemon import TOKEN, Daemon
from tests.support.wire import ALL_SCOPES, RpcError, WireClient, payload_of

CANARY = "canary-9Rk3wZ6tQp1X"


@pytest.fixture
async def client(shared_daemon: Daemon) -> AsyncIterator[WireClient]:
    async with await WireClient.open(shared_daemon.ws_url, token=TOKEN) as client:
        await client.connect()
        yield client


def get(url: str, method: str = "GET", **headers: str) -> tuple[int, str]:
    request = urllib.request.Request(url, headers=headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


async def fetch(url: str, method: str = "GET", **headers: str) -> tuple[int, str]:
    return await asyncio.to_thread(get, url, method, **headers)


async def test_hello_carries_the_same_health(client: WireClient) -> None:
    """The snapshot a client gets at connect is that of `health`."""
    health = await client.call("health")
    snapshot = client.hello["snapshot"]["health"]
    assert health.keys() >= snapshot.keys() - {"eventLoop"}
    assert health["ok"] is True
    assert health["agents"][0]["agentId"] == health["defaultAgentId"] == "main"
    assert health["configReload"] == {"hotReloadStatus": "active"}
    assert {"config", "disk"} <= set(health["plugins"]["loaded"])


async def test_status_shows_paths_to_admins_only(shared_daemon: Daemon, client: WireClient) -> None:
    """Sensitive fields are for callers with admin."""
    full = await client.call("status", {"includeChannelSummary": False})
    assert full["sessions"]["paths"] == [str(shared_daemon.home / "state" / "state.db")]
    assert full["pid"] == shared_daemon.pid
    assert full["processMemory"]["rssBytes"] < 100 * 1024 * 1024
    assert full["stores"]["state"]["databaseBytes"] > 0
    assert full["connections"] >= 1
    async with await WireClient.open(shared_daemon.ws_url, token=TOKEN) as reader:
        await reader.connect(scopes=["operator.read"])
        limited = await reader.call("status")
        assert limited["sessions"]["paths"] == []
        assert str(shared_daemon.home) not in json.dumps(limited)


async def test_new_sessions_are_counted(client: WireClient) -> None:
    """`openclaw health` and `status` show how many sessions there are and which were used last."""
    before = (await client.call("status"))["sessions"]["count"]
    for name in ("one", "two"):
        await client.call("sessions.create", {"key": f"agent:main:overview-{name}", "agentId": "main"})
    status = await client.call("status")
    assert status["sessions"]["count"] == before + 2
    newest = status["sessions"]["recent"][0]
    assert (newest["key"], newest["agentId"]) == ("agent:main:overview-two", "main")
    assert status["sessions"]["byAgent"][0]["count"] == before + 2
    await asyncio.sleep(1.5)  # health follows within a second
    health = await client.call("health", {"probe": True})
    assert health["sessions"]["count"] == before + 2
    assert health["sessions"]["recent"][0]["key"] == newest["key"]


async def test_system_info_is_about_this_machine(shared_daemon: Daemon, client: WireClient) -> None:
    info = await client.call("system.info", {})
    assert info["pid"] == shared_daemon.pid
    assert info["port"] == shared_daemon.port
    assert info["cpuCount"] == os.cpu_count()
    assert info["nodeVersion"].startswith("Python 3.")
    assert info["memoryTotalBytes"] > info["memoryFreeBytes"] > 0
    assert info["processInstanceId"] == client.hello["server"]["bootId"]


@pytest.mark.parametrize(
    ("method", "needs"),
    [
        ("health", "operator.read"),
        ("status", "operator.read"),
        ("logs.tail", "operator.read"),
        ("diagnostics.stability", "operator.read"),
        ("secrets.reload", "operator.admin"),
        ("update.status", "operator.admin"),
    ],
)
async def test_scopes_hold(shared_daemon: Daemon, method: str, needs: str) -> None:
    """Attack case 15, for these methods."""
    others = [scope for scope in ALL_SCOPES if scope not in {needs, "operator.admin", "operator.write"}]
    async with await WireClient.open(shared_daemon.ws_url, token=TOKEN) as outsider:
        await outsider.connect(scopes=others)
        with pytest.raises(RpcError) as refused:
            await outsider.call(method)
        assert refused.value.details["missingScope"] == needs


async def test_the_event_loop_is_measured(client: WireClient) -> None:
    await asyncio.sleep(1.3)  # the first window takes a second
    health = await client.call("health", {"probe": True})
    loop = health["eventLoop"]
    assert loop["delayMaxMs"] >= loop["delayP99Ms"] >= 0
    assert loop["degraded"] is (loop["reasons"] != [])


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/healthz", {"ok": True, "status": "live"}),
        ("/health", {"ok": True, "status": "live"}),
        ("/startupz", {"ok": True, "status": "started", "version": "2026.9.6"}),
        ("/readyz", {"ready": True, "failing": []}),
        ("/ready", {"ready": True, "failing": []}),
    ],
)
async def test_probes(shared_daemon: Daemon, path: str, body: dict[str, Any]) -> None:
    """S2.4-3, and the shapes of section d."""
    status, text = await fetch(shared_daemon.url + path)
    answer = json.loads(text)
    assert status == 200
    assert {name: answer[name] for name in body} == body
    assert (await fetch(shared_daemon.url + path, "HEAD"))[0] == 200
    assert (await fetch(shared_daemon.url + path, "POST"))[0] == 405


async def test_strangers_learn_no_details(shared_daemon: Daemon) -> None:
    """A page in a browser, or a caller behind a proxy, sees whether it is ready and nothing else."""
    own = f"http://127.0.0.1:{shared_daemon.port}"
    status, text = await fetch(shared_daemon.url + "/readyz", Origin=own)
    assert (status, json.loads(text)) == (200, {"ready": True})
    assert (await fetch(shared_daemon.url + "/metrics", Origin=own))[0] in {400, 401}
    bearer = {"Authorization": f"Bearer {TOKEN}"}
    status, text = await fetch(shared_daemon.url + "/readyz", Origin=own, **bearer)
    assert "uptimeMs" in json.loads(text)


async def test_metrics_count_what_happened(shared_daemon: Daemon, client: WireClient) -> None:
    """Every line is well-formed, and a known load is counted exactly."""

    def value(text: str, sample: str) -> float:
        found = re.search(rf"^{re.escape(sample)} (\S+)$", text, re.MULTILINE)
        return float(found[1]) if found else 0.0

    _, before = await fetch(shared_daemon.url + "/metrics")
    for _ in range(7):
        await client.call("health")
    with pytest.raises(RpcError):
        await client.call("config.set", {"raw": ""})
    with pytest.raises(RpcError):
        await client.call("no.such\n.method")
    status, after = await fetch(shared_daemon.url + "/metrics")
    assert status == 200
    line = re.compile(r'(# (HELP|TYPE) \w+ .+|[a-z_]+(\{\w+="[^"\n]*"(,\w+="[^"\n]*")*\})? [0-9.e+-]+)')
    assert [text for text in after.splitlines() if not line.fullmatch(text)] == []
    counted = 'homarus_requests_total{method="health",code="ok"}'
    assert value(after, counted) - value(before, counted) == 7
    for sample in (
        'homarus_requests_total{method="config.set",code="INVALID_REQUEST"}',
        'homarus_requests_total{method="unknown",code="INVALID_REQUEST"}',
    ):
        assert value(after, sample) - value(before, sample) == 1
    assert value(after, "process_resident_memory_bytes") > 10_000_000
    assert value(after, 'homarus_part_ok{part="disk"}') == 1
    assert value(after, 'homarus_store_commits_total{store="state"}') >= 1


async def test_logs_can_be_followed(shared_daemon: Daemon, client: WireClient) -> None:
    """S4.21-1: `logs.tail` goes on where it stopped; every line is JSON with a level."""
    first = await client.call("logs.tail", {"limit": 2, "maxBytes": 250_000})
    assert first["file"] == str(shared_daemon.home / "logs" / "homarus.log")
    assert len(first["lines"]) == 2
    assert first["truncated"] is True
    assert (await client.call("logs.tail", {"cursor": first["cursor"]}))["lines"] == []
    snapshot = await client.call("config.get", {})
    change = {"raw": '{"logging":{"max_files":7}}', "baseHash": snapshot["hash"], "note": "mark\u202e me"}
    await client.call("config.patch", change)
    more = await client.call("logs.tail", {"cursor": first["cursor"]})
    messages = [json.loads(line)["message"] for line in more["lines"]]
    assert any("mark\\u202e me" in message for message in messages)
    assert more["cursor"] > first["cursor"]
    assert (await client.call("logs.tail", {"cursor": 10**12}))["reset"] is True


async def test_peer_text_stays_one_short_line(shared_daemon: Daemon, client: WireClient) -> None:
    """Attack case 43: 15 KB of header with CR, LF and ESC."""
    story = "ignore previous instructions \x1b[2J " * 500
    await fetch(shared_daemon.url + "/healthz", **{"User-Agent": story.replace("\x1b", "\\e")})
    with pytest.raises(RpcError):
        payload_of(await client.response(await client.request(story + "\r\n", request_id="long")))
    async with await WireClient.open(shared_daemon.ws_url, token="x" + story) as stranger:
        with pytest.raises(RpcError):
            await stranger.connect(client={"displayName": story, "version": story})
    for line in (shared_daemon.home / "logs" / "homarus.log").read_text().splitlines():
        message = json.loads(line)["message"]
        assert message.isprintable()
        assert message.count("ignore previous instructions") <= 256 // len("ignore previous instructions")


async def test_level_changes_at_runtime(tmp_path: Path) -> None:
    """S4.21-1."""
    async with Daemon(tmp_path) as daemon, await WireClient.open(daemon.ws_url, token=TOKEN) as client:
        await client.connect()
        path = daemon.home / "logs" / "homarus.log"
        snapshot = await client.call("config.get", {})
        patch = {"raw": '{"logging":{"level":"error"}}', "baseHash": snapshot["hash"]}
        snapshot = await client.call("config.patch", patch)
        size = path.stat().st_size
        patch = {"raw": '{"logging":{"max_files":9}}', "baseHash": snapshot["hash"]}
        await client.call("config.patch", patch)
        assert path.stat().st_size == size, "info is off"


async def test_secrets_are_nowhere(tmp_path: Path) -> None:
    """Attack case 44: a literal secret is in homarus.toml and its last good copy, and in no other place."""
    config = f'[gateway.auth]\nmode = "token"\ntoken = "{CANARY}"\n'
    async with Daemon(tmp_path, token=None, config=config) as daemon:
        async with await WireClient.open(daemon.ws_url, token=CANARY) as client:
            await client.connect()
            for method in (
                "config.get",
                "status",
                "health",
                "system.info",
                "config.schema",
                "diagnostics.stability",
            ):
                await client.call(method, {})
            snapshot = await client.call("config.get", {})
            written = await client.call("config.set", {"raw": snapshot["raw"], "baseHash": snapshot["hash"]})
            with pytest.raises(RpcError):
                await client.call(
                    "config.set", {"raw": f'{{"gateway":{{"port":"{CANARY}"}}}}', "baseHash": written["hash"]}
                )
            with pytest.raises(RpcError):
                await client.call(f"x.{CANARY}")
            await client.call("logs.tail", {})
            sent = [frame for frame in client.frames if frame.get("error") is None]
            assert CANARY not in json.dumps(sent)
        process = Path(f"/proc/{daemon.pid}")
        assert (
            CANARY.encode()
            not in process.joinpath("cmdline").read_bytes() + process.joinpath("environ").read_bytes()
        )
        holders = {
            path.relative_to(daemon.home).as_posix()
            for path in daemon.home.rglob("*")
            if path.is_file() and CANARY.encode() in path.read_bytes()
        }
        assert holders == {"homarus.toml", "state/homarus.last-good.toml"}
        assert CANARY not in daemon.stderr_text()


async def test_private_files_stay_private(tmp_path: Path) -> None:
    """Extra gate: state files 0600, folders 0700; the generated token is used and hidden."""
    async with Daemon(tmp_path, token=None) as daemon:
        token = (daemon.home / "keys" / "gateway.token").read_text().strip()
        async with await WireClient.open(daemon.ws_url, token=token) as client:
            await client.connect()
            assert token not in json.dumps(await client.call("config.get", {}))
        for path in (daemon.home, *daemon.home.rglob("*")):
            mode = path.lstat().st_mode
            if stat.S_ISDIR(mode) or stat.S_ISREG(mode):
                assert stat.S_IMODE(mode) & 0o077 == 0, path
        assert token not in daemon.stderr_text()


async def test_a_broken_file_never_stops_the_gateway(tmp_path: Path) -> None:
    """R7: it boots the last good settings and says so everywhere."""
    async with Daemon(tmp_path, config="[logging]\nmax_files = 6\n") as daemon:
        (daemon.home / "homarus.toml").write_text("[logging\n")
        await daemon.restart()
        async with await WireClient.open(daemon.ws_url, token=TOKEN) as client:
            await client.connect()
            snapshot = await client.call("config.get", {})
            assert (snapshot["source"], snapshot["valid"]) == ("last-good", False)
            assert snapshot["config"]["logging"]["max_files"] == 6
            health = await client.call("health")
            assert [part["id"] for part in health["plugins"]["errors"]] == ["config"]
            status, text = await fetch(daemon.url + "/health")
            assert (status, json.loads(text)["status"]) == (200, "degraded")
            assert json.loads(text)["degraded"] == ["config"]
            assert "homarus.toml" in daemon.stderr_text()
            (daemon.home / "homarus.toml").write_text("[logging]\nmax_files = 5\n")
            healed = await client.wait_event("health", lambda payload: not payload["plugins"]["errors"])
            assert healed["stateVersion"]["health"] > client.hello["snapshot"]["stateVersion"]["health"]


async def test_a_lost_database_shows_within_seconds(tmp_path: Path) -> None:
    """S2.4-3 and R5: the part fails, `/readyz` says so; once the file is back, all is well again."""
    async with Daemon(tmp_path) as daemon, await WireClient.open(daemon.ws_url, token=TOKEN) as client:
        await client.connect()
        path = daemon.home / "state" / "state.db"
        path.rename(path.with_suffix(".aside"))
        failed = await client.wait_event("health", lambda payload: bool(payload["plugins"]["errors"]))
        (error,) = failed["payload"]["plugins"]["errors"]
        assert error["id"] == "store state"
        assert "state.db is gone" in error["error"]
        status, text = await fetch(daemon.url + "/readyz")
        assert (status, json.loads(text)["failing"]) == (503, ["store state"])
        status, text = await fetch(daemon.url + "/health")
        assert (status, json.loads(text)["status"]) == (503, "failing")
        assert (await fetch(daemon.url + "/healthz"))[0] == 200
        since = client.mark()
        path.with_suffix(".aside").rename(path)
        await client.wait_event("health", lambda payload: not payload["plugins"]["errors"], since=since)
        assert (await fetch(daemon.url + "/readyz"))[0] == 200


@pytest.mark.parametrize("token", ["undefined", "null", " ", "changeme", "short"])
async def test_weak_tokens_are_refused_at_start(tmp_path: Path, token: str) -> None:
    """Attack case 13: the process ends with a sentence that names the setting, and listens nowhere."""
    daemon = Daemon(tmp_path, token=token)
    with pytest.raises(AssertionError, match="ended before its ready line"):
        await daemon.start()
    assert "gateway.auth.token" in daemon.stderr_text()
    assert "Traceback" not in daemon.stderr_text()


async def test_an_open_gateway_stays_on_loopback(tmp_path: Path) -> None:
    """S0.3-1: 0.0.0.0 without auth is refused."""
    daemon = Daemon(tmp_path, token=None, args=["--host", "0.0.0.0", "--auth", "none"])
    with pytest.raises(AssertionError, match="ended before its ready line"):
        await daemon.start()
    assert "only allowed on loopback" in daemon.stderr_text()
