"""Where a gateway may differ from `protocol.schema.json`, each with the reason."""

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase

from tests.support.schema import Violation


@dataclass(frozen=True, slots=True)
class Deviation:
    """Violations that are expected: shell patterns for their subject, place and message."""

    subject: str
    where: str
    message: str
    reason: str

    def covers(self, violation: Violation) -> bool:
        """Whether this explains `violation`."""
        pairs = (
            (violation.subject, self.subject),
            (violation.where, self.where),
            (violation.message, self.message),
        )
        return all(fnmatchcase(value, pattern) for value, pattern in pairs)


def excused(violation: Violation, known: Iterable[Deviation]) -> bool:
    """Whether any known deviation explains `violation`."""
    return any(deviation.covers(violation) for deviation in known)


HOMARUS_DEVIATIONS: tuple[Deviation, ...] = (
    Deviation(
        "event agent",
        "",
        "Additional properties are not allowed ('agentId', 'sessionKey' were unexpected)",
        "the ACP bridge drops an agent event without sessionKey and the TUI matches runs by it",
    ),
    Deviation(
        "event node.invoke.request",
        "",
        "Additional properties are not allowed ('sessionKey' was unexpected)",
        "nodes of 2026.9.6 get it from their own gateway: it says which conversation a command belongs to",
    ),
    Deviation(
        "hello-ok",
        "auth",
        "Additional properties are not allowed ('method' was unexpected)",
        "the TUI reads auth.method to choose the credential for its HTTP requests",
    ),
)
"""What OpenClaw's own clients need although its schema forbids it; nothing else is excused."""

_NEWER = "OpenClaw 2026.9.6 is newer than the schema of 2026.9.1"

OPENCLAW_DEVIATIONS: tuple[Deviation, ...] = (
    Deviation("hello-ok", "*", "Additional properties *", _NEWER),
    Deviation("frame event", "", "*'recipientProfileId' was unexpected*", _NEWER),
    Deviation("event agent", "", "Additional properties *", _NEWER),
    Deviation("event task", "task", "Additional properties *", _NEWER),
    Deviation("event presence", "presence[]", "*'clientId' was unexpected*", _NEWER),
    Deviation("event cron", "job.state", "*'scheduleErrorCount' was unexpected*", _NEWER),
    Deviation("res cron.update", "state", "*'scheduleErrorCount' was unexpected*", _NEWER),
    Deviation("* health", "*", "Additional properties *", _NEWER),
    Deviation("res channels.status", "*", "Additional properties *", _NEWER),
    Deviation("res node.event", "", "* is a required property", "it answers some events with `ok` alone"),
    Deviation("res channels.status", "eventLoop.*", "* is not of type 'integer'", "it measures fractions"),
)
"""What OpenClaw's own gateway sends against its schema: the reference run proves the rest of the mapping."""
