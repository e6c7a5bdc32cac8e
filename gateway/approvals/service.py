"""One approval flow for everything that needs a person's permission."""

import shlex
import sqlite3
from typing import Final

import msgspec

from gateway.approvals import store
from gateway.approvals.model import Ending, StoredApproval
from gateway.kernel.clock import Clock
from gateway.kernel.net.hub import Hub
from gateway.kernel.store.db import Database
from gateway.kernel.store.keyset import decode_cursor, encode_cursor
from gateway.kernel.waiters import Waiters
from protocol.errors import Conflict, InvalidRequest, NotFound
from protocol.events.approvals import ExecApprovalRequested, ExecApprovalResolved, SessionApproval
from protocol.ids import checked_id, new_id
from protocol.methods.approvals import ApprovalPage, ExecApprovalRequest, Verdict
from protocol.nouns.approval import Approval, ApprovalKind, Decision, ExecPresentation, Resolver

DEFAULT_TIMEOUT_MS: Final = 30 * 60_000
"""How long a request waits. Observed: expiresAtMs is 30 min after createdAtMs."""

KEEP_DECIDED_MS: Final = 30 * 24 * 3_600_000
"""How long decided approvals are kept. Source: OpenClaw, `approval.history`."""

EXPIRED: Final = Ending(status="expired", reason="timeout", resolver=Resolver(kind="system", id="expiry"))

_BIDI_AND_CONTROL: Final = {
    code: f"\\u{code:04x}"
    for code in (
        *range(0x20),
        *range(0x7F, 0xA0),
        *range(0x202A, 0x202F),
        *range(0x2066, 0x206A),
        0x200E,
        0x200F,
    )
}
"""Characters that could make a command look like another one; shown as escapes."""


