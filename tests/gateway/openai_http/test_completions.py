"""Any OpenAI client talks to an agent: the official one, unmodified, against the running daemon (DC-4)."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from openai import APIStatusError, AsyncOpenAI, AuthenticationError
from openai.types.chat import ChatCompletionUserMessageParam

from tests.support.daemon import Daemon, launched
from tests.support.wire import WireClient


@pytest.fixture
def slow_daemon(tmp_path: Path) -> Iterator[Daemon]:
    """Agents that take their time and leave marks in the gateway's home."""
    home = tmp_path / "home"
    wait = "trap 'touch {mark}; exit 0' TERM; echo begun; sleep 30 & wait"
    agents = {
        "short": f"echo run >> {home}/runs; sleep 0.7; echo made it",
        "longtrue": wait.format(mark=home / "ended-True"),
        "longfalse": wait.format(mark=home / "ended-False"),
    }
    config = "".join(
        f'[agents.entries.{name}]\nruntime = "command"\nargv = ["sh", "-c", {json.dumps(script)}]\n'
        for name, script in agents.items()
    )
    yield from launched(tmp_path, config=config)


def client(daemon: Daemon, token: str | None = None) -> AsyncOpenAI:
    return AsyncOpenAI(base_url=f"{daemon.url}/v1", api_key=token or daemon.token, max_retries=0)


async def test_models_are_the_agents(shared_daemon: Daemon) -> None:
    async with client(shared_daemon) as openai:
        ids = [model.id async for model in openai.models.list()]
    assert ids[:2] == ["homarus", "homarus/default"]
    assert "homarus/main" in ids


async def test_an_answer_comes_whole_and_streamed_and_is_the_same(shared_daemon: Daemon) -> None:
    question: ChatCompletionUserMessageParam = {"role": "user", "content": "what is 6 * 7?"}
    async with client(shared_daemon) as openai:
        whole = await openai.chat.completions.create(model="homarus", messages=[question])
        stream = await openai.chat.completions.create(
            model="homarus/main", messages=[question], stream=True, stream_options={"include_usage": True}
        )
        choices = [choice async for chunk in stream for choice in chunk.choices]
    text = whole.choices[0].message.content
    assert text is not None
    assert "42" in text
    assert "".join(choice.delta.content or "" for choice in choices) == text
    assert choices[-1].finish_reason == "stop"
    assert whole.usage is not None


async def test_the_conversation_is_on_the_one_road(shared_daemon: Daemon) -> None:
    """What came over HTTP is an ordinary session: listed, with both messages in its history."""
    async with client(shared_daemon) as openai:
        await openai.chat.completions.create(
            model="homarus",
            messages=[{"role": "user", "content": "remember that the key is under the mat"}],
            user="anna",
        )
        await openai.chat.completions.create(
            model="homarus", messages=[{"role": "user", "content": "what do I have about key"}], user="anna"
        )
    wire = await WireClient.open(shared_daemon.ws_url, token=shared_daemon.token)
    await wire.connect()
    listed = await wire.call("sessions.list", {"limit": 200})
    keys = [row["key"] for row in listed["sessions"] if ":openai:" in row["key"]]
    histories = [await wire.call("chat.history", {"sessionKey": key}) for key in keys]
    anna = [h for h in histories if "under the mat" in str(h["messages"])]
    assert len(anna) == 1
    assert [message["role"] for message in anna[0]["messages"]].count("user") == 2
    await wire.close()


async def test_strangers_get_nothing(shared_daemon: Daemon) -> None:
    async with client(shared_daemon, "wrong-token-000000000") as openai:
        with pytest.raises(AuthenticationError):
            await openai.models.list()
    async with httpx.AsyncClient(base_url=shared_daemon.url) as http:
        assert (await http.get("/v1/models")).status_code == 401
        assert (await http.post("/v1/chat/completions", json={})).status_code == 401


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"model": "homarus", "messages": []}, "/messages"),
        (
            {"model": "homarus", "messages": [{"role": "assistant", "content": "hi"}]},
            "last one must be the user",
        ),
        ({"model": "homarus/nobody", "messages": [{"role": "user", "content": "hi"}]}, "no agent nobody"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, "image_url"),
        ({"messages": [{"role": "wizard", "content": "hi"}]}, "/messages"),
        ("not an object", "request"),
    ],
)
async def test_bad_requests_name_the_field(shared_daemon: Daemon, body: object, words: str) -> None:
    headers = {"Authorization": f"Bearer {shared_daemon.token}"}
    async with httpx.AsyncClient(base_url=shared_daemon.url, headers=headers) as http:
        answer = await http.post("/v1/chat/completions", json=body)
    assert answer.status_code in {400, 404}
    assert words in answer.json()["error"]["message"]


