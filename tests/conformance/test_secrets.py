"""Case 44: secrets of every kind, and every place where one must not turn up."""

import asyncio
import json
import secrets
import tarfile
import tomllib
import urllib.request
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Final, cast
from urllib.error import HTTPError

import pytest

from tests.support.daemon import Daemon
from tests.support.wire import DeviceKey, Json, RpcError, WireClient

NAMES: Final = (
    *("token", "provider", "from_env", "from_file", "mcp_header", "mcp_env", "agent_env", "patched"),
    *("in_broken_toml", "in_broken_json", "of_wrong_type", "guessed_token", "guessed_password", "in_header"),
)
ALLOWED: Final = ("keys/", "homarus.toml", "state/homarus.last-good.toml")
"""Where secrets live: the files that exist to hold them, all 0600. The last one is the accepted
`homarus.toml` again, which the gateway starts with after a bad edit."""

CONFIG: Final = """
[gateway]
public_url = "https://home.example"

[gateway.auth]
token = "{token}"

[agents]
default = "speaks"

[agents.entries.speaks]
runtime = "llm"
model = {{ primary = "acme/large" }}

[agents.entries.looks]
runtime = "command"
argv = ["/usr/bin/env"]

[agents.entries.holds]
runtime = "command"
argv = ["/bin/true"]
env = {{ HELD = "{agent_env}" }}

[agents.providers.acme]
base_url = "{url}"
api_key = "{provider}"
attempts = 1

[agents.providers.envy]
base_url = "{url}"
api_key = {{ env = "ENVY_KEY" }}

[agents.providers.filed]
base_url = "{url}"
api_key = {{ file = "keys/filed.key" }}

[agents.mcp.helper]
url = "{url}"
headers = {{ Authorization = "Bearer {mcp_header}" }}
env = {{ HELPER_KEY = "{mcp_env}" }}

[logging]
level = "debug"
"""


@pytest.fixture
def canaries() -> dict[str, str]:
    """A secret of its own for every place, none of which looks like one by its shape."""
    return {name: f"canary {name} {secrets.token_hex(8)}".replace(" ", "-") for name in NAMES}


