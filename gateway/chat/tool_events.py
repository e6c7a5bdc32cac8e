"""The `data` of `agent` events about tools. Pure.

Source: `agent` events of the streams `tool`, `item` and `command_output` observed from OpenClaw 2026.9.6.
"""

from typing import Final, Literal, cast

from gateway.agents.model import ToolFinished, ToolStarted
from gateway.chat.limits import MAX_EVENT_TEXT_CHARS
from protocol.errors import JsonValue

Data = dict[str, JsonValue]

Phase = Literal["start", "update", "end"]

COMMAND_TOOLS: Final = frozenset({"exec", "shell", "bash", "system.run"})
"""Tools whose result is the output of a program; clients show it as a terminal does."""


def started(tool: ToolStarted) -> Data:
    """The tool begins, with its arguments."""
    args = cast("JsonValue", tool.args)
    return {"phase": "start", "name": tool.name, "toolCallId": tool.call_id, "args": args}


def updated(tool: ToolStarted, partial: str) -> Data:
    """The tool has produced `partial` so far; its end is shown when it is long."""
    text = partial[-MAX_EVENT_TEXT_CHARS:]
    return {
        "phase": "update",
        "name": tool.name,
        "toolCallId": tool.call_id,
        "partialResult": {"content": [{"type": "text", "text": text}]},
    }


def finished(result: ToolFinished) -> Data:
    """The tool has ended; the beginning of its result is shown when it is long."""
    return {
        "phase": "result",
        "name": result.name,
        "toolCallId": result.call_id,
        "isError": result.is_error,
        "result": {
            "content": [{"type": "text", "text": result.result[:MAX_EVENT_TEXT_CHARS]}],
            "details": {"status": ended_status(result), "durationMs": result.duration_ms},
        },
    }


def item(tool: ToolStarted, phase: Phase, status: str, **times: int) -> Data:
    """The tool as one line of a list of steps. `times` are `startedAt` and `endedAt`."""
    return {
        "itemId": f"tool:{tool.call_id}",
        "toolCallId": tool.call_id,
        "name": tool.name,
        "kind": "tool",
        "phase": phase,
        "title": tool.title,
        "status": status,
        **times,
    }


def output(tool: ToolStarted, partial: str) -> Data:
    """What a program has written so far."""
    return {**_output(tool, "delta", "running"), "output": partial[-MAX_EVENT_TEXT_CHARS:]}


def output_end(tool: ToolStarted, result: ToolFinished) -> Data:
    """What a program has written, and that it has ended."""
    ended = _output(tool, "end", ended_status(result))
    return {**ended, "output": result.result[:MAX_EVENT_TEXT_CHARS], "durationMs": result.duration_ms}


def ended_status(result: ToolFinished) -> str:
    """`failed` or `completed`."""
    return "failed" if result.is_error else "completed"


def _output(tool: ToolStarted, phase: str, status: str) -> Data:
    return {
        "itemId": f"command:{tool.call_id}",
        "phase": phase,
        "title": tool.title,
        "toolCallId": tool.call_id,
        "name": tool.name,
        "status": status,
    }
