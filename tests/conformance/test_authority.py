"""Case 15: every advertised method, every role and scope, held against OpenClaw's published table."""

import json
from pathlib import Path
from typing import Final, cast
from uuid import uuid4

import pytest

from protocol.catalog import all_methods
from tests.support.daemon import Daemon
from tests.support.wire import DeviceKey, Json, WireClient

PUBLISHED: Final = (
    Path(__file__).parents[1] / "interop/node_modules/@openclaw/gateway-protocol/protocol.schema.json"
)
SCOPES: Final = (
    *("operator.admin", "operator.read", "operator.write", "operator.approvals", "operator.questions"),
    *("operator.pairing", "operator.talk", "operator.talk.secrets"),
)
SATISFIED_BY: Final = {
    "operator.read": {"operator.read", "operator.write"},
    "operator.talk": {"operator.talk", "operator.write"},
}
"""What satisfies a scope besides `admin`, where that is not the scope alone. Source: OpenClaw
docs/gateway/operator-scopes.md (2026.9.6)."""

DYNAMIC: Final = {"talk.config": "operator.read", "node.event": "node"}
"""Methods whose scope depends on their params need `operator.write` or more; these differ."""

WHOLE: Final = "no scope is asked for here"
NODE_HOST: Final = {"id": "node-host", "mode": "node"}


def published_scopes() -> dict[str, str]:
    """What each method needs: a scope, or `node`."""
    table = cast("dict[str, Json]", json.loads(PUBLISHED.read_text(encoding="utf-8"))["methods"])
    needed = {name: str(row["scope"]) for name, row in table.items()}
    return {
        name: DYNAMIC.get(name, "operator.write") if scope == "dynamic" else scope
        for name, scope in needed.items()
    }


def declared_scope(name: str) -> str:
    """What a method needs that OpenClaw's table does not have, by our own declaration."""
    method = all_methods()[name]
    if not any(role.value == "operator" for role in method.roles):
        return "node"
    return method.scope.value if method.scope is not None else WHOLE


def expected(methods: list[str]) -> dict[str, str]:
    """Each advertised method with what it needs."""
    table = published_scopes()
    return {name: table.get(name) or declared_scope(name) for name in methods}


def allowed_to(scope: str | None, needed: str) -> bool:
    """Whether an operator with exactly `scope` may call what needs `needed`."""
    if needed == "node":
        return False
    return needed == WHOLE or scope == "operator.admin" or scope in SATISFIED_BY.get(needed, {needed})


async def judged(client: WireClient, methods: list[str], role: str = "operator") -> set[str]:
    """The methods that let this caller through to their params, which are wrong for every method."""
    ids = {name: await client.request(name, cast("Json", 0)) for name in methods}
    allowed: set[str] = set()
    for name, request_id in ids.items():
        error = (await client.response(request_id))["error"]
        if error["code"] == "FORBIDDEN":
            assert error["details"]["code"] == "MISSING_SCOPE", error
            continue
        if error["message"] == f"unauthorized role: {role}":
            continue
        assert (error["code"], error["message"]) == (
            "INVALID_REQUEST",
            f"invalid {name} params: must be object",
        )
        allowed.add(name)
    return allowed


@pytest.fixture
async def advertised(shared_daemon: Daemon) -> list[str]:
    async with await WireClient.open(shared_daemon.ws_url, token=shared_daemon.token) as client:
        hello = await client.connect()
        methods = hello["features"]["methods"]
    assert len(methods) > 60
    return methods


@pytest.mark.parametrize("scope", [*SCOPES, None])
async def test_an_operator_may_call_what_the_table_says(
    shared_daemon: Daemon, advertised: list[str], scope: str | None
) -> None:
    """Case 15, S0.G-7, for one scope at a time [allowed set equals the published table exactly]."""
    needed = expected(advertised)
    async with await WireClient.open(shared_daemon.ws_url, token=shared_daemon.token) as client:
        hello = await client.connect(scopes=[scope] if scope else [])
        assert hello["auth"]["scopes"] == ([scope] if scope else [])
        allowed = await judged(client, advertised)
    assert allowed == {name for name in advertised if allowed_to(scope, needed[name])}


@pytest.mark.parametrize("scope", ["operator.read", "operator.pairing", "operator.write"])
async def test_a_paired_device_is_held_to_the_same_table(
    shared_daemon: Daemon, advertised: list[str], scope: str
) -> None:
    """Case 15 with a device of its own, on its second visit with its own token."""
    needed, identity = expected(advertised), DeviceKey()
    async with await WireClient.open(shared_daemon.ws_url, token=shared_daemon.token) as client:
        token = (await client.connect(identity=identity, scopes=[scope]))["auth"]["deviceToken"]
    async with await WireClient.open(shared_daemon.ws_url, token=token) as client:
        await client.connect(identity=identity, scopes=[scope])
        allowed = await judged(client, advertised)
    assert allowed == {name for name in advertised if allowed_to(scope, needed[name])}


