"""One approval flow for everything that needs a person's permission."""

import sqlite3
from typing import Final

import msgspec

from gateway.approvals import grant_store, store
from gateway.approvals.binding import Binding, differing
from gateway.approvals.model import Ending, StoredApproval, StoredGrant
from gateway.approvals.news import ApprovalNews
from gateway.approvals.request import Prepared
from gateway.kernel.audit.details import TEXT_CHARS
from gateway.kernel.audit.trail import SYSTEM, AuditLog
from gateway.kernel.clock import Clock
from gateway.kernel.store.db import Database, Tx
from gateway.kernel.store.keyset import decode_cursor, encode_cursor
from gateway.kernel.waiters import Waiters
from protocol.errors import Conflict, Forbidden, InvalidRequest, NotFound, Overloaded
from protocol.ids import checked_id, new_id
from protocol.methods.approvals import ApprovalPage, Verdict
from protocol.nouns.approval import Approval, ApprovalKind, Decision, Resolver

DEFAULT_TIMEOUT_MS: Final = 30 * 60_000
"""How long a request waits. Observed: expiresAtMs is 30 min after createdAtMs."""

KEEP_DECIDED_MS: Final = 30 * 24 * 3_600_000
"""How long decided approvals are kept. Source: OpenClaw, `approval.history`."""

MAX_PENDING: Final = 500
"""More than anybody will answer; an agent that runs wild must not fill the disk with questions."""

DAY_MS: Final = 24 * 3_600_000

EXPIRED: Final = Ending(status="expired", reason="timeout", resolver=Resolver(kind="system", id="expiry"))
ABORTED: Final = Ending(
    status="cancelled", reason="run-aborted", resolver=Resolver(kind="system", id="run-aborted")
)


class TooManyApprovals(Overloaded):
    """Too many requests wait for a person already."""


class ApprovalMismatch(Forbidden):
    """What is to run is not what was approved, or the approval is not good any more."""

    detail_code = "APPROVAL_REQUEST_MISMATCH"


