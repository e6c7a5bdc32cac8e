"""Agents, models, tools, skills and memory over the shipped daemon's socket (row S4.22-2)."""

import hashlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.daemon import TOKEN, Daemon
from tests.support.wire import RpcError, WireClient

CONFIG = """
[agents.entries.fixed]
name = "Fixed"
emoji = "🔧"
tools = ["time", "rec*"]

[agents.providers.ollama]
base_url = "http://127.0.0.1:9/v1"
[agents.providers.ollama.models."qwen3:4b"]
name = "Qwen"
context_tokens = 32000
reasoning = true

[agents.providers.cloud]
kind = "anthropic"
api_key = { env = "NO_SUCH_VARIABLE" }
models = { "claude-x" = {} }
"""


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Any:
    daemon = Daemon(tmp_path_factory.mktemp("agents"), config=CONFIG)
    daemon.launch()
    yield daemon
    daemon.shut_down()
    daemon.close()


async def connected(daemon: Daemon, **overrides: Any) -> WireClient:
    client = await WireClient.open(daemon.ws_url, token=TOKEN)
    await client.connect(**overrides)
    return client


@pytest.fixture
async def client(house: Daemon) -> AsyncIterator[WireClient]:
    async with await connected(house) as client:
        yield client


async def refused(client: WireClient, method: str, params: dict[str, Any]) -> RpcError:
    with pytest.raises(RpcError) as error:
        await client.call(method, params)
    return error.value


async def test_agents_list_names_a_model_for_each_agent(client: WireClient) -> None:
    answer = await client.call("agents.list", {})
    assert answer["defaultId"] == "main"
    assert (answer["mainKey"], answer["scope"]) == ("main", "per-sender")
    by_id = {agent["id"]: agent for agent in answer["agents"]}
    assert next(iter(by_id)) == "main"
    assert by_id["main"]["model"] == {"primary": "homarus/offline"}
    assert by_id["main"]["kind"] == "agent"
    assert by_id["fixed"]["identity"] == {"name": "Fixed", "emoji": "🔧"}


async def test_the_first_words_of_the_gateway_name_the_main_session(client: WireClient) -> None:
    defaults = client.hello["snapshot"]["sessionDefaults"]
    assert defaults["defaultAgentId"] == "main"
    assert defaults["mainSessionKey"] == "agent:main:main"
    assert defaults["modelConfigured"] is True


async def test_an_agents_life_from_creation_to_the_trash(client: WireClient, house: Daemon) -> None:
    made = await client.call("agents.create", {"name": "Ops Crew", "emoji": "🦞", "model": "ollama/qwen3:4b"})
    assert made == {
        "ok": True,
        "agentId": "ops-crew",
        "name": "Ops Crew",
        "workspace": str(house.home / "workspaces" / "ops-crew"),
        "model": "ollama/qwen3:4b",
    }
    assert "CONFLICT" in (await refused(client, "agents.create", {"name": "ops crew"})).details["code"]
    await client.call(
        "agents.update", {"agentId": "ops-crew", "name": "Ops", "fallbacks": ["homarus/offline"]}
    )
    row = next(a for a in (await client.call("agents.list", {}))["agents"] if a["id"] == "ops-crew")
    assert row["name"] == "Ops"
    assert row["model"] == {"primary": "ollama/qwen3:4b", "fallbacks": ["homarus/offline"]}
    assert row["agentRuntime"]["id"] == "llm"
    assert row["createdVia"] == "operator"
    assert row["thinkingOptions"] == ["off", "low", "medium", "high"]
    await client.call("agents.update", {"agentId": "ops-crew", "model": None})
    identity = await client.call("agent.identity.get", {"sessionKey": "agent:ops-crew:main"})
    assert identity == {
        "agentId": "ops-crew",
        "name": "Ops",
        "nameSource": "agent",
        "avatar": "🦞",
        "emoji": "🦞",
    }
    await client.call("memory.remember", {"text": "crew meets at nine", "agentId": "ops-crew"})
    gone = await client.call("agents.delete", {"agentId": "ops-crew"})
    assert gone["removed"] == [{"path": made["workspace"], "method": "trash"}]
    assert "ops-crew" not in {path.name for path in (house.home / "workspaces").iterdir()}
    assert len(list((house.home / "trash").iterdir())) == 1
    error = await refused(client, "agents.delete", {"agentId": "ops-crew"})
    assert (error.code, error.message) == ("INVALID_REQUEST", 'agent "ops-crew" not found')
    await client.call("agents.create", {"name": "ops-crew"})
    assert (await client.call("memory.list", {"agentId": "ops-crew"}))["total"] == 0
    await client.call("agents.delete", {"agentId": "ops-crew"})


