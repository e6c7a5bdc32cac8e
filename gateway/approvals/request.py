"""A request for permission, as it is bound, shown and told to clients. Pure."""

import re
import shlex
from collections.abc import Sequence
from typing import Final

import msgspec

from gateway.approvals.binding import Binding, env_hash
from protocol.errors import InvalidRequest, JsonValue
from protocol.methods.approvals import ExecApprovalRequest
from protocol.nouns.approval import Decision, ExecPresentation, SystemRunBinding

_NEEDS_QUOTES: Final = re.compile(r'[\t-\r "\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff]')

CHOICES: Final[tuple[Decision, ...]] = ("allow-once", "allow-always", "deny")

_MISLEADING: Final = {
    code: f"\\u{code:04x}"
    for code in (
        *range(0x20),
        *range(0x7F, 0xA0),
        *(0xAD, 0x61C, 0x180E, 0x3164, 0xFFA0, 0xFEFF),
        *range(0x115F, 0x1161),
        *range(0x200B, 0x2010),
        *range(0x2028, 0x202F),
        *range(0x2060, 0x2070),
        *range(0xD800, 0xE000),
    )
}
"""Characters that could make a command look like another one, or hide in it; shown as escapes."""


class Prepared(msgspec.Struct, frozen=True, kw_only=True):
    """A request ready to be stored."""

    binding: Binding
    shown: ExecPresentation
    told: dict[str, JsonValue]
    """`request` of the events and lists."""
    always_asks: bool = False
    """Whether a permission for good that was given before does not count."""


def harmless(text: str) -> str:
    """Text as a person may be shown it: whole, with everything misleading spelled out."""
    return text.translate(_MISLEADING)


def plan_text(argv: Sequence[str]) -> str:
    """A command line as nodes write it in a plan. Observed from OpenClaw's node host 2026.9.6."""
    return " ".join(
        word if word and not _NEEDS_QUOTES.search(word) else '"' + word.replace('"', '\\"') + '"'
        for word in argv
    )


def allowed_decisions(ask: str | None, unavailable: Sequence[Decision], *, always: bool) -> list[Decision]:
    """What a person may answer; `deny` is always among it. Source: OpenClaw, rules about `ask` `always`."""
    left_out = set(unavailable) - {"deny"}
    if ask == "always" or not always:
        left_out.add("allow-always")
    return [choice for choice in CHOICES if choice not in left_out]


def prepared(call: ExecApprovalRequest, *, action: str = "system.run", always: bool = True) -> Prepared:
    """A request as it came over the protocol, or was made by the gateway itself.

    Args:
        call: What is asked for.
        action: What it is, for requests that run no program on a node.
        always: Whether a permission for good may be given at all.

    Raises:
        InvalidRequest: when it does not say what would run, or for a node without its plan.
    """
    binding, text = _bound(call, action)
    decisions = allowed_decisions(call.ask, call.unavailable_decisions or (), always=always)
    shown = ExecPresentation(
        kind="exec",
        command_text=harmless(text),
        command_preview=None,
        warning_text=None if call.warning_text is None else harmless(call.warning_text),
        host=call.host,
        node_id=call.node_id,
        agent_id=binding.agent_id,
        allowed_decisions=decisions,
    )
    told = _told(call, binding, shown)
    return Prepared(binding=binding, shown=shown, told=told, always_asks=call.ask == "always")


def _bound(call: ExecApprovalRequest, action: str) -> tuple[Binding, str]:
    plan = call.system_run_plan
    if call.host == "node":
        if call.node_id is None:
            raise InvalidRequest("nodeId: is required for host=node", {"field": "nodeId"})
        if plan is None or not plan.argv:
            raise InvalidRequest(
                "systemRunPlan: is required for host=node; prepare the command on the node first",
                {"field": "systemRunPlan"},
            )
        text = plan_text(plan.argv)
        if plan.command_text != text:
            raise InvalidRequest(
                "systemRunPlan/commandText: does not say what argv would run",
                {"field": "systemRunPlan/commandText"},
            )
        return Binding.of_plan(plan, node_id=call.node_id, env=call.env), text
    argv = tuple(call.command_argv or ())
    command = call.command or (shlex.join(argv) if argv else None)
    if command is None or not command.strip():
        raise InvalidRequest("command: say what would run", {"field": "command"})
    binding = Binding(
        action=action,
        node_id=call.node_id,
        agent_id=call.agent_id,
        session_key=call.session_key,
        argv=argv,
        text=None if argv else command,
        cwd=call.cwd,
        env_hash=env_hash(call.env),
    )
    # The person sees what is bound: a text of the caller's own could say something else.
    return binding, shlex.join(argv) if argv else command


def _told(call: ExecApprovalRequest, binding: Binding, shown: ExecPresentation) -> dict[str, JsonValue]:
    on_node = call.host == "node"
    bound = SystemRunBinding(
        argv=list(binding.argv),
        cwd=binding.cwd,
        agent_id=binding.agent_id,
        session_key=binding.session_key,
        env_hash=binding.env_hash,
    )
    told: dict[str, JsonValue] = {
        "command": shown.command_text,
        "systemRunBinding": msgspec.to_builtins(bound) if on_node else None,
        "systemRunPlan": msgspec.to_builtins(call.system_run_plan) if on_node else None,
        "cwd": None if binding.cwd is None else harmless(binding.cwd),
        "nodeId": call.node_id,
        "host": call.host,
        "security": call.security,
        "ask": call.ask,
        "warningText": shown.warning_text,
        "allowedDecisions": list(shown.allowed_decisions),
        "agentId": binding.agent_id,
        "resolvedPath": None if call.resolved_path is None else harmless(call.resolved_path),
        "sessionKey": binding.session_key,
        "sessionId": call.session_id,
        "runId": call.run_id,
        "toolCallId": call.tool_call_id,
        "turnSourceChannel": call.turn_source_channel,
        "turnSourceTo": call.turn_source_to,
        "turnSourceAccountId": call.turn_source_account_id,
        "turnSourceThreadId": call.turn_source_thread_id,
    }
    if call.command_argv and not on_node:
        told["commandArgv"] = [*call.command_argv]
    if call.env:
        told["envKeys"] = [str(name) for name in sorted(call.env)]
    if call.unavailable_decisions:
        told["unavailableDecisions"] = list(call.unavailable_decisions)
    return told