class ApprovalService:
    """Asks, waits, decides once, and remembers. All of it survives a restart, and all of it is recorded."""

    def __init__(self, db: Database, news: ApprovalNews, clock: Clock, audit: AuditLog) -> None:
        self._db = db
        self._news = news
        self._clock = clock
        self._audit = audit
        self._waiting = Waiters()
        self._runs: dict[str, str] = {}
        """Runs that wait for an answer, by approval."""

    async def start(self) -> None:
        """Take up what waited when the gateway stopped."""
        for approval in await self._still_pending():
            self._remember_run(approval)

    async def ask(
        self,
        request: Prepared,
        *,
        approval_id: str | None = None,
        timeout_ms: int | None = None,
        requested_by: str | None = None,
        reuse: bool = False,
    ) -> StoredApproval:
        """Store a request and tell everyone who may decide; what is allowed for good is allowed at once.

        Args:
            request: What is asked for.
            approval_id: Chosen by the caller, or made here.
            timeout_ms: How long it waits; 30 minutes by default.
            requested_by: `Principal.actor` of who asks over the protocol.
            reuse: Take the approval for exactly this that waits, or was allowed and not used, if any.

        Raises:
            InvalidRequest: for a malformed id.
            Conflict: when the id is taken.
            TooManyApprovals: when 500 requests wait already.
        """
        fresh = self._fresh(request, approval_id, timeout_ms, requested_by)

        def unit(tx: Tx) -> StoredApproval:
            digest = request.binding.digest()
            known = store.reusable(tx, digest, requested_by, fresh.created_ms) if reuse else None
            if known is not None:
                return known
            if store.pending_count(tx) >= MAX_PENDING:
                raise TooManyApprovals(
                    f"{MAX_PENDING} requests wait for an answer; answer or deny some first"
                )
            grant = None if request.always_asks else _use_grant(tx, request.binding, fresh.created_ms)
            approval = fresh if grant is None else _granted(fresh, grant)
            store.insert(tx, approval)
            return approval

        try:
            approval = await self._db.write(unit)
        except sqlite3.IntegrityError as error:
            raise Conflict(f"id: approval {fresh.id} exists already", {"field": "id"}) from error
        if approval.id == fresh.id:
            self._tell_asked(approval)
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
        self,
        approval_id: str,
        decision: Decision,
        resolver: Resolver,
        kind: ApprovalKind | None = None,
        grant_days: int | None = None,
    ) -> tuple[bool, StoredApproval]:
        """Record a decision; the first one wins. Returns whether this one was it, and what is recorded.

        Raises:
            NotFound: when there is no such approval of that kind.
            InvalidRequest: when the decision is not among the offered ones.
            AuditOverloaded, StoreUnavailable: when it cannot be recorded; it is not decided then.
        """
        approval = await self.get(approval_id)
        if kind is not None and kind != approval.kind:
            raise NotFound(f"id: no {kind} approval {approval_id}", {"field": "id"})
        offered = approval.shown.allowed_decisions
        if decision not in offered:
            raise InvalidRequest(f"decision: must be one of {', '.join(offered)}", {"field": "decision"})
        if approval.status != "pending":
            return False, approval
        now_ms = self._clock.now_ms()
        ending = Ending(
            status="denied" if decision == "deny" else "allowed",
            reason="user",
            resolver=resolver,
            decision=decision,
            grant_expires_ms=None if grant_days is None else now_ms + grant_days * DAY_MS,
        )
        return await self._end(approval, ending)

    async def consume(self, approval_id: str, actual: Binding, requested_by: str | None = None) -> Decision:
        """Use an approval for what is about to run; true for exactly one caller, whatever crashes between.

        Args:
            approval_id: The approval.
            actual: What really runs.
            requested_by: Who asked over the protocol, which must be who runs it; None inside the gateway.

        Raises:
            NotFound: when there is no such approval.
            ApprovalMismatch: when it was not allowed, is used or expired, or is for something else.
            AuditOverloaded, StoreUnavailable: when it cannot be recorded; it is not used then.
        """
        approval = await self.get(approval_id)
        problem = _unusable(approval, actual, requested_by)
        if problem is None:
            await self._audit.record_durably(
                "approval.used", actor=_actor(approval), subject=approval.id, details=_about(approval)
            )
            now_ms, digest = self._clock.now_ms(), actual.digest()
            if await self._db.write(lambda tx: store.consume(tx, approval_id, digest, now_ms)):
                return approval.decision or "allow-once"
            problem = "it was used already, or has expired"
        self._audit.record(
            "approval.mismatch",
            actor=requested_by or _actor(approval),
            subject=approval.id,
            outcome="refused",
            details={"problem": problem},
        )
        raise ApprovalMismatch(f"approval {approval.id} is not good for this: {problem}; ask again")

    def awaited_by(self, run_id: str) -> bool:
        """Whether anything was asked for this run and not answered yet."""
        return run_id in self._runs.values()

    async def withdraw(self, run_id: str) -> None:
        """The run is over: what was asked for it needs no answer any more."""
        for approval_id in [known for known, run in self._runs.items() if run == run_id]:
            approval = await self._stored(approval_id)
            if approval.status == "pending":
                await self._end(approval, ABORTED)

    async def get(self, approval_id: str) -> StoredApproval:
        """One approval; what waited too long is expired by now.

        Raises:
            NotFound: when there is none.
        """
        approval = await self._stored(approval_id)
        if self._overdue(approval):
            _, approval = await self._end(approval, EXPIRED)
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
        """Forget what was decided, and grants that ended, long ago."""
        before_ms = self._clock.now_ms() - KEEP_DECIDED_MS
        await self._db.write(lambda tx: (store.reap(tx, before_ms), grant_store.reap(tx, before_ms)))

    def _fresh(
        self, request: Prepared, approval_id: str | None, timeout_ms: int | None, requested_by: str | None
    ) -> StoredApproval:
        now_ms = self._clock.now_ms()
        return StoredApproval(
            id=checked_id(approval_id, "id") if approval_id is not None else new_id(),
            kind="exec",
            status="pending",
            request=msgspec.json.encode(request.told),
            presentation=msgspec.json.encode(request.shown),
            agent_id=request.binding.agent_id,
            session_key=request.binding.session_key,
            created_ms=now_ms,
            expires_ms=now_ms + (timeout_ms or DEFAULT_TIMEOUT_MS),
            binding=request.binding,
            requested_by=requested_by,
        )

    def _tell_asked(self, approval: StoredApproval) -> None:
        actor = approval.requested_by or _actor(approval)
        if approval.status == "pending":
            self._remember_run(approval)
            self._audit.record("approval.asked", actor=actor, subject=approval.id, details=_about(approval))
            self._news.asked(approval)
            return
        grant_id = None if approval.resolver is None else approval.resolver.id
        details = {**_about(approval), "grant": grant_id}
        self._audit.record("approval.granted", actor=actor, subject=approval.id, details=details)

    def _remember_run(self, approval: StoredApproval) -> None:
        run_id = approval.asked.request.get("runId")
        if isinstance(run_id, str):
            self._runs[approval.id] = run_id

    async def _still_pending(self, kind: ApprovalKind | None = None) -> list[StoredApproval]:
        rows = await self._db.read(lambda tx: store.pending(tx, kind))
        for overdue in filter(self._overdue, rows):
            await self._end(overdue, EXPIRED)
        return [row for row in rows if not self._overdue(row)]

    def _overdue(self, approval: StoredApproval) -> bool:
        return approval.status == "pending" and approval.expires_ms <= self._clock.now_ms()

    async def _stored(self, approval_id: str) -> StoredApproval:
        checked_id(approval_id, "id")
        approval = await self._db.read(lambda tx: store.find(tx, approval_id))
        if approval is None:
            raise NotFound(f"id: no approval {approval_id}", {"field": "id"})
        return approval

    async def _end(self, pending: StoredApproval, ending: Ending) -> tuple[bool, StoredApproval]:
        now_ms = self._clock.now_ms()
        grant = _grant(pending, ending, now_ms)
        # First on record, then in force: nobody's yes or no may leave no trace.
        await self._audit.record_durably(
            f"approval.{ending.status}",
            actor=ending.resolver.id or SYSTEM,
            subject=pending.id,
            outcome=ending.decision or ending.reason,
            details={**_about(pending), "grant": None if grant is None else grant.id},
        )

        def unit(tx: Tx) -> bool:
            applied = store.end(tx, pending.id, ending, now_ms)
            if applied and grant is not None:
                grant_store.insert(tx, grant)
            return applied

        applied = await self._db.write(unit)
        approval = await self._stored(pending.id)
        self._runs.pop(pending.id, None)
        self._waiting.wake(pending.id)
        if applied:
            self._news.ended(approval)
        else:
            self._audit.record("approval.late", actor=ending.resolver.id or SYSTEM, subject=pending.id)
        return applied, approval