async def test_agents_survive_a_restart(tmp_path: Path) -> None:
    async with Daemon(tmp_path) as daemon:
        async with await connected(daemon) as client:
            await client.call("agents.create", {"name": "kept", "systemPrompt": "Be kind."})
        await daemon.restart()
        async with await connected(daemon) as client:
            agents = (await client.call("agents.list", {}))["agents"]
    assert [agent["id"] for agent in agents] == ["main", "kept"]


@pytest.mark.parametrize(
    ("method", "params", "said"),
    [
        ("agents.update", {"agentId": "fixed", "name": "x"}, "can only be changed there"),
        ("agents.delete", {"agentId": "fixed"}, "can only be deleted there"),
        ("agents.delete", {"agentId": "main"}, "cannot be deleted"),
        ("agents.update", {"agentId": "nobody"}, 'agent "nobody" not found'),
        ("agents.create", {"name": "???"}, "name: needs a letter or digit"),
        ("agents.create", {"name": "x", "model": "gpt"}, "model: write provider/model"),
        ("agents.create", {"name": "x", "model": "nope/gpt"}, 'model: there is no provider "nope"'),
        ("agents.create", {"name": "x", "fallbacks": ["nope/gpt"]}, "fallbacks: there is no provider"),
        ("agents.create", {"name": "x", "workspace": "relative"}, "workspace: give an absolute path"),
        (
            "agents.create",
            {"name": "x", "workspace": "/"},
            "workspace: this folder holds the gateway's own files",
        ),
        ("agents.create", {"name": ""}, "/name"),
        ("agent.identity.get", {"agentId": "../../etc"}, "not found"),
    ],
)
async def test_what_cannot_be_is_named(
    client: WireClient, method: str, params: dict[str, Any], said: str
) -> None:
    error = await refused(client, method, params)
    assert error.code == "INVALID_REQUEST"
    assert said in error.message


async def test_the_gateways_own_folder_is_no_workspace(client: WireClient, house: Daemon) -> None:
    for path in (house.home / "state", house.home / "keys" / "deep", house.home, house.home.parent):
        error = await refused(client, "agents.create", {"name": "x", "workspace": str(path)})
        assert "gateway's own files" in error.message


async def test_shaping_files_are_guarded_by_their_hash(client: WireClient, house: Daemon) -> None:
    listed = await client.call("agents.files.list", {"agentId": "main"})
    assert [file["name"] for file in listed["files"]][:2] == ["AGENTS.md", "SOUL.md"]
    assert all(file["missing"] for file in listed["files"])
    write = {"agentId": "main", "name": "SOUL.md", "content": "Be brief. ü\n"}
    first = await client.call("agents.files.set", {**write, "expectedHash": None})
    sha = hashlib.sha256("Be brief. ü\n".encode()).hexdigest()
    assert first["file"]["hash"] == sha
    assert first["file"]["size"] == 13
    read = await client.call("agents.files.get", {"agentId": "main", "name": "SOUL.md"})
    assert read["file"]["content"] == "Be brief. ü\n"
    error = await refused(client, "agents.files.set", {**write, "content": "x", "expectedHash": "0" * 64})
    assert error.details["type"] == "agent_file_conflict"
    assert error.details["currentHash"] == sha
    assert (await refused(client, "agents.files.set", {**write, "expectedHash": None})).details[
        "currentHash"
    ] == sha
    await client.call("agents.files.set", {**write, "content": "Be long.\n", "expectedHash": sha})
    await client.call("agents.files.set", {**write, "content": "Unguarded.\n"})
    path = house.home / "workspaces" / "main" / "SOUL.md"
    assert path.read_text() == "Unguarded.\n"
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "name", ["../homarus.toml", "/etc/passwd", "SOUL.md/../../x", "notes.md", "soul.md", "SOUL.md\x00"]
)
async def test_only_the_shaping_files_have_names(client: WireClient, name: str) -> None:
    """Bad input: no name reaches another file."""
    for method, extra in (("agents.files.get", {}), ("agents.files.set", {"content": "x"})):
        error = await refused(client, method, {"agentId": "main", "name": name, **extra})
        assert error.code == "INVALID_REQUEST"
        assert "unsupported file" in error.message