@asynccontextmanager
async def indiscreet_provider() -> AsyncGenerator[str]:
    """A model provider that refuses every request and says the key it was given in its answer."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        key = next((line for line in head.splitlines() if line.lower().startswith("authorization")), "none")
        body = json.dumps({"error": {"message": f"Incorrect API key provided: {key}", "code": "bad_key"}})
        reply = "HTTP/1.1 401 Unauthorized\r\nContent-Type: application/json\r\nConnection: close\r\n"
        writer.write(f"{reply}Content-Length: {len(body)}\r\n\r\n{body}".encode())
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"


@asynccontextmanager
async def keeper(folder: Path, canaries: dict[str, str]) -> AsyncGenerator[Daemon]:
    """A daemon that holds the canaries the way a careful user configures them: never on its command line."""
    async with indiscreet_provider() as url:
        daemon = Daemon(
            folder,
            token=None,
            config=CONFIG.format(url=url, **canaries),
            env={"ENVY_KEY": canaries["from_env"]},
        )
        daemon.token = canaries["token"]
        keys = daemon.home / "keys"
        keys.mkdir(mode=0o700)
        (keys / "filed.key").write_text(canaries["from_file"], encoding="utf-8")
        for path in (keys / "filed.key", daemon.home / "homarus.toml"):
            path.chmod(0o600)
        daemon.token, given = "", daemon.token  # nothing on the command line
        async with daemon:
            daemon.token = given
            yield daemon


def leaks(text: str, canaries: dict[str, str]) -> set[str]:
    """Names of the canaries `text` holds."""
    return {name for name, value in canaries.items() if value in text}


def files_with(root: Path, canaries: dict[str, str]) -> Iterator[tuple[str, set[str]]]:
    """Every file below `root` that holds a canary and is not meant to."""
    for path in root.rglob("*"):
        name = str(path.relative_to(root))
        if name.startswith(ALLOWED):
            assert path.is_dir() or path.stat().st_mode & 0o077 == 0, f"{name} is not private"
        elif path.is_file() and not path.is_symlink():
            found = leaks(path.read_bytes().decode("latin-1"), canaries)
            if found:
                yield name, found


def members_with(backup: Path, canaries: dict[str, str]) -> Iterator[tuple[str, set[str]]]:
    """The same for the members of a backup."""
    with tarfile.open(backup) as tar:
        for member in tar.getmembers():
            stream = tar.extractfile(member)
            inside = member.name.removeprefix("./").partition("/")[2]
            if stream is None or inside.startswith(ALLOWED) or member.name.startswith(ALLOWED):
                continue
            found = leaks(stream.read().decode("latin-1"), canaries)
            if found:
                yield member.name, found


async def test_no_secret_turns_up_anywhere(tmp_path: Path, canaries: dict[str, str]) -> None:
    """Case 44 [0 hits in state, logs, arguments, children's environment, frames and backup]."""
    issued: dict[str, str] = {}
    async with keeper(tmp_path, canaries) as daemon:
        said = await scripted_session(daemon, canaries, issued)
        every = {**canaries, **issued}
        check_process(daemon.pid, every)
        check_backup(Path(said.pop("backup")), every)
    for place, text in said.items():
        assert not leaks(text, canaries), place
    assert list(files_with(daemon.home, every)) == []
    assert not leaks(daemon.stderr_text(), every)
    assert not leaks((tmp_path / "gateway.log").read_text(encoding="utf-8"), every)


def check_process(pid: int, canaries: dict[str, str]) -> None:
    """Hold the arguments of the gateway, and the environment of its children, to be clean."""
    process = Path(f"/proc/{pid}")
    assert not leaks((process / "cmdline").read_text(encoding="utf-8"), canaries)
    for child in (process / "task" / str(pid) / "children").read_text(encoding="ascii").split():
        assert not leaks(Path(f"/proc/{child}/environ").read_text(encoding="latin-1"), canaries)


def check_backup(backup: Path, canaries: dict[str, str]) -> None:
    """Hold a backup to be private and clean, and remove it."""
    assert backup.stat().st_mode & 0o777 == 0o600
    assert list(members_with(backup, canaries)) == []
    backup.unlink()


async def scripted_session(
    daemon: Daemon, canaries: dict[str, str], issued: dict[str, str]
) -> dict[str, str]:
    """Everything a gateway says during an eventful afternoon, by place."""
    said: dict[str, str] = {}
    said["wrong connects"] = await _wrong_connects(daemon, canaries)
    identity = DeviceKey()
    async with await WireClient.open(daemon.ws_url, token=daemon.token) as device:
        issued["device token"] = (await device.connect(identity=identity))["auth"]["deviceToken"]
    async with await WireClient.open(daemon.ws_url, token=daemon.token) as client:
        await client.connect(client={"displayName": "keeper"})
        setup = await client.call("device.pair.setupCode", {})
        issued["setup code"] = str(setup["setupCode"])
        client.frames.clear()
        said["backup"] = await _configure(client, canaries)
        await _converse(client)
        for method in (
            "health",
            "status",
            "logs.tail",
            "diagnostics.stability",
            "config.schema",
            "system.info",
        ):
            await client.call(method)
        await client.call("logs.tail", {"maxBytes": 1_000_000})
        said["frames"] = json.dumps(client.frames)
    said["HTTP"] = await asyncio.to_thread(_over_http, daemon, canaries)
    return said


async def _wrong_connects(daemon: Daemon, canaries: dict[str, str]) -> str:
    texts: list[str] = []
    for auth in (
        {"token": canaries["guessed_token"]},
        {"password": canaries["guessed_password"]},
        {"deviceToken": canaries["guessed_token"]},
        {"bootstrapToken": canaries["guessed_token"]},
    ):
        async with await WireClient.open(
            daemon.ws_url, headers={"Authorization": f"Bearer {canaries['in_header']}"}
        ) as client:
            with pytest.raises(RpcError):
                await client.connect(identity=DeviceKey(), auth=auth)
            texts.append(json.dumps(client.frames) + str(await client.closed()))
    return "".join(texts)


async def _configure(client: WireClient, canaries: dict[str, str]) -> str:
    """Read and write the configuration, rightly and wrongly; returns where the backup is."""
    base = (await client.call("config.get"))["hash"]
    patch = json.dumps({"agents": {"providers": {"later": {"api_key": canaries["patched"]}}}})
    await client.call("config.patch", {"raw": patch, "baseHash": base})
    base = (await client.call("config.get"))["hash"]
    broken = {
        "toml": f'[gateway.auth]\ntoken = "{canaries["in_broken_toml"]}" oops\n',
        "json": f'{{"gateway":{{"auth":{{"token":"{canaries["in_broken_json"]}"oops}}}}}}',
        "type": json.dumps({"gateway": {"port": canaries["of_wrong_type"], "auth": {"mode": "token"}}}),
        "unknown": json.dumps({"gateway": {"auth": {"tokens": canaries["of_wrong_type"]}}}),
        "secret": json.dumps({"gateway": {"auth": {"token": {"enw": canaries["of_wrong_type"]}}}}),
        "list": json.dumps({"gateway": {"auth": {"token": [canaries["of_wrong_type"]]}}}),
    }
    for raw in broken.values():
        with pytest.raises(RpcError):
            await client.call("config.set", {"raw": raw, "baseHash": base})
        with suppress(RpcError):
            await client.call("config.patch", {"raw": raw, "baseHash": base})
    for reason in ("file", "env"):
        missing = {"agents": {"providers": {"gone": {"api_key": {reason: f"missing-{reason}"}}}}}
        with suppress(RpcError):
            await client.call("config.patch", {"raw": json.dumps(missing), "baseHash": base})
    await client.call("secrets.reload")
    return str((await client.call("backup.create"))["path"])


async def _converse(client: WireClient) -> None:
    """A question to the indiscreet provider, and one to a program that shows its environment."""
    for agent in ("speaks", "looks"):
        since = client.mark()
        params: Json = {
            "sessionKey": f"agent:{agent}:main",
            "message": "hello",
            "idempotencyKey": f"secrets-{agent}",
        }
        run = await client.call("chat.send", params)
        ended = await client.wait_event(
            "chat",
            lambda payload, run=run: (
                payload.get("runId") == run["runId"] and payload.get("state") in {"final", "error", "aborted"}
            ),
            since=since,
            timeout_s=20,
        )
        assert ended["payload"]["state"] == ("error" if agent == "speaks" else "final"), ended


def _over_http(daemon: Daemon, canaries: dict[str, str]) -> str:
    texts: list[str] = []
    for path in ("/healthz", "/readyz", "/metrics", "/config", "/v1/models", f"/{canaries['in_header']}"):
        for token in (canaries["token"], canaries["guessed_token"]):
            asked = urllib.request.Request(
                f"{daemon.url}{path}", headers={"Authorization": f"Bearer {token}"}
            )
            try:
                with urllib.request.urlopen(asked, timeout=10) as answer:
                    texts.append(answer.read().decode())
            except HTTPError as error:
                texts.append(error.read().decode())
                error.close()
    return "".join(texts)


def stored_secrets(home: Path) -> list[Any]:
    """The secrets of `homarus.toml`, as they are written there."""
    tree = tomllib.loads((home / "homarus.toml").read_text(encoding="utf-8"))
    agents = tree["agents"]
    providers = cast("dict[str, Json]", agents["providers"])
    return [
        tree["gateway"]["auth"]["token"],
        *(provider["api_key"] for provider in providers.values()),
        agents["mcp"]["helper"]["headers"],
        agents["mcp"]["helper"]["env"],
        agents["entries"]["holds"]["env"],
    ]


async def test_a_hundred_round_trips_keep_every_secret(tmp_path: Path, canaries: dict[str, str]) -> None:
    """Case 44: `config.get` -> `config.set` 100 times, some with a change [secrets bit-identical, usable]."""
    async with keeper(tmp_path, canaries) as daemon:
        before = stored_secrets(daemon.home)
        async with await WireClient.open(daemon.ws_url, token=daemon.token) as client:
            await client.connect()
            for turn in range(100):
                shown = await client.call("config.get")
                tree = cast("Json", json.loads(shown["raw"]))
                assert not leaks(shown["raw"], canaries)
                if turn % 10 == 0:
                    tree["logging"]["max_files"] = 3 + turn // 10
                await client.call("config.set", {"raw": json.dumps(tree), "baseHash": shown["hash"]})
        assert stored_secrets(daemon.home) == before
        await daemon.stop()
        daemon.token, given = "", daemon.token
        await daemon.start()
        daemon.token = given
        assert stored_secrets(daemon.home) == before
        async with await WireClient.open(daemon.ws_url, token=given) as client:
            await client.connect()
            assert (await client.call("health"))["ok"]


async def test_a_marker_never_becomes_a_secret(tmp_path: Path, canaries: dict[str, str]) -> None:
    """Case 44: the redaction marker where there was no secret [typed error, file unchanged]."""
    async with keeper(tmp_path, canaries) as daemon:
        text = (daemon.home / "homarus.toml").read_text(encoding="utf-8")
        async with await WireClient.open(daemon.ws_url, token=daemon.token) as client:
            await client.connect()
            shown = await client.call("config.get")
            marker = json.loads(shown["raw"])["gateway"]["auth"]["token"]
            for patch in (
                {"agents": {"providers": {"new": {"api_key": marker}}}},
                {"gateway": {"auth": {"password": marker}}},
                {"agents": {"providers": {"envy": {"api_key": f"{marker}x"}}}},
                {"gateway": {"public_url": f"https://{marker}.example"}},
            ):
                with pytest.raises(RpcError) as refused:
                    await client.call("config.patch", {"raw": json.dumps(patch), "baseHash": shown["hash"]})
                assert refused.value.code == "INVALID_REQUEST"
    assert (daemon.home / "homarus.toml").read_text(encoding="utf-8") == text