def _use_grant(tx: Tx, binding: Binding, now_ms: int) -> StoredGrant | None:
    grant = grant_store.covering(tx, binding.grant_digest(), now_ms)
    if grant is not None:
        grant_store.used(tx, grant.id, now_ms)
    return grant


def _granted(approval: StoredApproval, grant: StoredGrant) -> StoredApproval:
    """An approval that needs nobody's answer any more."""
    return msgspec.structs.replace(
        approval,
        status="allowed",
        decision="allow-always",
        reason="user",
        resolver=Resolver(kind="system", id=f"grant:{grant.id}"),
        resolved_ms=approval.created_ms,
    )


def _grant(approval: StoredApproval, ending: Ending, now_ms: int) -> StoredGrant | None:
    """What `allow-always` allows from now on."""
    if ending.decision != "allow-always" or approval.binding is None:
        return None
    return StoredGrant(
        id=new_id(),
        approval_id=approval.id,
        digest=approval.binding.grant_digest(),
        binding=approval.binding,
        command=approval.shown.command_text,
        created_ms=now_ms,
        expires_ms=ending.grant_expires_ms,
    )


def _unusable(approval: StoredApproval, actual: Binding, requested_by: str | None) -> str | None:
    """Why an approval must not be used for this; None when it may."""
    if approval.status != "allowed" or approval.binding is None:
        return f"it is {approval.status}"
    if approval.consumed_ms is not None:
        return "it was used already"
    if approval.requested_by != requested_by:
        return "somebody else asked for it"
    different = differing(approval.binding, actual)
    return f"{', '.join(different)} changed since" if different else None


def _actor(approval: StoredApproval) -> str:
    return SYSTEM if approval.agent_id is None else f"agent:{approval.agent_id}"


def _about(approval: StoredApproval) -> dict[str, str | None]:
    binding = approval.binding
    return {
        "command": approval.shown.command_text[:TEXT_CHARS],
        "agentId": approval.agent_id,
        "sessionKey": approval.session_key,
        "nodeId": approval.shown.node_id,
        "cwd": None if binding is None else binding.cwd,
        "binding": None if binding is None else binding.digest(),
    }
