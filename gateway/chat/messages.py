"""Messages as they are stored in a transcript and shown by clients.

Source: shapes observed in `chat.history` and `session.message` of OpenClaw 2026.9.6.
"""

from collections.abc import Sequence
from typing import Final, cast

from gateway.agents.model import ToolFinished, ToolStarted
from gateway.chat.limits import MAX_TOOL_TEXT_CHARS
from gateway.chat.model import Outcome, Run, Sender, Usage
from gateway.inbox.model import StoredAttachment
from gateway.transcripts.model import NewEntry
from protocol.errors import JsonValue

Message = dict[str, JsonValue]

API: Final = "homarus"
"""Which wire API made the answer; clients show it beside the model."""


def user_entry(run: Run, text: str, attachments: Sequence[StoredAttachment], received_ms: int) -> NewEntry:
    """What a person said, once per run."""
    key = f"{run.run_id}:user"
    content: JsonValue = text
    if attachments:
        content = [{"type": "text", "text": text}, *(_attachment(stored) for stored in attachments)]
    message: Message = {
        "role": "user",
        "content": content,
        "timestamp": received_ms,
        "idempotencyKey": key,
        "__openclaw": {"idempotencyKey": key, **_sender(run.request.sender)},
    }
    if run.request.is_command:
        message["command"] = True
    return NewEntry(message=message, idempotency_key=key, run_id=run.run_id)


def answer_entry(run: Run, outcome: Outcome, now_ms: int) -> NewEntry | None:
    """What the agent said last, or why it said nothing; None when there is nothing to keep."""
    if outcome.status == "done":
        return _done(run, outcome, now_ms)
    if outcome.status == "aborted" and not outcome.last_text:
        return None
    suffix = "terminal-error" if outcome.status == "failed" else "assistant"
    key = f"{run.run_id}:{suffix}"
    message = _assistant(outcome, _ending_text(outcome), now_ms)
    message["idempotencyKey"] = key
    if outcome.status == "failed":
        message["stopReason"] = "error"
    else:
        origin = outcome.stop_reason
        message["openclawAbort"] = {"aborted": True, "origin": origin, "runId": run.run_id}
    return NewEntry(message=message, idempotency_key=key, run_id=run.run_id)


def tool_call_entry(run: Run, said: Outcome, call: ToolStarted, index: int, now_ms: int) -> NewEntry:
    """The agent calls a tool. `said` holds what it said just before; `index` counts entries of the run."""
    message = _assistant(said, said.last_text, now_ms)
    block: Message = {
        "type": "toolCall",
        "id": call.call_id,
        "name": call.name,
        "arguments": cast("JsonValue", call.args),
    }
    text: Message = {"type": "text", "text": said.last_text}
    message["content"] = [text, block] if said.last_text else [block]
    message["stopReason"] = "toolUse"
    return NewEntry(message=message, idempotency_key=f"{run.run_id}:{index}", run_id=run.run_id)


def tool_result_entry(run: Run, result: ToolFinished, index: int, now_ms: int) -> NewEntry:
    """What the tool answered; `index` counts entries of the run."""
    message: Message = {
        "role": "toolResult",
        "toolCallId": result.call_id,
        "toolName": result.name,
        "content": [{"type": "text", "text": result.result[:MAX_TOOL_TEXT_CHARS]}],
        "isError": result.is_error,
        "timestamp": now_ms,
    }
    return NewEntry(message=message, idempotency_key=f"{run.run_id}:{index}", run_id=run.run_id)


def usage_of(usage: Usage) -> Message:
    """Tokens and cost as assistant messages carry them."""
    total = usage.input_tokens + usage.output_tokens
    cost: Message = {"input": 0, "output": 0, "cacheRead": 0, "cacheWrite": 0, "total": usage.cost_usd or 0}
    return {
        "input": usage.input_tokens,
        "output": usage.output_tokens,
        "totalTokens": total,
        "cacheRead": usage.cache_read,
        "cacheWrite": usage.cache_write,
        "cost": cost,
    }


def _done(run: Run, outcome: Outcome, now_ms: int) -> NewEntry:
    message = _assistant(outcome, outcome.last_text, now_ms)
    if run.request.is_command:
        message["command"] = True
    return NewEntry(message=message, idempotency_key=f"{run.run_id}:assistant", run_id=run.run_id)


def _assistant(outcome: Outcome, text: str, now_ms: int) -> Message:
    return {
        "role": "assistant",
        "content": [{"type": "text", "text": text}],
        "api": API,
        "provider": outcome.provider,
        "model": outcome.model,
        "usage": usage_of(outcome.usage),
        "stopReason": outcome.stop_reason if outcome.status == "done" else "aborted",
        "timestamp": now_ms,
    }


def _ending_text(outcome: Outcome) -> str:
    """The words kept for an answer that did not come to its end."""
    reason = outcome.failure.message if outcome.failure is not None else ""
    return "\n\n".join(part for part in (outcome.last_text, reason) if part)


def _attachment(stored: StoredAttachment) -> Message:
    kind = stored.mime_type.partition("/")[0]
    return {
        "type": kind if kind in {"image", "audio", "video"} else "file",
        "mimeType": stored.mime_type,
        "fileName": stored.file_name,
        "sizeBytes": stored.size_bytes,
        "sha256": stored.sha256,
    }


def _sender(sender: Sender) -> Message:
    known: Message = {}
    if sender.identity is not None:
        known["senderIsOwner"] = sender.identity.type == "profile"
        known["senderId"] = sender.identity.id
        known["senderIdentity"] = {"type": sender.identity.type, "id": sender.identity.id}
    if sender.client_id is not None:
        client: Message = {"id": sender.client_id, "mode": sender.client_mode}
        if sender.client_name is not None:
            client["displayName"] = sender.client_name
        known["transport"] = {"clients": [client]}
    return known
