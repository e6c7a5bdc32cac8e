"""The audit log for its reader: lists, verification, and a note of its end outside of it."""

import asyncio
from typing import Final

from gateway.audit.api import AuditApi
from gateway.audit.seal import KEY_FILE, Seal
from gateway.audit.service import AuditKeeper
from gateway.kernel.config.files import ensure_key
from gateway.kernel.feature import Feature, House

NOTE_INTERVAL_S: Final = 2.0
"""A tail that is cut off is missed from then on; until then one write covers whatever was recorded."""


async def setup(house: House) -> None:
    """Check what was noted last, and answer for the log."""
    key = await asyncio.to_thread(ensure_key, house.home.keys_dir / KEY_FILE)
    keeper = AuditKeeper(house.audit, house.database("state"), Seal(key), house.clock, house.health)
    await keeper.begin()
    house.rpc.add(AuditApi(house.audit, keeper))
    house.stack.push_async_callback(keeper.note)
    house.tasks.every("note of the audit log", NOTE_INTERVAL_S, keeper.note)


FEATURE: Final = Feature("audit", setup=setup, package="gateway.audit")
