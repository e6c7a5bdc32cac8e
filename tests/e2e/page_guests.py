"""What the control page is shown with: devices that wait, a node, an approval, conversations."""

import asyncio
from contextlib import AsyncExitStack

from tests.support.daemon import Daemon
from tests.support.nodes import MAC, ScriptedNode
from tests.support.wire import DeviceKey, RpcError, WireClient

PROXY = """
[gateway]
trusted_proxies = ["127.0.0.1"]
"""
"""Lets a test appear from elsewhere: what comes with a forwarding header is not from this machine."""

ELSEWHERE = {"X-Forwarded-For": "192.0.2.44"}

COMMANDS = [
    "camera.list",
    "device.info",
    "device.status",
    "location.get",
    "system.notify",
    "system.run",
    "system.run.prepare",
    "system.which",
]


async def owner(daemon: Daemon) -> WireClient:
    """An operator with every right, as the command line of the gateway's machine is."""
    wire = await WireClient.open(daemon.ws_url, token=daemon.token)
    await wire.connect()
    return wire


async def knock(daemon: Daemon, name: str = "Work phone") -> str:
    """A phone from elsewhere asks to be let in; returns the id of its request."""
    async with await WireClient.open(daemon.ws_url, token=daemon.token, headers=ELSEWHERE) as wire:
        client = {"id": "openclaw-android", "displayName": name, "platform": "Android 16", "mode": "ui"}
        client["deviceFamily"] = "Pixel"
        scopes = ["operator.read", "operator.write"]
        try:
            await wire.connect(identity=DeviceKey(), client=client, scopes=scopes)
        except RpcError as refusal:
            return str(refusal.details["requestId"])
    raise AssertionError("a stranger was let in without an approval")


async def node_guest(
    stack: AsyncExitStack, daemon: Daemon, name: str, commands: list[str] | None = None
) -> ScriptedNode:
    """A connected node whose surface nobody has approved yet."""
    node = ScriptedNode(
        daemon,
        client={**MAC, "displayName": name},
        caps=["system", "camera"],
        commands=COMMANDS if commands is None else commands,
        permissions={"camera": True, "location": False},
    )
    return await stack.enter_async_context(node)


async def want_permission(wire: WireClient, command: str, **more: object) -> str:
    """Ask for permission to run a command; returns the approval's id while it waits."""
    request = {
        "command": command,
        "cwd": "/srv/backup",
        "agentId": "main",
        "twoPhase": True,
        "timeoutMs": 600_000,
    }
    accepted = await wire.call("exec.approval.request", {**request, **more})
    return str(accepted["id"])


async def say(wire: WireClient, key: str, *texts: str) -> None:
    """Have a conversation: one message after the other, each answered."""
    for text in texts:
        run = await wire.call(
            "chat.send", {"sessionKey": key, "message": text, "idempotencyKey": f"{key}:{hash(text)}"}
        )
        await wire.call("agent.wait", {"runId": run["runId"], "timeoutMs": 10_000})
    await asyncio.sleep(0)