async def test_links_lead_nowhere(client: WireClient, house: Daemon, tmp_path: Path) -> None:
    """Bad input: a link in the workspace, to a file and to a folder, symbolic and hard."""
    workspace = house.home / "workspaces" / "fixed"
    workspace.mkdir(parents=True, exist_ok=True)
    secret = tmp_path / "secret.txt"
    secret.write_text("do not read")
    (workspace / "AGENTS.md").symlink_to(secret)
    (workspace / "USER.md").hardlink_to(secret)
    (workspace / "out").symlink_to(tmp_path)
    for name in ("AGENTS.md", "USER.md"):
        for method, extra in (("agents.files.get", {}), ("agents.files.set", {"content": "overwritten"})):
            error = await refused(client, method, {"agentId": "fixed", "name": name, **extra})
            assert "unsafe workspace file" in error.message
    assert secret.read_text() == "do not read"
    error = await refused(client, "agents.workspace.get", {"agentId": "fixed", "path": "out/secret.txt"})
    assert "unsafe" in error.message
    listed = await client.call("agents.workspace.list", {"agentId": "fixed"})
    assert [entry["name"] for entry in listed["entries"]] == []


async def test_a_workspace_can_be_looked_around_in(client: WireClient, house: Daemon) -> None:
    workspace = house.home / "workspaces" / "main"
    (workspace / "src").mkdir(parents=True, exist_ok=True)
    (workspace / "src" / "a.py").write_text("print(1)\n")
    (workspace / "dot.png").write_bytes(b"\x89PNG\r\n")
    (workspace / "blob.bin").write_bytes(b"\xff\xfe\x00")
    root = await client.call("agents.workspace.list", {"agentId": "main", "limit": 1})
    assert root["entries"][0] == {**root["entries"][0], "path": "src", "name": "src", "kind": "directory"}
    assert root["totalEntries"] >= 3
    inner = await client.call("agents.workspace.list", {"agentId": "main", "path": "src/"})
    assert (inner["path"], inner["parentPath"]) == ("src", "")
    file = (await client.call("agents.workspace.get", {"agentId": "main", "path": "src/a.py"}))["file"]
    assert (file["encoding"], file["content"], file["mimeType"]) == ("utf8", "print(1)\n", "text/x-python")
    image = (await client.call("agents.workspace.get", {"agentId": "main", "path": "dot.png"}))["file"]
    assert (image["encoding"], image["mimeType"]) == ("base64", "image/png")
    for path, said in (
        ("blob.bin", "neither UTF-8 text"),
        ("gone.txt", "no such file"),
        ("../main/dot.png", "unsafe workspace path"),
        ("/etc/passwd", "unsafe workspace path"),
        ("src\\a.py", "unsafe workspace path"),
    ):
        assert (
            said in (await refused(client, "agents.workspace.get", {"agentId": "main", "path": path})).message
        )
    assert (
        "no such folder"
        in (await refused(client, "agents.workspace.list", {"agentId": "main", "path": "no"})).message
    )


async def test_models_are_listed_with_what_they_can_do(client: WireClient) -> None:
    models = (await client.call("models.list", {"includeDetails": True}))["models"]
    by_name = {f"{model['provider']}/{model['id']}": model for model in models}
    assert list(by_name) == ["homarus/offline", "ollama/qwen3:4b", "cloud/claude-x"]
    assert by_name["homarus/offline"]["tags"] == ["default"]
    qwen = by_name["ollama/qwen3:4b"]
    assert (qwen["name"], qwen["contextWindow"], qwen["reasoning"]) == ("Qwen", 32000, True)
    assert (qwen["available"], qwen["input"]) == (True, ["text"])
    assert by_name["cloud/claude-x"]["unavailableReason"] == "missing-auth"
    only = await client.call("models.list", {"provider": "ollama", "view": "configured", "agentId": "fixed"})
    assert [model["id"] for model in only["models"]] == ["qwen3:4b"]
    assert "is not configured" in (await refused(client, "models.list", {"provider": "nope"})).message
    assert (
        "exclude each other"
        in (await refused(client, "models.list", {"refresh": True, "preparedOnly": True})).message
    )


async def test_keys_are_reported_and_never_shown(client: WireClient) -> None:
    answer = await client.call("models.authStatus", {"agentId": "main"})
    by_name = {row["provider"]: row for row in answer["providers"]}
    assert by_name["ollama"]["status"] == "ok"
    assert by_name["cloud"]["status"] == "missing"
    assert by_name["cloud"]["apiKey"] == {"source": "env", "envVar": "NO_SUCH_VARIABLE"}
    assert {row["provider"] for row in answer["providerCapabilities"]} == {"openai", "anthropic", "google"}


async def test_a_provider_that_is_not_there_is_probed(client: WireClient) -> None:
    answer = await client.call("models.probe", {"provider": "ollama"})
    assert answer["status"] == "unknown"
    assert answer["error"]
    refreshed = await client.call("models.list", {"refresh": True, "provider": "cloud"})
    assert refreshed["providerOutcomes"] == [{"provider": "cloud", "status": "auth-rejected"}]


