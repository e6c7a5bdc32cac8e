"""`exec.started`, `exec.finished` and `exec.denied`: what a gateway hears about a run besides its answer."""

import uuid
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

import msgspec

from device_node.commands import Invocation
from device_node.providers.process import Ended
from device_node.providers.run_plan import command_text
from protocol.commands.system import SystemRun

SendEvent = Callable[[str, Mapping[str, object]], Awaitable[None]]
"""Sends a `node.event` with its payload. It must not raise: no command fails because the gateway is away."""

OUTPUT_TAIL_CHARS: Final = 20_000
"""The end of the output is what tells how it went. Source: OpenClaw's node host."""

NO_SESSION: Final = "node"
"""Session of a run that nobody started from a session. Source: events recorded from OpenClaw's node host."""


class RunEvents(msgspec.Struct, frozen=True):
    """Sends the events of one run; each repeats the run id the gateway issued and the session."""

    send: SendEvent
    about: dict[str, object]

    @classmethod
    def of(cls, send: SendEvent, invocation: Invocation, call: SystemRun) -> "RunEvents":
        """The events of this call."""
        about: dict[str, object] = {
            "sessionKey": call.session_key or invocation.session_key or NO_SESSION,
            "runId": call.run_id or str(uuid.uuid4()),
            "host": "node",
            "command": command_text(call.command),
            "suppressNotifyOnExit": bool(call.suppress_notify_on_exit),
        }
        return cls(send, about)

    async def denied(self, reason: str) -> None:
        """It was refused."""
        await self.send("exec.denied", {**self.about, "reason": reason})

    async def started(self) -> None:
        """It runs."""
        await self.send("exec.started", self.about)

    async def finished(self, ended: Ended) -> None:
        """It ended."""
        output = "\n".join(text for text in (ended.stdout.text(), ended.stderr.text()) if text).strip()
        outcome: dict[str, object] = {
            "timedOut": ended.timed_out,
            "success": ended.success,
            "output": output[-OUTPUT_TAIL_CHARS:],
        }
        if ended.exit_code is not None:
            outcome["exitCode"] = ended.exit_code
        await self.send("exec.finished", {**self.about, **outcome})
