"""Approvals: one flow for everything that needs a person's permission."""

from typing import Final

from gateway.approvals.api import ApprovalsApi, PermissionsApi
from gateway.approvals.exec_rules import ExecRulesService
from gateway.approvals.grants import GrantService
from gateway.approvals.news import ApprovalNews
from gateway.approvals.permits import Permits
from gateway.approvals.service import ApprovalService
from gateway.kernel.facts import RunEnded
from gateway.kernel.feature import Feature, House
from gateway.kernel.ports import PendingApprovals

EXPIRY_CHECK_S: Final = 30.0
"""Whoever waits for a verdict is woken exactly; this only closes requests nobody waits for."""

REAP_INTERVAL_S: Final = 3600.0


async def setup(house: House) -> None:
    """Offer the flow and answer for it."""
    db, clock, audit = house.database("state"), house.clock, house.audit
    approvals = house.offer(ApprovalService(db, ApprovalNews(house.hub), clock, audit))
    await approvals.start()
    house.offer(approvals, PendingApprovals)
    rules = ExecRulesService(db, clock, audit, f"{house.home.state_dir / 'state.db'}#exec_rules")
    house.offer(Permits(house.policy, rules, approvals, audit))
    house.rpc.add(ApprovalsApi(approvals, house.tasks))
    house.rpc.add(PermissionsApi(GrantService(db, clock, audit), rules))

    def run_ended(fact: RunEnded) -> None:
        if approvals.awaited_by(fact.run_id):
            house.tasks.spawn("approvals of a run", approvals.withdraw(fact.run_id))

    house.bus.subscribe(RunEnded, run_ended)
    house.tasks.every("approval expiry", EXPIRY_CHECK_S, approvals.expire)
    house.tasks.every("approval reaper", REAP_INTERVAL_S, approvals.reap)


FEATURE: Final = Feature("approvals", setup=setup, package="gateway.approvals")
"""Approval methods."""
