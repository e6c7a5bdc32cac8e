"""Permissions for good: listed, and taken back."""

from gateway.approvals import grant_store
from gateway.kernel.audit.trail import AuditLog
from gateway.kernel.clock import Clock
from gateway.kernel.store.db import Database
from protocol.methods.approvals import GrantRevocation
from protocol.nouns.approval import StandingGrant


class GrantService:
    """What `allow-always` has allowed."""

    def __init__(self, db: Database, clock: Clock, audit: AuditLog) -> None:
        self._db = db
        self._clock = clock
        self._audit = audit

    async def newest(self, limit: int) -> list[StandingGrant]:
        """Grants, newest first, whatever their state."""
        return [grant.noun for grant in await self._db.read(lambda tx: grant_store.newest(tx, limit))]

    async def revoke(self, grant_id: str, actor: str) -> GrantRevocation:
        """Take a grant back; from when this returns, nothing is allowed by it."""
        now_ms = self._clock.now_ms()
        if await self._db.read(lambda tx: grant_store.find(tx, grant_id)) is None:
            return GrantRevocation(outcome="not-found")
        revoked = await self._db.write(lambda tx: grant_store.revoke(tx, grant_id, actor, now_ms))
        if not revoked:
            return GrantRevocation(outcome="already-revoked")
        # Taking a right away is never held up by a log that cannot be written.
        self._audit.record("approval.grant.revoked", actor=actor, subject=grant_id)
        return GrantRevocation(outcome="revoked")
