"""Rules that decide which agent answers a message."""

from typing import Annotated, Literal

from msgspec import Meta

from protocol.method import Wire

RuleId = Annotated[str, Meta(pattern=r"^[A-Za-z0-9._:-]{1,64}$")]
AgentName = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]
Glob = Annotated[str, Meta(min_length=1, max_length=256)]
"""Text compared without case; `*` stands for any characters, `?` for one."""

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
ClockTime = Annotated[str, Meta(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]
"""`HH:MM`, 24 hours."""


class TimeWindow(Wire, forbid_unknown_fields=True):
    """When a rule applies, in local time of `time_zone`."""

    time_zone: Annotated[str, Meta(min_length=1, max_length=64)] = "UTC"
    """IANA name, such as `Europe/Berlin`."""
    days: list[Weekday] | None = None
    """Days on which the window begins; absent means every day."""
    start: ClockTime = "00:00"
    until: ClockTime = "00:00"
    """First minute outside; not later than `start` means: on the next day."""


class RouteRule(Wire, forbid_unknown_fields=True):
    """One rule. Absent conditions hold for every message; all given ones must hold."""

    id: RuleId
    agent_id: AgentName
    enabled: bool = True
    priority: Annotated[int, Meta(ge=-1000, le=1000)] = 0
    """Higher is asked first; equal ones in order of how many conditions they set, then as listed."""
    channel: Glob | None = None
    account: Glob | None = None
    sender: Glob | None = None
    thread: Glob | None = None
    pattern: Glob | None = None
    """Compared with the whole text; write `*invoice*` for a word inside."""
    time: TimeWindow | None = None


class RuleVerdict(Wire):
    """What one rule made of a message in a dry run."""

    rule_id: str
    matched: bool
    reason: str
    """The first condition that failed, or `all conditions hold`."""
