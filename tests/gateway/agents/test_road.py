"""From a message to a model's or program's answer, through the daemon (rows DC-4, S0.3-5, S0.G-9)."""

import asyncio
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from protocol.ids import new_id
from tests.support import odd_provider as odd
from tests.support.daemon import TOKEN, Daemon
from tests.support.model_server import API_KEY, ModelServer
from tests.support.odd_provider import OddProvider
from tests.support.wire import Json, WireClient

HEAVY = (
    "pydantic_ai",
    "pydantic",
    "httpx",
    "httpx2",
    "openai",
    "anthropic",
    "mcp",
    "fastmcp",
    "genai_prices",
)


def config(base_url: str, *, fallbacks: str = "[]", more: str = "") -> str:
    return f"""
[agents.model]
primary = "local/scripted"
fallbacks = {fallbacks}
[agents.providers.local]
base_url = "{base_url}"
api_key = {{ env = "MODEL_KEY" }}
attempts = 1
silence_s = 5.0
{more}
"""


async def connected(daemon: Daemon) -> WireClient:
    client = await WireClient.open(daemon.ws_url, token=TOKEN)
    await client.connect(caps=["tool-events"])
    return client


async def say(client: WireClient, text: str, key: str = "agent:main:main", **params: Any) -> Json:
    """Send a message and return the last `chat` event of its run."""
    run_id = new_id()
    await client.call("chat.send", {"sessionKey": key, "message": text, "idempotencyKey": run_id, **params})
    return await ended(client, run_id)


async def ended(client: WireClient, run_id: str) -> Json:
    """The event that ends a run."""

    def last(payload: Json) -> bool:
        return payload.get("runId") == run_id and payload.get("state") in {"final", "error", "aborted"}

    return (await client.wait_event("chat", last, timeout_s=20.0))["payload"]


def words(payload: Json) -> str:
    """The text of a `chat` event."""
    return "".join(block["text"] for block in payload["message"]["content"] if block["type"] == "text")


async def test_a_configured_model_answers_and_keeps_the_conversation(tmp_path: Path) -> None:
    async with (
        ModelServer() as server,
        Daemon(tmp_path, config=config(server.base_url), env={"MODEL_KEY": API_KEY}) as daemon,
        await connected(daemon) as client,
    ):
        first = await say(client, "my name is Ada")
        assert words(first) == "Hello from the scripted model. You said: my name is Ada"
        tool = await say(client, 'TOOL:remember {"text": "Ada likes tea"}')
        assert "Ada likes tea" in words(tool)
        seen = json.dumps(server.script.requests[-1])
        assert "my name is Ada" in seen
        assert seen.count("my name is Ada") == 2  # once said, once repeated by the model
        usage = await client.call("usage.cost", {"days": 1})
        assert usage["totals"]["output"] > 0
        assert (await client.call("memory.list", {}))["memories"][0]["text"] == "Ada likes tea"
        streams = {event["payload"]["stream"] for event in client.events if event["event"] == "agent"}
        assert {"assistant", "tool", "lifecycle"} <= streams


async def test_a_failing_model_says_why_and_the_next_turn_works(tmp_path: Path) -> None:
    async with (
        ModelServer() as server,
        Daemon(tmp_path, config=config(server.base_url), env={"MODEL_KEY": API_KEY}) as daemon,
        await connected(daemon) as client,
    ):
        failed = await say(client, "FAIL please")
        assert failed["state"] == "error"
        assert failed["errorMessage"].startswith("LLM request failed: the provider rejected the request")
        assert failed["errorDetail"]["provider"] == "local"
        assert failed["errorDetail"]["failoverReason"] == "format"
        assert words(await say(client, "again")).endswith("You said: again")


