"""Results on their way to the gateway, over a line that may break."""

import logging
from collections import OrderedDict
from typing import Final

import msgspec

from device_node.ledger import Outcome
from device_node.link import Link
from device_node.text import printable
from protocol.errors import InvalidRequest, Unavailable
from protocol.methods.node_reports import NodeInvokeResult
from protocol.nouns.node import NodeFailure
from protocol.peer import RemoteError

MAX_KEPT: Final = 64
"""Results without a place in the ledger that wait for the next connection."""

MAX_KEPT_BYTES: Final = 32 * 1024 * 1024
"""The same in bytes: one large picture and some small results."""

ENVELOPE_BYTES: Final = 4096
"""Around a result: ids, member names and the request's own envelope."""

MAX_CODE_CHARS: Final = 128
MAX_MESSAGE_CHARS: Final = 16_384
"""Of a failure, as `NodeFailure` takes them."""

logger = logging.getLogger(__name__)


class Reports:
    """Sends results and keeps those that no connection carried, as far as they are not in the ledger."""

    def __init__(self, node_id: str) -> None:
        self._node_id = node_id
        self._kept: OrderedDict[str, Outcome] = OrderedDict()

    @property
    def waiting(self) -> int:
        """Results kept for the next connection."""
        return len(self._kept)

    async def send(self, link: Link | None, work_id: str, outcome: Outcome, *, keep: bool) -> bool:
        """Report how work ended; true when the gateway has heard it, whether or not it still waited.

        With `keep`, what could not be sent is sent again by `send_kept`.
        """
        if link is not None:
            try:
                return await self._sent(link, work_id, outcome)
            except Unavailable as error:
                logger.info("the result of %s waits for the next connection: %s", work_id, error.message)
        if keep:
            self._keep(work_id, outcome)
        return False

    async def send_kept(self, link: Link) -> None:
        """Report what an earlier connection did not carry."""
        kept, self._kept = self._kept, OrderedDict()
        for work_id, outcome in kept.items():
            await self.send(link, work_id, outcome, keep=True)

    async def _sent(self, link: Link, work_id: str, outcome: Outcome) -> bool:
        """Send it once.

        Raises:
            Unavailable: when it should be sent again with the next connection.
        """
        call = self._call(work_id, outcome)
        if outcome.payload is not None and not _fits(call, link.hello.policy.max_payload):
            too_large = Outcome(
                error_code="PAYLOAD_TOO_LARGE", error_message="the result does not fit into one message"
            )
            call = self._call(work_id, too_large)
        try:
            await link.call(call)
        except RemoteError as error:
            if error.retryable:
                raise Unavailable(error.message) from error
            # It will say the same to the same result; keeping it would only repeat that.
            logger.warning("the gateway refuses a result: %s", printable(error.message))
        except InvalidRequest as error:
            logger.warning("the gateway answers a result oddly: %s", printable(error.message))
        return True

    def _call(self, work_id: str, outcome: Outcome) -> NodeInvokeResult:
        if outcome.error_code is None:
            text = (outcome.payload or b"null").decode()
            return NodeInvokeResult(id=work_id, node_id=self._node_id, ok=True, payload_json=text)
        failure = NodeFailure(
            code=outcome.error_code[:MAX_CODE_CHARS],
            message=(outcome.error_message or outcome.error_code)[:MAX_MESSAGE_CHARS],
        )
        return NodeInvokeResult(id=work_id, node_id=self._node_id, ok=False, error=failure)

    def _keep(self, work_id: str, outcome: Outcome) -> None:
        self._kept[work_id] = outcome
        while len(self._kept) > MAX_KEPT or sum(map(_size, self._kept.values())) > MAX_KEPT_BYTES:
            self._kept.popitem(last=False)


def _size(outcome: Outcome) -> int:
    return len(outcome.payload or b"")


def _fits(call: NodeInvokeResult, max_payload_bytes: int) -> bool:
    text = call.payload_json or ""
    if 4 * len(text) + ENVELOPE_BYTES < max_payload_bytes:  # whatever its characters are
        return True
    return len(msgspec.json.encode(text)) + ENVELOPE_BYTES < max_payload_bytes