class ApprovalService:
    """Asks, waits, decides once, and remembers. Pending approvals survive a restart."""

    def __init__(self, db: Database, hub: Hub, clock: Clock) -> None:
        self._db = db
        self._hub = hub
        self._clock = clock
        self._waiting = Waiters()

    async def ask(self, call: ExecApprovalRequest) -> StoredApproval:
        """Store a request and tell everyone who may decide.

        Raises:
            InvalidRequest: when it does not say what would run.
            Conflict: when the id is taken.
        """
        approval = self._pending(call)
        try:
            await self._db.write(lambda tx: store.insert(tx, approval))
        except sqlite3.IntegrityError as error:
            raise Conflict(f"id: approval {approval.id} exists already", {"field": "id"}) from error
        asked = approval.asked
        self._hub.publish(
            ExecApprovalRequested(
                approval_kind=approval.kind,
                id=approval.id,
                request=asked.request,
                created_at_ms=approval.created_ms,
                expires_at_ms=approval.expires_ms,
            )
        )
        self._announce(approval)
        return approval

    async def wait(self, approval_id: str, timeout_ms: int | None = None) -> Verdict:
        """The verdict, as soon as there is one; at `timeout_ms` or expiry a verdict without a decision.

        Raises:
            NotFound: when there is no such approval.
        """

        def left_ms(approval: StoredApproval) -> int | None:
            if approval.status != "pending":
                return None
            until_expiry_ms = approval.expires_ms - self._clock.now_ms()
            return until_expiry_ms if timeout_ms is None else min(until_expiry_ms, timeout_ms)

        approval = await self._waiting.settled(approval_id, lambda: self.get(approval_id), left_ms)
        return Verdict(
            id=approval.id,
            decision=approval.decision,
            created_at_ms=approval.created_ms,
            expires_at_ms=approval.expires_ms,
        )

    async def decide(
        self, approval_id: str, decision: Decision, resolver: Resolver, kind: ApprovalKind | None = None
    ) -> tuple[bool, StoredApproval]:
        """Record a decision; the first one wins. Returns whether this one was it, and what is recorded.

        Raises:
            NotFound: when there is no such approval of that kind.
            InvalidRequest: when the decision is not among the offered ones.
        """
        approval = await self.get(approval_id)
        if kind is not None and kind != approval.kind:
            raise NotFound(f"id: no {kind} approval {approval_id}", {"field": "id"})
        offered = approval.shown.allowed_decisions
        if decision not in offered:
            raise InvalidRequest(f"decision: must be one of {', '.join(offered)}", {"field": "decision"})
        status = "denied" if decision == "deny" else "allowed"
        ending = Ending(status=status, reason="user", resolver=resolver, decision=decision)
        return await self._end(approval_id, ending)

    async def get(self, approval_id: str) -> StoredApproval:
        """One approval; what waited too long is expired by now.

        Raises:
            NotFound: when there is none.
        """
        approval = await self._stored(approval_id)
        if self._overdue(approval):
            _, approval = await self._end(approval_id, EXPIRED)
        return approval

    async def pending(self, kind: ApprovalKind) -> list[StoredApproval]:
        """Undecided approvals of a kind, oldest first."""
        return await self._still_pending(kind)

    async def pending_for(self, session_key: str) -> list[Approval]:
        """Undecided approvals asked for in one session, as clients see them, oldest first."""
        return [row.snapshot for row in await self._still_pending() if row.session_key == session_key]

    async def history(self, kind: ApprovalKind | None, cursor: str | None, limit: int) -> ApprovalPage:
        """A page of decided approvals, newest first.

        Raises:
            InvalidRequest: when the cursor is not one of ours.
        """
        before = decode_cursor(cursor, tuple[int, str]) if cursor is not None else None
        rows = await self._db.read(lambda tx: store.decided(tx, kind, before, limit + 1))
        shown = rows[:limit]
        more = len(rows) > limit and shown
        last = encode_cursor((shown[-1].resolved_ms, shown[-1].id)) if more else None
        return ApprovalPage(items=[row.snapshot for row in shown], next_cursor=last)

    async def expire(self) -> None:
        """End what waited too long."""
        await self._still_pending()

    async def reap(self) -> None:
        """Forget what was decided long ago."""
        decided_before_ms = self._clock.now_ms() - KEEP_DECIDED_MS
        await self._db.write(lambda tx: store.reap(tx, decided_before_ms))

    async def _still_pending(self, kind: ApprovalKind | None = None) -> list[StoredApproval]:
        rows = await self._db.read(lambda tx: store.pending(tx, kind))
        for overdue in filter(self._overdue, rows):
            await self._end(overdue.id, EXPIRED)
        return [row for row in rows if not self._overdue(row)]

    def _overdue(self, approval: StoredApproval) -> bool:
        return approval.status == "pending" and approval.expires_ms <= self._clock.now_ms()

    async def _stored(self, approval_id: str) -> StoredApproval:
        checked_id(approval_id, "id")
        approval = await self._db.read(lambda tx: store.find(tx, approval_id))
        if approval is None:
            raise NotFound(f"id: no approval {approval_id}", {"field": "id"})
        return approval

    async def _end(self, approval_id: str, ending: Ending) -> tuple[bool, StoredApproval]:
        now_ms = self._clock.now_ms()
        applied = await self._db.write(lambda tx: store.end(tx, approval_id, ending, now_ms))
        approval = await self._stored(approval_id)
        self._waiting.wake(approval_id)
        if applied:
            self._hub.publish(
                ExecApprovalResolved(
                    id=approval.id,
                    decision=approval.decision,
                    resolved_by=ending.resolver.id,
                    ts=now_ms,
                    request=approval.asked.request,
                )
            )
            self._announce(approval)
        return applied, approval

    def _announce(self, approval: StoredApproval) -> None:
        if approval.session_key is None:
            return
        pending = approval.status == "pending"
        self._hub.publish(
            SessionApproval(
                session_key=approval.session_key,
                source_session_key=approval.session_key,
                updated_at_ms=approval.created_ms if pending else approval.resolved_ms or 0,
                phase="pending" if pending else "terminal",
                approval=approval.snapshot,
            )
        )

    def _pending(self, call: ExecApprovalRequest) -> StoredApproval:
        command = call.command or (shlex.join(call.command_argv) if call.command_argv else None)
        if command is None:
            raise InvalidRequest("command: say what would run", {"field": "command"})
        unavailable = call.unavailable_decisions or ()
        choices: tuple[Decision, ...] = ("allow-once", "allow-always", "deny")
        shown = ExecPresentation(
            kind="exec",
            command_text=command.translate(_BIDI_AND_CONTROL),
            command_preview=None,
            warning_text=call.warning_text,
            host=call.host,
            node_id=call.node_id,
            agent_id=call.agent_id,
            allowed_decisions=[choice for choice in choices if choice not in unavailable],
        )
        now_ms = self._clock.now_ms()
        return StoredApproval(
            id=checked_id(call.id, "id") if call.id is not None else new_id(),
            kind="exec",
            status="pending",
            request=msgspec.json.encode(call),
            presentation=msgspec.json.encode(shown),
            agent_id=call.agent_id,
            session_key=call.session_key,
            created_ms=now_ms,
            expires_ms=now_ms + (call.timeout_ms or DEFAULT_TIMEOUT_MS),
        )