async def test_a_body_over_the_limit_is_refused_before_it_is_read(shared_daemon: Daemon) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", shared_daemon.port)
    head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Length: {1 << 30}\r\n"
    writer.write(f"{head}Authorization: Bearer {shared_daemon.token}\r\n\r\n".encode())
    assert b" 413 " in await asyncio.wait_for(reader.readline(), 5)
    writer.close()
    await writer.wait_closed()


async def test_an_error_has_the_status_a_client_understands(shared_daemon: Daemon) -> None:
    async with client(shared_daemon) as openai:
        with pytest.raises(APIStatusError) as refused:
            await openai.chat.completions.create(
                model="homarus/nobody", messages=[{"role": "user", "content": "hi"}]
            )
    assert refused.value.status_code == 404


def post(daemon: Daemon, agent: str, key: str, *, stream: bool) -> tuple[dict[str, str], dict[str, object]]:
    headers = {"Authorization": f"Bearer {daemon.token}", **({"Idempotency-Key": key} if key else {})}
    return headers, {
        "model": f"homarus/{agent}",
        "stream": stream,
        "messages": [{"role": "user", "content": "go"}],
    }


def count_runs(daemon: Daemon) -> int:
    return (daemon.home / "runs").read_text().count("run")


async def test_a_repeat_is_given_the_answer_of_the_first_request(slow_daemon: Daemon) -> None:
    """Row S0.3-6: the same idempotency key has one run, whether it still goes on or is over."""
    async with httpx.AsyncClient(base_url=slow_daemon.url, timeout=20) as http:

        async def ask(*, stream: bool) -> str:
            headers, body = post(slow_daemon, "short", "once-1", stream=stream)
            answer = await http.post("/v1/chat/completions", headers=headers, json=body)
            assert answer.status_code == 200, answer.text
            if not stream:
                return answer.json()["choices"][0]["message"]["content"]
            chunks = [
                json.loads(line.removeprefix("data: "))
                for line in answer.text.splitlines()
                if line.startswith("data: {")
            ]
            return "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in chunks)

        meanwhile = await asyncio.gather(ask(stream=False), ask(stream=True), ask(stream=False))
        afterwards = [await ask(stream=False), await ask(stream=True)]
    assert set(meanwhile) | set(afterwards) == {meanwhile[0]}
    assert "made" in meanwhile[0]
    assert count_runs(slow_daemon) == 1


@pytest.mark.parametrize("stream", [True, False])
async def test_a_client_that_hangs_up_stops_its_run(slow_daemon: Daemon, stream: bool) -> None:
    mark = slow_daemon.home / f"ended-{stream}"
    headers, body = post(slow_daemon, f"long{stream}".lower(), "", stream=stream)
    async with httpx.AsyncClient(base_url=slow_daemon.url) as http:
        with pytest.raises(httpx.ReadTimeout):
            await http.post("/v1/chat/completions", headers=headers, json=body, timeout=1.0)
    async with asyncio.timeout(10):
        while not mark.exists():  # noqa: ASYNC110 - the mark of another process
            await asyncio.sleep(0.05)
    async with client(slow_daemon) as openai:
        assert (await openai.models.list()).data


async def test_a_client_with_a_key_may_hang_up_and_ask_again(slow_daemon: Daemon) -> None:
    headers, body = post(slow_daemon, "short", "come-back", stream=True)
    async with httpx.AsyncClient(base_url=slow_daemon.url) as http:
        with pytest.raises(httpx.ReadTimeout):
            await http.post("/v1/chat/completions", headers=headers, json=body, timeout=0.3)
        answer = await http.post("/v1/chat/completions", headers=headers, json={**body, "stream": False})
    assert "made it" in answer.json()["choices"][0]["message"]["content"]
    assert count_runs(slow_daemon) == 1
