"""Approvals: one flow for everything that needs a person's permission."""

from typing import Final

from gateway.approvals.api import ApprovalsApi
from gateway.approvals.service import ApprovalService
from gateway.kernel.feature import Feature, House
from gateway.kernel.ports import PendingApprovals

EXPIRY_CHECK_S: Final = 30.0
"""Whoever waits for a verdict is woken exactly; this only closes requests nobody waits for."""

REAP_INTERVAL_S: Final = 3600.0


async def setup(house: House) -> None:
    """Offer the flow and answer for it."""
    approvals = house.offer(ApprovalService(house.database("state"), house.hub, house.clock))
    house.offer(approvals, PendingApprovals)
    house.rpc.add(ApprovalsApi(approvals, house.tasks))
    house.tasks.every("approval expiry", EXPIRY_CHECK_S, approvals.expire)
    house.tasks.every("approval reaper", REAP_INTERVAL_S, approvals.reap)


FEATURE: Final = Feature("approvals", setup=setup, package="gateway.approvals")