async def test_a_node_may_call_what_the_table_says(shared_daemon: Daemon, advertised: list[str]) -> None:
    """Case 15 for the node role [exactly the methods for nodes, whatever scopes it claims]."""
    needed = expected(advertised)
    async with await WireClient.open(shared_daemon.ws_url, token=shared_daemon.token) as client:
        hello = await client.connect(identity=DeviceKey(), role="node", client=NODE_HOST, scopes=SCOPES)
        assert hello["auth"]["role"] == "node"
        assert not hello["auth"].get("scopes")
        allowed = await judged(client, advertised, "node")
    for_nodes = {name for name in advertised if needed[name] == "node"}
    # Methods for both roles: OpenClaw's table names their operator scope, ours says that nodes may too.
    both = {
        name for name in advertised if name in all_methods() and "node" in all_methods()[name].roles
    } - for_nodes
    assert allowed == for_nodes | both
    assert both <= {"health", "artifacts.put", "sessions.unsubscribe"}, (
        "a method for both roles must be meant"
    )


async def test_an_unknown_method_tells_a_stranger_nothing(shared_daemon: Daemon) -> None:
    """Case 15: names are no oracle: without admin an unknown method looks like a forbidden one."""
    async with await WireClient.open(shared_daemon.ws_url, token=shared_daemon.token) as client:
        await client.connect(scopes=["operator.read"])
        answer = await client.response(await client.request("no.such.method", {}))
    assert answer["error"]["code"] == "FORBIDDEN"
    assert answer["error"]["details"]["missingScope"] == "operator.admin"


ADMIN_ONLY_PARAMS: Final = [
    ("sessions.create", {"key": "agent:main:quiet", "incognito": True}),
    ("sessions.create", {"key": "agent:main:quiet", "execNode": "node-1"}),
    ("sessions.patch", {"key": "agent:main:nobody", "verboseLevel": "on"}),
    ("sessions.patch", {"key": "agent:main:nobody", "label": "x", "reasoningLevel": "on"}),
    ("node.invoke", {"nodeId": "n", "command": "fs.listDir", "idempotencyKey": "authority-4"}),
    ("fs.listDir", {"nodeId": "n", "path": "/"}),
]


@pytest.mark.parametrize(("method", "params"), ADMIN_ONLY_PARAMS)
async def test_params_that_need_admin_are_refused_with_write(
    shared_daemon: Daemon, advertised: list[str], method: str, params: Json
) -> None:
    """Case 15 for `dynamic` rows: these params need admin [FORBIDDEN with every lesser scope]."""
    if method not in advertised:
        return
    lesser = [scope for scope in SCOPES if scope != "operator.admin"]
    async with await WireClient.open(shared_daemon.ws_url, token=shared_daemon.token) as client:
        await client.connect(scopes=lesser)
        answer = await client.response(await client.request(method, params))
    assert not answer["ok"], answer
    assert answer["error"]["code"] == "FORBIDDEN"
    assert answer["error"]["details"]["missingScope"] == "operator.admin"


@pytest.mark.parametrize("method", ["agent", "chat.send", "sessions.send"])
@pytest.mark.parametrize("command", ["/new", "/reset", "/NEW now"])
async def test_a_typed_command_gives_no_more_than_its_sender_has(
    shared_daemon: Daemon, method: str, command: str
) -> None:
    """Case 15, 17: starting a session anew needs admin, also as words in a message [the session stays]."""
    key = f"agent:main:typed-{method}-{command.strip('/').replace(' ', '-')}".lower()
    lesser = [scope for scope in SCOPES if scope != "operator.admin"]
    named = "key" if method == "sessions.send" else "sessionKey"
    async with await WireClient.open(shared_daemon.ws_url, token=shared_daemon.token) as client:
        await client.connect(scopes=lesser)
        before = await said(client, "chat.send", {"sessionKey": key, "message": "hello"}, key)
        after = await said(client, method, {named: key, "message": command}, key)
    assert before == after
    async with await WireClient.open(shared_daemon.ws_url, token=shared_daemon.token) as admin:
        await admin.connect()
        assert await said(admin, "chat.send", {"sessionKey": key, "message": command}, key) != before


async def said(client: WireClient, method: str, params: Json, key: str) -> str:
    """Say something, wait until it is answered or refused; the id of the session then."""
    run_id = str(uuid4())
    answer = await client.response(await client.request(method, {**params, "idempotencyKey": run_id}))
    if answer["ok"]:
        await client.call("agent.wait", {"runId": answer["payload"]["runId"], "timeoutMs": 9000})
    else:
        assert answer["error"]["code"] == "FORBIDDEN"
    described = await client.call("sessions.describe", {"key": key})
    return described["session"]["sessionId"]
