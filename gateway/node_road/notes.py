"""What happened on a node, as notes the agent reads at its next turn."""

from typing import Final

from gateway.kernel.audit.trail import Recorder
from gateway.kernel.rpc.context import Ctx
from gateway.node_road.pace import Pace
from gateway.node_road.payloads import ExecReport, NotificationChanged
from gateway.nodes.events import Handler, NodeEvents, taken
from gateway.nodes.model import LiveNode
from gateway.nodes.runs import AuthorisedRun, AuthorisedRuns
from gateway.presence.wakes import Wakes
from gateway.sessions.keys import canonical_key
from protocol.methods.node_reports import NodeEventTaken

MAX_NOTE_CHARS: Final = 120
"""Of a notification's title and text each. Source: OpenClaw's limit."""

MAX_OUTPUT_CHARS: Final = 180
"""Of a program's output; the agent that started it gets the whole. Source: OpenClaw's limit."""

UNMATCHED: Final = "unmatched_exec_event"

EXEC_EVENTS: Final = ("exec.started", "exec.finished", "exec.denied")


class NodeNotes:
    """Leaves notes about notifications and about programs the gateway itself had asked for."""

    def __init__(self, wakes: Wakes, runs: AuthorisedRuns, pace: Pace, audit: Recorder) -> None:
        self._wakes = wakes
        self._runs = runs
        self._pace = pace
        self._audit = audit

    def register(self, events: NodeEvents) -> None:
        """Take these events."""
        events.on("notifications.changed", NotificationChanged, self._notified)
        for name in EXEC_EVENTS:
            events.on(name, ExecReport, self._exec_handler(name))

    async def _notified(self, _: Ctx, live: LiveNode, call: NotificationChanged) -> NodeEventTaken:
        self._pace.check(live)
        package = f" package={one_line(call.package_name, MAX_NOTE_CHARS)}" if call.package_name else ""
        key = one_line(call.key, MAX_NOTE_CHARS)
        text = f"Notification {call.change} (node={live.node_id} key={key}{package})"
        if call.change == "posted":
            parts = [one_line(part, MAX_NOTE_CHARS) for part in (call.title, call.text) if part]
            shown = " - ".join(filter(None, parts))
            text = f"{text}: {shown}" if shown else text
        await self._leave(live, text, call.session_key)
        return taken("notifications.changed", reason="noted")

    def _exec_handler(self, name: str) -> Handler[ExecReport]:
        async def handler(_: Ctx, live: LiveNode, call: ExecReport) -> NodeEventTaken:
            return await self._exec(name, live, call)

        return handler

    async def _exec(self, name: str, live: LiveNode, call: ExecReport) -> NodeEventTaken:
        self._pace.check(live)
        run = self._matched(live, call)
        if run is None or call.run_id is None:
            self._audit.record(
                f"node.{name}", actor=live.node_id, subject=call.run_id or "", outcome=UNMATCHED
            )
            return taken(name, handled=False, reason=UNMATCHED)
        if name != "exec.started":
            self._runs.end(call.run_id)
        text = _exec_text(name, live, call)
        if text is None or call.suppress_notify_on_exit:
            return taken(name, reason="quiet")
        await self._leave(live, text, run.session_key)
        return taken(name, reason="noted")

    def _matched(self, live: LiveNode, call: ExecReport) -> AuthorisedRun | None:
        """The run the gateway asked this node for, when the report names it and its session."""
        run = self._runs.find(call.run_id or "", live.node_id)
        if run is None or run.session_key is None:
            return run
        return run if canonical_key(run.session_key) == canonical_key(call.session_key) else None

    async def _leave(self, live: LiveNode, text: str, session_key: str | None) -> None:
        key = canonical_key(session_key) if session_key and session_key.strip() else None
        await self._wakes.leave(text, "now", live.node_id, session_key=key)


def _exec_text(name: str, live: LiveNode, call: ExecReport) -> str | None:
    """The note; None for what an agent need not know."""
    where = f"node={live.node_id} id={call.run_id}"
    if name == "exec.denied":
        return None  # whoever asked has been told
    if name == "exec.started":
        command = one_line(call.command, MAX_OUTPUT_CHARS)
        return f"Exec started ({where})" + (f": {command}" if command else "")
    output = one_line(call.output, MAX_OUTPUT_CHARS)
    if call.exit_code == 0 and not call.timed_out and not output:
        return None
    code = "?" if call.exit_code is None else call.exit_code
    end = "timeout" if call.timed_out else f"code {code}"
    return f"Exec finished ({where}, {end})" + (f"\n{output}" if output else "")


def one_line(text: str | None, limit: int) -> str:
    """`text` on one line of at most `limit` characters."""
    line = " ".join((text or "").split())
    return line if len(line) <= limit else f"{line[: limit - 1]}…"
