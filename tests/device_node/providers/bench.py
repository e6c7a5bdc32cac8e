"""A node without a gateway: its commands, asked as a gateway asks, with what it reports in return."""

import asyncio
import json
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from device_node.commands import CommandFailed, CommandTable, Invocation
from device_node.config import PERMISSIONS
from device_node.providers import Providers, find_providers
from tests.support.clock import FakeClock

EVERYTHING = dict.fromkeys(PERMISSIONS, True)


class Bench:
    """The commands of this machine with a folder of their own."""

    def __init__(self, folder: Path, **options: Any) -> None:
        self.folder = folder
        self.host: str = options.get("device_name") or socket.gethostname()
        self.permissions = dict(EVERYTHING)
        self.gateway_url = ""
        """Where the gateway of this bench serves what a canvas shows."""
        self.clock = FakeClock()
        self.events: list[tuple[str, dict[str, Any]]] = []
        self.output: list[str] = []
        self.spoke = asyncio.Event()
        self.providers: Providers = find_providers(
            state_dir=folder,
            permissions=self.permissions,
            now_ms=self.clock.now_ms,
            send_event=self.hear,
            deliver=self.hear,
            canvas_url=self._canvas_url,
            **options,
        )
        self.table = CommandTable()
        for offer in self.providers.offers:
            self.table.add(offer.provider, only=offer.only)

    async def ask(self, command: str, params: Mapping[str, Any] | None = None, **about: Any) -> Any:
        """The answer as a gateway gets it.

        Raises:
            CommandFailed: what the node answered instead.
        """
        invocation = Invocation(
            id="i1",
            command=command,
            params=json.dumps(dict(params or {})).encode(),
            progress=self._show,
            **about,
        )
        return json.loads(await self.table.perform(invocation))

    async def refusal(self, command: str, params: Mapping[str, Any] | None = None) -> tuple[str, str]:
        """Code and text of a refusal.

        Raises:
            AssertionError: when it was not refused.
        """
        try:
            answer = await self.ask(command, params)
        except CommandFailed as failed:
            return failed.code, failed.message
        raise AssertionError(f"{command} was answered with {answer}")

    async def allow(self, **rules: Any) -> None:
        """Write the rules of all agents, as an operator does."""
        present = await self.ask("system.execApprovals.get")
        document = {"version": 1, "defaults": {}, "agents": {"*": rules}}
        await self.ask(
            "system.execApprovals.set",
            {"file": document} | ({"baseHash": present["hash"]} if present["exists"] else {}),
        )

    async def approved(self, params: Mapping[str, Any], **changes: Any) -> Any:
        """Prepare a command, say yes to its plan, and run it with `changes` to the call."""
        plan = (await self.ask("system.run.prepare", params))["plan"]
        return await self.ask("system.run", approved_call(plan, params) | changes)

    async def _canvas_url(self) -> str:
        return self.gateway_url

    def _show(self, text: str) -> None:
        self.output.append(text)
        self.spoke.set()

    async def hear(self, name: str, payload: Mapping[str, object]) -> None:
        """Take an event of the node."""
        await asyncio.sleep(0)
        self.events.append((name, msgspec.json.decode(msgspec.json.encode(payload))))


def approved_call(plan: Mapping[str, Any], params: Mapping[str, Any]) -> dict[str, Any]:
    """The call a gateway makes after a person said yes to `plan`."""
    call: dict[str, Any] = {
        "command": plan["argv"],
        "cwd": plan["cwd"],
        "systemRunPlan": plan,
        "approved": True,
        "approvalDecision": "allow-once",
        "runId": "run-1",
    }
    if "env" in params:
        call["env"] = params["env"]
    return call


def as_openclaw_carries(plan: Mapping[str, Any]) -> dict[str, Any]:
    """A plan after it went through OpenClaw's gateway, which keeps the fields it knows."""
    known = (
        "argv", "cwd", "commandText", "commandPreview", "agentId", "sessionKey", "mutableFileOperand",
        "policySnapshot",
    )  # fmt: skip
    return {name: plan[name] for name in known if name in plan}
