"""Work for a node as it is stored, and the steps it can take. Nothing here touches a database or a socket."""

from typing import Final, Literal

import msgspec

from protocol.nouns.node import NodeFailure, NodeWork, PendingAction, WorkKind, WorkState

OUTCOME_UNKNOWN: Final = "OUTCOME_UNKNOWN"
"""`error.code` of work that may have been done, by a node that keeps no ledger."""

NODE_REMOVED: Final = "NODE_REMOVED"

MAX_RESULT_BYTES: Final = 256 * 1024
"""Of a result that is kept; pictures belong to `node.invoke`, whose caller waits for them."""


class Route(msgspec.Struct, frozen=True):
    """How to choose the node."""

    prefer: tuple[str, ...] = ()
    fallback: tuple[str, ...] = ()
    tried: tuple[str, ...] = ()
    """Nodes that gave it back undone."""


class Outcome(msgspec.Struct, frozen=True):
    """How a node says that it ended: JSON, or a failure. `note` says what is not kept of it."""

    payload_json: str | None = None
    error: NodeFailure | None = None
    note: str | None = None

    @classmethod
    def of(cls, payload_json: str) -> "Outcome":
        """Success. Too much is cut off, which the note says."""
        size_bytes = len(data := payload_json.encode("utf-8", "replace"))
        if size_bytes <= MAX_RESULT_BYTES:
            return cls(payload_json=data.decode())
        kept = data[:MAX_RESULT_BYTES].decode("utf-8", "ignore")
        return cls(
            kept, note=f"the result had {size_bytes} bytes; only its first {MAX_RESULT_BYTES} are kept"
        )


class WorkRow(msgspec.Struct, frozen=True, kw_only=True):
    """One row; the fields are the columns."""

    seq: int = 0
    """Order of submission; given by the database."""
    id: str
    kind: WorkKind
    node_id: str | None
    route: Route | None = None
    """Set when the router chooses the node."""
    actor: str
    key: str
    asked: bytes
    """Digest of what was asked, to tell a repeat from another question under the same key."""
    command: str
    params_json: str | None
    state: WorkState = "queued"
    parked: bool = False
    """It waits until the node's app is in the foreground."""
    created_ms: int
    expires_ms: int
    delivered_ms: int | None = None
    delivered_on: str | None = None
    """Connection it was last handed out on."""
    deliveries: int = 0
    ledger: bool = False
    """Whether the node it was handed to keeps a ledger."""
    acknowledged_ms: int | None = None
    ended_ms: int | None = None
    payload_json: str | None = None
    error: NodeFailure | None = None
    reason: str | None = None

    @property
    def under_way(self) -> bool:
        """Whether it is in the hands of a node."""
        return self.state in {"delivered", "acknowledged"}

    @property
    def free(self) -> bool:
        """Whether the router may give it to any node: the one it was meant for cannot have it."""
        untouched = self.node_id is None or self.deliveries == 0
        return self.route is not None and self.state == "queued" and not self.parked and untouched

    # Steps

    def handed_out(self, now_ms: int, conn_id: str, *, ledger: bool) -> "WorkRow":
        """It goes to the node."""
        return msgspec.structs.replace(
            self,
            state="acknowledged" if self.state == "acknowledged" else "delivered",
            delivered_ms=now_ms,
            delivered_on=conn_id,
            deliveries=self.deliveries + 1,
            ledger=ledger,
            reason=None,
        )

    def acknowledged(self, now_ms: int, conn_id: str, *, ledger: bool) -> "WorkRow":
        """The node says that it has it; of one without a ledger, what it fetched is done with that."""
        taken = msgspec.structs.replace(
            self,
            state="acknowledged",
            acknowledged_ms=self.acknowledged_ms or now_ms,
            parked=False,
            delivered_on=conn_id,
            ledger=ledger,
            reason=None,
        )
        if self.parked and not ledger:
            return taken.ended(
                "done", now_ms, "the node fetched it and says that it is done; it gives no result"
            )
        return taken

    def given_back(self, reason: str, *, parked: bool = False) -> "WorkRow":
        """The node did nothing; it waits as before."""
        return msgspec.structs.replace(
            self,
            state="queued",
            parked=parked,
            delivered_on=None,
            acknowledged_ms=None,
            reason=reason,
        )

    def assigned(self, node_id: str | None, reason: str | None) -> "WorkRow":
        """The router chose a node, or took the choice back."""
        return msgspec.structs.replace(self, node_id=node_id, reason=reason)

    def reported(self, outcome: Outcome, now_ms: int) -> "WorkRow":
        """The node says how it ended. An expiry or cancellation stays one, with the result beside it."""
        stays = self.state in {"expired", "cancelled"}
        return msgspec.structs.replace(
            self,
            state=self.state if stays else "failed" if outcome.error is not None else "done",
            parked=False,
            acknowledged_ms=self.acknowledged_ms or now_ms,
            ended_ms=self.ended_ms if stays else now_ms,
            payload_json=outcome.payload_json,
            error=outcome.error,
            reason=f"{self.reason}; the node reported afterwards" if stays else outcome.note,
        )

    def ended(
        self,
        state: Literal["done", "failed", "expired", "cancelled"],
        now_ms: int,
        reason: str,
        error: NodeFailure | None = None,
    ) -> "WorkRow":
        """It is over without a report."""
        return msgspec.structs.replace(
            self, state=state, parked=False, ended_ms=now_ms, reason=reason, error=error
        )

    def lost(self, now_ms: int, why: str) -> "WorkRow":
        """Nobody will know how it ended, so it is not tried again."""
        reason = f"outcome unknown: {why}; look at the device before you ask again"
        return self.ended("failed", now_ms, reason, NodeFailure(code=OUTCOME_UNKNOWN, message=reason))

    def orphaned(self, now_ms: int) -> "WorkRow":
        """Its node is none any more."""
        reason = "the node was removed; pair it again and ask anew"
        return self.ended("failed", now_ms, reason, NodeFailure(code=NODE_REMOVED, message=reason))

    @property
    def takes_report(self) -> bool:
        """Whether a report of the node still says something new."""
        if self.ended_ms is None:
            return True
        if self.error is not None:
            return self.error.code == OUTCOME_UNKNOWN
        return self.state in {"expired", "cancelled"} and self.deliveries > 0 and self.payload_json is None

    # What others see

    def noun(self, *, whole: bool) -> NodeWork:
        """For operators; `whole`: with parameters and result."""
        return NodeWork(
            id=self.id,
            kind=self.kind,
            node_id=self.node_id,
            command=self.command,
            params_json=self.params_json if whole else None,
            state=self.state,
            created_at_ms=self.created_ms,
            expires_at_ms=self.expires_ms,
            delivered_at_ms=self.delivered_ms,
            deliveries=self.deliveries,
            acknowledged_at_ms=self.acknowledged_ms,
            ended_at_ms=self.ended_ms,
            payload_json=self.payload_json if whole else None,
            error=self.error,
            reason=self.reason,
        )

    @property
    def action(self) -> PendingAction:
        """For the node."""
        return PendingAction(
            id=self.id, command=self.command, params_json=self.params_json, enqueued_at_ms=self.created_ms
        )
