"""The approval flow over real databases, without a gateway around it."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec

from gateway.approvals.binding import Binding
from gateway.approvals.exec_rules import ExecRulesService
from gateway.approvals.grants import GrantService
from gateway.approvals.model import StoredApproval
from gateway.approvals.news import ApprovalNews
from gateway.approvals.permits import Permit, Permits, Wanted
from gateway.approvals.service import ApprovalService
from gateway.kernel.audit.chain import Entry
from gateway.kernel.audit.trail import AuditLog
from gateway.kernel.net.hub import Hub
from gateway.kernel.policy.engine import PolicyEngine
from gateway.kernel.policy.model import Action, Subject
from gateway.kernel.policy.settings import PolicySettings
from gateway.kernel.store.db import Database
from gateway.kernel.store.migrate import load_migrations
from gateway.kernel.supervisor import Supervisor
from protocol.methods.approvals import ApprovalPlan, ExecApprovalRequest
from protocol.nouns.approval import Resolver
from protocol.scopes import ALL_SCOPES, Scope
from tests.support.clock import FakeClock

OWNER = Resolver(kind="runtime", id="cli")
NODE = "laptop"


class WatchedNews(ApprovalNews):
    """Also tells a test what was asked."""

    def __init__(self) -> None:
        super().__init__(Hub("boot"))
        self.questions: asyncio.Queue[str] = asyncio.Queue()

    def asked(self, approval: StoredApproval) -> None:
        super().asked(approval)
        self.questions.put_nowait(approval.id)


class Flow:
    """Everything about approvals, wired as `setup` does."""

    def __init__(self, db: Database, audit: AuditLog, clock: FakeClock, settings: PolicySettings) -> None:
        self.audit = audit
        self.clock = clock
        self.settings = settings
        self.news = WatchedNews()
        self.approvals = ApprovalService(db, self.news, clock, audit)
        self.rules = ExecRulesService(db, clock, audit, "state.db#exec_rules")
        self.grants = GrantService(db, clock, audit)
        self.permits = Permits(PolicyEngine(lambda: self.settings), self.rules, self.approvals, audit)

    async def actions(self) -> list[str]:
        """What the audit log holds, in order."""
        return [entry.action for entry in await self.entries()]

    async def entries(self) -> list[Entry]:
        """The audit log."""
        await self.audit.flush()
        return await self.audit.entries(0, 10_000)

    async def run(self, wanted: Wanted) -> Permit:
        """Ask for a permit and use it."""
        permit = await self.permits.permit(wanted)
        await self.permits.redeem(permit, wanted.binding)
        return permit


@asynccontextmanager
async def opened(
    folder: Path, clock: FakeClock | None = None, settings: PolicySettings | None = None
) -> AsyncGenerator[Flow]:
    """Open the flow over `folder`; open it again to see what a restart leaves."""
    clock, tasks = clock or FakeClock(), Supervisor()
    db = await Database.open(folder / "state.db", load_migrations("approvals", "gateway.approvals"))
    book = await Database.open(folder / "audit.db", load_migrations("kernel", "gateway.kernel.audit"))
    audit = await AuditLog.open(book, clock, tasks)
    flow = Flow(db, audit, clock, settings or PolicySettings())
    await flow.approvals.start()
    try:
        yield flow
    finally:
        await tasks.close(1.0)
        await audit.close()
        await db.close()
        await book.close()


def plan(*argv: str, **changes: Any) -> ApprovalPlan:
    """What a node prepared; `argv` without anything that needs quotes."""
    made = ApprovalPlan(
        argv=list(argv),
        cwd="/home/me",
        command_text=" ".join(argv),
        agent_id="main",
        session_key="agent:main:main",
    )
    return msgspec.structs.replace(made, **changes)


def wanted(
    prepared: ApprovalPlan, env: dict[str, str] | None = None, node: str = NODE, **request: Any
) -> Wanted:
    """An agent's wish to run a plan on a node."""
    return Wanted(
        subject=Subject(kind="agent", id=prepared.agent_id or "main", scopes=tuple(ALL_SCOPES)),
        action=Action(name="system.run", argv=tuple(prepared.argv), node_id=node, needs=Scope.WRITE),
        binding=Binding.of_plan(prepared, node_id=node, env=env),
        request=ExecApprovalRequest(host="node", node_id=node, system_run_plan=prepared, env=env, **request),
    )
