"""Matching messages with rules. Pure: no clock, no database."""

import fnmatch
import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from gateway.routing.model import Arrival
from protocol.errors import InvalidRequest
from protocol.nouns.route import RouteRule, RuleVerdict, TimeWindow

MAX_PATTERN_CHARS: Final = 4096
"""How much of a text a pattern sees; commands and addresses stand at the beginning."""

HOLDS: Final = "all conditions hold"

_DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

_FIELDS: Final = ("channel", "account", "sender", "thread")

Condition = tuple[str, Callable[[Arrival], bool]]


class CompiledRule:
    """A rule with its patterns ready."""

    def __init__(self, rule: RouteRule) -> None:
        self.rule = rule
        self.conditions: tuple[Condition, ...] = tuple(_conditions(rule))

    def verdict(self, arrival: Arrival) -> RuleVerdict:
        """Whether the rule takes the message, and the first reason why not."""
        if not self.rule.enabled:
            return RuleVerdict(rule_id=self.rule.id, matched=False, reason="disabled")
        for name, holds in self.conditions:
            if not holds(arrival):
                return RuleVerdict(rule_id=self.rule.id, matched=False, reason=f"{name} differs")
        return RuleVerdict(rule_id=self.rule.id, matched=True, reason=HOLDS)

    def takes(self, arrival: Arrival) -> bool:
        """Whether the rule takes the message."""
        return self.rule.enabled and all(holds(arrival) for _, holds in self.conditions)


def ordered(rules: Iterable[RouteRule]) -> tuple[CompiledRule, ...]:
    """`rules` in the order they are asked: priority, then number of conditions, then as listed.

    Raises:
        InvalidRequest: naming the rule and field, when an id repeats or a time zone is unknown.
    """
    seen: set[str] = set()
    compiled: list[CompiledRule] = []
    for index, rule in enumerate(rules):
        if rule.id in seen:
            raise InvalidRequest(f"rules/{index}/id: {rule.id} is used twice", {"field": f"rules/{index}/id"})
        seen.add(rule.id)
        _check_zone(rule, index)
        compiled.append(CompiledRule(rule))
    # Sorting is stable, so equal rules keep the order in which they were listed.
    return tuple(sorted(compiled, key=lambda entry: (-entry.rule.priority, -len(entry.conditions))))


def _conditions(rule: RouteRule) -> Iterable[Condition]:
    for name in _FIELDS:
        glob: str | None = getattr(rule, name)
        if glob is not None:
            yield name, _field_matcher(name, glob)
    if rule.pattern is not None:
        matches = _glob(rule.pattern)
        yield "pattern", lambda arrival: matches(arrival.text[:MAX_PATTERN_CHARS])
    if rule.time is not None:
        window = rule.time
        yield "time", lambda arrival: in_window(window, arrival.at_ms)


def _field_matcher(name: str, glob: str) -> Callable[[Arrival], bool]:
    matches = _glob(glob)
    return lambda arrival: matches(getattr(arrival, name))


def _glob(glob: str) -> Callable[[str], bool]:
    # `[` is text here: addresses such as IPv6 hold brackets, and sets would be one more thing to explain.
    compiled = re.compile(fnmatch.translate(glob.replace("[", "[[]")), re.IGNORECASE)
    return lambda text: compiled.match(text) is not None


def in_window(window: TimeWindow, at_ms: int) -> bool:
    """Whether a moment lies inside a window; a window that ends before it starts goes over midnight."""
    local = datetime.fromtimestamp(at_ms / 1000, tz=UTC).astimezone(ZoneInfo(window.time_zone))
    now = f"{local:%H:%M}"
    if window.start < window.until:
        return window.start <= now < window.until and _on_day(window, local)
    if now >= window.start:
        return _on_day(window, local)
    # The small hours belong to the window that began the day before.
    return now < window.until and _on_day(window, local - timedelta(days=1))


def _on_day(window: TimeWindow, local: datetime) -> bool:
    return window.days is None or _DAYS[local.weekday()] in window.days


def _check_zone(rule: RouteRule, index: int) -> None:
    if rule.time is None:
        return
    try:
        ZoneInfo(rule.time.time_zone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        field = f"rules/{index}/time/timeZone"
        raise InvalidRequest(
            f"{field}: {rule.time.time_zone} is not a known time zone; use a name such as Europe/Berlin",
            {"field": field},
        ) from error
