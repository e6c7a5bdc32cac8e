"""The audit log's recording side, kept in a list: for tests of one part without a gateway."""

from collections.abc import Mapping

import msgspec

from gateway.kernel.audit.details import Detail


class Recorded(msgspec.Struct, frozen=True, kw_only=True):
    """One call of `record`."""

    action: str
    actor: str
    subject: str
    outcome: str
    details: Mapping[str, Detail]


class RecordedAudit:
    """Implements `gateway.kernel.audit.trail.Recorder`."""

    def __init__(self) -> None:
        self.entries: list[Recorded] = []

    @property
    def actions(self) -> list[str]:
        """What was recorded, in order."""
        return [entry.action for entry in self.entries]

    def record(
        self,
        action: str,
        *,
        actor: str,
        subject: str = "",
        outcome: str = "ok",
        details: Mapping[str, Detail] | None = None,
    ) -> None:
        """Remember it."""
        self.entries.append(
            Recorded(action=action, actor=actor, subject=subject, outcome=outcome, details=details or {})
        )
