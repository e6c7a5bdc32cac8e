"""Audit methods."""

from typing import Final, TypeVar, cast

import msgspec

from gateway.audit.service import AuditKeeper
from gateway.kernel.audit.chain import Break, Entry, Head
from gateway.kernel.audit.store import Filter
from gateway.kernel.audit.trail import AuditLog
from gateway.kernel.rpc.context import Ctx
from gateway.kernel.rpc.router import handles
from gateway.kernel.store.keyset import decode_cursor, encode_cursor
from protocol.errors import InvalidRequest, JsonValue
from protocol.methods.audit import (
    AuditActivityList,
    AuditActivityPage,
    AuditEntries,
    AuditEventList,
    AuditEventPage,
    AuditPage,
    AuditVerified,
    AuditVerify,
)
from protocol.nouns.audit import AuditActivity, AuditEntry, AuditEvent

E = TypeVar("E", bound=AuditEvent)

_ACTIONS: Final = {"agent_run": "agent.run.*", "tool_action": "tool.action.*"}

_MESSAGES: Final = {
    "altered": "entry {0} was changed after it was written",
    "missing": "entry {0} was removed",
    "unlinked": "entry {0} does not follow the one before it",
    "rewritten": "entry {0} is not the one that was noted: the log was rewritten from there or before",
    "cut": "the log ends before entry {0}, which was written once",
    "foreign": "entry {0} and what follows was not written by this gateway",
    "unsealed": "the note of entry {0} in state.db was not made with this gateway's keys/audit.key",
    "unreadable": "audit.db is damaged at entry {0}",
}


class AuditApi:
    """Answers for the audit log."""

    def __init__(self, log: AuditLog, keeper: AuditKeeper) -> None:
        self._log = log
        self._keeper = keeper

    @handles(AuditEntries)
    async def entries(self, _: Ctx, call: AuditEntries) -> AuditPage:
        """See `AuditEntries`."""
        wanted = Filter(
            action=call.action,
            actor=call.actor,
            subject=call.subject,
            outcome=call.outcome,
            since_ms=call.since_ms,
        )
        oldest_first = call.order == "oldest"
        shown, cursor = await self._page(wanted, call.cursor, call.limit, oldest_first=oldest_first)
        return AuditPage(entries=[_noun(entry) for entry in shown], next_cursor=cursor)

    @handles(AuditVerify)
    async def verify(self, _: Ctx, call: AuditVerify) -> AuditVerified:
        """See `AuditVerify`."""
        expected: Head | None = None
        if call.head_seq is not None and call.head_hash is not None:
            expected = Head(call.head_seq, call.head_hash)
        elif call.head_seq is not None or call.head_hash is not None:
            missing = "headHash" if call.head_hash is None else "headSeq"
            raise InvalidRequest(f"{missing}: give headSeq and headHash together", {"field": f"/{missing}"})
        found = await self._keeper.verify(expected)
        broken = found.broken
        return AuditVerified(
            ok=broken is None,
            entries=found.head.seq,
            genesis_hash=found.genesis,
            head_seq=found.head.seq,
            head_hash=found.head.hash,
            file_bytes=self._log.file_bytes,
            broken_seq=None if broken is None else broken.seq,
            problem=None if broken is None else broken.problem,
            message=None if broken is None else _message(broken),
        )

    @handles(AuditEventList)
    async def list_events(self, _: Ctx, call: AuditEventList) -> AuditEventPage:
        """See `AuditEventList`."""
        events, cursor = await self._activity(call, AuditEvent)
        return AuditEventPage(events=events, next_cursor=cursor)

    @handles(AuditActivityList)
    async def list_activity(self, _: Ctx, call: AuditActivityList) -> AuditActivityPage:
        """See `AuditActivityList`."""
        if call.kind == "message" or call.direction is not None or call.channel is not None:
            return AuditActivityPage(events=[])
        events, cursor = await self._activity(call, AuditActivity)
        return AuditActivityPage(events=events, next_cursor=cursor)

    async def _activity(
        self, call: AuditEventList | AuditActivityList, shape: type[E]
    ) -> tuple[list[E], str | None]:
        members = {
            "agentId": call.agent_id,
            "sessionKey": call.session_key,
            "runId": call.run_id,
            "status": call.status,
        }
        wanted = Filter(
            activity=True,
            action=None if call.kind is None else _ACTIONS[call.kind],
            since_ms=call.after,
            before_ms=call.before,
            details=tuple((name, value) for name, value in members.items() if value is not None),
        )
        shown, cursor = await self._page(wanted, call.cursor, call.limit, oldest_first=False)
        return [_event(entry, shape) for entry in shown], cursor

    async def _page(
        self, wanted: Filter, cursor: str | None, limit: int, *, oldest_first: bool
    ) -> tuple[list[Entry], str | None]:
        after_seq = None if cursor is None else decode_cursor(cursor, tuple[int])[0]
        rows = await self._log.page(wanted, after_seq, limit + 1, oldest_first=oldest_first)
        shown = rows[:limit]
        return shown, encode_cursor((shown[-1].seq,)) if len(rows) > limit else None


def _message(broken: Break) -> str:
    return _MESSAGES[broken.problem].format(broken.seq)


def _details(entry: Entry) -> dict[str, JsonValue]:
    """As an object; one that somebody meddled with may be anything."""
    try:
        return msgspec.json.decode(entry.details, type=dict[str, JsonValue])
    except msgspec.MsgspecError:
        return {}


def _noun(entry: Entry) -> AuditEntry:
    return AuditEntry(
        seq=entry.seq,
        ts_ms=entry.ts_ms,
        action=entry.action,
        actor=entry.actor,
        subject=entry.subject,
        outcome=entry.outcome,
        details=_details(entry),
        details_text=entry.details,
        prev_hash=entry.prev_hash,
        hash=entry.hash,
    )


def _event(entry: Entry, shape: type[E]) -> E:
    details = _details(entry)
    kind = "tool_action" if entry.action.startswith("tool.") else "agent_run"
    agent_id = details.get("agentId", "unknown")
    fields = {
        "eventType": kind,
        "schemaVersion": 1,
        "eventId": entry.hash,
        "sequence": entry.seq,
        "sourceSequence": details.get("sourceSequence", 1),
        "occurredAt": entry.ts_ms,
        "kind": kind,
        "action": entry.action,
        "status": details.get("status", "unknown"),
        "actor": {"type": "agent", "id": agent_id},
        "agentId": agent_id,
        "runId": details.get("runId", "unknown"),
        "redaction": "metadata_only",
    }
    optional = ("errorCode", "sessionKey", "toolCallId", "toolName")
    fields |= {name: details[name] for name in optional if name in details}
    return msgspec.convert(cast("object", fields), shape)