async def test_tools_follow_the_agents_list(client: WireClient) -> None:
    catalog = await client.call("tools.catalog", {"agentId": "main", "includePlugins": True})
    names = {tool["id"] for group in catalog["groups"] for tool in group["tools"]}
    assert {
        "time",
        "gateway_status",
        "sessions_list",
        "devices_list",
        "remember",
        "recall",
        "forget",
    } <= names
    effective = await client.call("tools.effective", {"sessionKey": "agent:fixed:main"})
    assert effective["agentId"] == "fixed"
    assert [tool["id"] for group in effective["groups"] for tool in group["tools"]] == ["recall", "time"]


async def test_a_tool_can_be_tried(client: WireClient) -> None:
    answer = await client.call("tools.invoke", {"name": "agents_list", "args": {}})
    assert answer["ok"] is True
    assert '"id":"fixed"' in answer["output"]
    failed = await client.call("tools.invoke", {"name": "forget", "args": {"id": 999}})
    assert failed["ok"] is False
    assert failed["error"]["message"] == "memory 999 not found"
    odd = await client.call("tools.invoke", {"name": "time", "args": {"zone": "Mars/Olympus"}})
    assert "not a known time zone" in odd["error"]["message"]


async def test_a_reader_cannot_write_through_a_tool(house: Daemon) -> None:
    async with await connected(house, scopes=["operator.read"]) as reader:
        assert (await refused(reader, "tools.invoke", {"name": "time"})).code == "FORBIDDEN"
        assert (await refused(reader, "memory.remember", {"text": "x"})).code == "FORBIDDEN"
        assert (await refused(reader, "agents.create", {"name": "x"})).code == "FORBIDDEN"
        names = [
            tool["id"]
            for group in (await reader.call("tools.effective", {"sessionKey": "main"}))["groups"]
            for tool in group["tools"]
        ]
        assert "recall" in names
        assert "remember" not in names


async def test_memory_over_the_socket(client: WireClient) -> None:
    kept = await client.call("memory.remember", {"text": "The boat is called Nephrops"})
    assert kept["new"] is True
    found = await client.call("memory.search", {"query": "boats name", "maxResults": 5})
    assert found["searchMode"] == "fts-only"
    assert found["results"][0]["snippet"] == "The boat is called Nephrops"
    assert (await client.call("memory.list", {}))["memories"][0]["id"] == kept["memory"]["id"]
    await client.call("memory.forget", {"id": kept["memory"]["id"]})
    assert (await client.call("memory.search", {"query": "boat"}))["results"] == []
    assert "limt" in (await refused(client, "memory.list", {"limt": 1})).message
    assert (
        "not found" in (await refused(client, "memory.search", {"query": "x", "agentId": "nobody"})).message
    )


async def test_skills_say_what_they_lack(client: WireClient, house: Daemon) -> None:
    skills = house.home / "workspaces" / "main" / "skills"
    for name, head in (
        ("good", "name: good\ndescription: Works.\n"),
        (
            "lacking",
            'description: Lacks.\nmetadata: {"openclaw": {"requires": {"bins": ["no-such-bin"]}}}\n',
        ),
        ("empty", "name: nothing\n"),
    ):
        (skills / name).mkdir(parents=True)
        (skills / name / "SKILL.md").write_text(f"---\n{head}---\nText of {name}.\n")
    answer = await client.call("skills.status", {"agentId": "main"})
    by_name = {skill["name"]: skill for skill in answer["skills"]}
    assert list(by_name) == ["good", "lacking"]
    assert by_name["good"]["eligible"] is True
    assert by_name["lacking"]["missing"]["bins"] == ["no-such-bin"]
    assert by_name["lacking"]["modelVisible"] is False
    read = await client.call("tools.invoke", {"name": "skill_read", "args": {"name": "good"}})
    assert "Text of good." in read["output"]


async def test_commands_are_the_ones_chat_carries_out(client: WireClient) -> None:
    plain = (await client.call("commands.list", {"agentId": "main", "scope": "text", "includeArgs": False}))[
        "commands"
    ]
    assert {"help", "stop", "new"} <= {command["name"] for command in plain}
    assert all("args" not in command for command in plain)
    detailed = (await client.call("commands.list", {"includeArgs": True}))["commands"]
    assert any(command.get("args") for command in detailed)


async def test_doctor_knows_the_memory(client: WireClient) -> None:
    status = await client.call("doctor.memory.status", {})
    assert status["agentId"] == "main"
    assert isinstance(status["entries"], int)
