"""Work that waited at the gateway while this node slept or could not do it."""

import logging

from device_node.failure import NodeError
from device_node.ledger import Work
from device_node.link import Link
from device_node.text import printable
from device_node.workshop import Gate, Workshop
from protocol.errors import GatewayError
from protocol.methods.node_work import NodePendingAck, NodePendingPull
from protocol.nouns.node import PendingAction

logger = logging.getLogger(__name__)


class PendingWork:
    """Fetches waiting work, says that it is here once it is on the disk, and has it done."""

    def __init__(self, workshop: Workshop, gate: Gate) -> None:
        self._workshop = workshop
        self._gate = gate

    async def fetch(self, link: Link, gateway: str) -> None:
        """Take over everything that can be done now. What cannot stays with the gateway."""
        try:
            while await self._take_over(link, gateway):
                pass
        except GatewayError as error:
            # An old gateway has no such list; and after a broken line the next connection fetches it.
            logger.info("waiting work is not fetched: %s", printable(error.message))
        except NodeError as error:
            logger.warning("waiting work is not fetched: %s", error)
        await self._workshop.work_off()

    async def _take_over(self, link: Link, gateway: str) -> bool:
        """One round; whether there may be more."""
        pulled = await link.call(NodePendingPull())
        actions = [action for action in pulled.actions if self._gate(action.command) is None]
        if not actions:
            return False
        known = [action.id for action in actions if not await self._workshop.keep(_work(action, gateway))]
        acked = await link.call(NodePendingAck(ids=[action.id for action in actions]))
        for work_id in known:
            await self._workshop.answer_again(work_id)
        return acked.remaining_count > len(pulled.actions) - len(actions) and len(known) < len(actions)


def _work(action: PendingAction, gateway: str) -> Work:
    params = (action.params_json or "{}").encode("utf-8", "surrogatepass")
    return Work(id=action.id, gateway=gateway, command=action.command, params=params)