async def test_an_abort_reaches_the_provider(tmp_path: Path) -> None:
    async with (
        OddProvider([odd.endless]) as provider,
        Daemon(tmp_path, config=config(provider.base_url), env={"MODEL_KEY": "k"}) as daemon,
        await connected(daemon) as client,
    ):
        run_id = new_id()
        await client.call("chat.send", {"sessionKey": "main", "message": "talk", "idempotencyKey": run_id})
        await client.wait_event("chat", lambda payload: payload.get("state") == "delta", timeout_s=15.0)
        started_s = time.monotonic()
        await client.call("chat.abort", {"sessionKey": "main", "runId": run_id})
        assert (await ended(client, run_id))["state"] == "aborted"
        await asyncio.wait_for(provider.hung_up.wait(), 1.0)
        assert time.monotonic() - started_s < 2.0


async def test_when_the_cloud_is_down_the_offline_assistant_answers(tmp_path: Path) -> None:
    """Row S0.3-5: explicit status, and health shows which provider is out."""
    settings = config("http://127.0.0.1:9/v1", fallbacks='["homarus/offline"]')
    async with (
        Daemon(tmp_path, config=settings, env={"MODEL_KEY": "k"}) as daemon,
        await connected(daemon) as client,
    ):
        for _ in range(4):
            answer = words(await say(client, "what is 6*7"))
            assert answer.startswith("LLM request failed: the provider cannot be reached")
            assert answer.endswith("6*7 = 42")
        rested = words(await say(client, "what is 6*7"))
        assert "failed several times and is tried again in" in rested
        assert (await local_model(client))["unavailableReason"] == "cooldown"
        (daemon.home / "homarus.toml").write_text(settings.replace(":9/", ":8/"))
        await client.wait_event("config.changed")
        assert (await local_model(client))["available"] is True


async def local_model(client: WireClient) -> Json:
    """The configured model as clients see it."""
    models = (await client.call("models.list", {}))["models"]
    return next(model for model in models if model["provider"] == "local")


async def test_a_model_is_in_use_as_soon_as_the_file_says_so(tmp_path: Path) -> None:
    async with (
        ModelServer() as server,
        Daemon(tmp_path, env={"MODEL_KEY": API_KEY}) as daemon,
        await connected(daemon) as client,
    ):
        assert "offline assistant" in words(await say(client, "who are you"))
        (daemon.home / "homarus.toml").write_text(config(server.base_url))
        await client.wait_event("config.changed")
        assert words(await say(client, "hello")).startswith("Hello from the scripted model.")


async def test_a_program_answers(tmp_path: Path) -> None:
    program = json.dumps([sys.executable, "-c", "import sys; print('program says', sys.stdin.read())"])
    async with (
        Daemon(tmp_path, config=f"[agents.entries.prog]\nargv = {program}\n") as daemon,
        await connected(daemon) as client,
    ):
        assert words(await say(client, "hello", "agent:prog:main")).strip() == "program says hello"
        row = next(
            agent for agent in (await client.call("agents.list", {}))["agents"] if agent["id"] == "prog"
        )
        assert row["agentRuntime"]["id"] == "command"


async def test_nothing_heavy_is_loaded_before_a_model_is_asked(daemon: Daemon) -> None:
    """Start-up memory: the libraries behind `llm` agents cost 60 MB and a second."""
    async with await connected(daemon) as client:
        await say(client, "help")
    maps = Path(f"/proc/{daemon.pid}/maps").read_text()  # noqa: ASYNC240 - a read of memory, not of a disk
    assert "site-packages/msgspec/" in maps
    for name in ("pydantic_core", "jiter", "caio"):
        assert f"site-packages/{name}" not in maps


def test_importing_the_gateway_imports_no_model_library() -> None:
    modules = "gateway.app, gateway.agents.wiring, gateway.agents.llm.runtime, sys"
    code = f"import {modules}; print([name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30
    )
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("agent", ["nobody", "../x"])
async def test_a_message_for_an_agent_that_is_not_there_is_refused(shared_daemon: Daemon, agent: str) -> None:
    async with await connected(shared_daemon) as client:
        answer = await client.response(
            await client.request(
                "chat.send", {"sessionKey": f"agent:{agent}:main", "message": "x", "idempotencyKey": new_id()}
            )
        )
    assert answer["ok"] is False
    assert answer["error"]["code"] == "INVALID_REQUEST"
