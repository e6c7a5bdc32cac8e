"""Which rule takes which message (S0.3-3, S0.3-13)."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.routing.model import Arrival
from gateway.routing.rules import in_window, ordered
from protocol.errors import InvalidRequest
from protocol.nouns.route import RouteRule, TimeWindow


def at(text: str) -> int:
    """A UTC time such as `2026-11-20 22:30` in milliseconds."""
    return int(datetime.strptime(text, "%Y-%m-%d %H:%M").replace(tzinfo=UTC).timestamp() * 1000)


def arrival(
    text: str = "hello",
    *,
    channel: str = "telegram",
    account: str = "work",
    sender: str = "@ada",
    thread: str = "",
) -> Arrival:
    """A message; what is not said is a direct one on telegram, on a Friday at noon."""
    moment_ms = at("2026-11-20 12:00")
    return Arrival(channel=channel, account=account, sender=sender, thread=thread, text=text, at_ms=moment_ms)


RULES = [
    RouteRule(id="boss", agent_id="main", sender="@boss", priority=50),
    RouteRule(id="off", agent_id="never", priority=99, enabled=False),
    RouteRule(id="deploy", agent_id="ops", pattern="deploy*", priority=10),
    RouteRule(id="deploy-quiet", agent_id="quiet", pattern="deploy*", channel="telegram", priority=5),
    RouteRule(id="private", agent_id="home", channel="telegram", account="private"),
    RouteRule(id="telegram", agent_id="chatty", channel="telegram"),
    RouteRule(id="telegram-ada", agent_id="ada", channel="telegram", sender="@ada*"),
    RouteRule(id="telegram-ada-2", agent_id="late", channel="telegram", sender="@ad*"),
    RouteRule(id="incident", agent_id="ops", thread="inc-*", channel="matrix"),
    RouteRule(id="night", agent_id="night", channel="matrix", time=TimeWindow(start="22:00", until="06:00")),
    RouteRule(id="matrix", agent_id="matrix", channel="matrix"),
]

CASES = [
    # the most particular of equal priority wins
    ("telegram-ada", arrival()),
    ("telegram", arrival(sender="@bob")),
    ("private", arrival(sender="@bob", account="private")),
    # equal in priority and particularity: as listed
    ("private", arrival(account="private")),
    ("telegram-ada", arrival(sender="@ada_lovelace")),
    ("telegram-ada-2", arrival(sender="@adrian")),
    # priority before particularity
    ("deploy", arrival("deploy the site")),
    ("boss", arrival("deploy the site", sender="@boss")),
    ("boss", arrival(channel="matrix", thread="inc-7", sender="@boss")),
    # letter case never matters
    ("deploy", arrival("DEPLOY now")),
    ("telegram-ada", arrival(sender="@ADA")),
    # a pattern is about the whole text
    ("telegram-ada", arrival("please deploy")),
    ("deploy", arrival("deploy\nin two lines")),
    # other conditions
    ("incident", arrival(channel="matrix", thread="inc-7")),
    ("matrix", arrival(channel="matrix", thread="other")),
    ("matrix", arrival(channel="matrix")),
    (None, arrival(channel="signal")),
    ("deploy", arrival("deploy", channel="signal")),
    (None, arrival("", channel="")),
    # a disabled rule never takes anything, whatever its priority
    ("telegram-ada", arrival("never")),
]


def taker(message: Arrival, rules: list[RouteRule] = RULES) -> str | None:
    """Id of the rule that takes a message."""
    return next((entry.rule.id for entry in ordered(rules) if entry.takes(message)), None)


class TestRules:
    """Conditions, priorities, conflicts."""

    @pytest.mark.parametrize(("wanted", "message"), CASES)
    def test_each_message_finds_its_rule(self, wanted: str | None, message: Arrival) -> None:
        assert taker(message) == wanted

    def test_verdicts_name_the_first_condition_that_failed(self) -> None:
        verdicts = {v.rule_id: v.reason for v in (e.verdict(arrival()) for e in ordered(RULES))}
        assert verdicts["off"] == "disabled"
        assert verdicts["boss"] == "sender differs"
        assert verdicts["incident"] == "channel differs"
        assert verdicts["telegram-ada"] == "all conditions hold"

    def test_brackets_in_a_pattern_are_text(self) -> None:
        rules = [RouteRule(id="ip", agent_id="main", sender="[::1]:*")]
        assert taker(arrival(sender="[::1]:4711"), rules) == "ip"
        assert taker(arrival(sender=":"), rules) is None

    def test_a_hostile_pattern_costs_no_time(self) -> None:
        rules = [RouteRule(id="stars", agent_id="main", pattern="*a" * 60 + "b")]
        assert taker(arrival("a" * 100_000), rules) is None

    def test_a_repeated_id_is_refused(self) -> None:
        with pytest.raises(InvalidRequest, match="rules/1/id: x is used twice"):
            ordered([RouteRule(id="x", agent_id="main"), RouteRule(id="x", agent_id="ops")])

    def test_an_unknown_time_zone_is_refused(self) -> None:
        rule = RouteRule(id="x", agent_id="main", time=TimeWindow(time_zone="Mars/Base"))
        with pytest.raises(InvalidRequest, match="rules/0/time/timeZone: Mars/Base"):
            ordered([rule])

    @given(st.lists(st.tuples(st.integers(-5, 5), st.sampled_from(["", "telegram", "x*"])), max_size=12))
    def test_the_order_is_by_priority_then_conditions_then_listing(
        self, facts: list[tuple[int, str]]
    ) -> None:
        rules = [
            RouteRule(id=str(index), agent_id="main", priority=priority, channel=channel or None)
            for index, (priority, channel) in enumerate(facts)
        ]
        keys = [
            (-entry.rule.priority, -len(entry.conditions), int(entry.rule.id)) for entry in ordered(rules)
        ]
        assert keys == sorted(keys)


class TestWindows:
    """Hours and days."""

    @pytest.mark.parametrize(
        ("window", "moment", "inside"),
        [
            (TimeWindow(), "2026-11-20 00:00", True),
            (TimeWindow(start="09:00", until="17:00"), "2026-11-20 08:59", False),
            (TimeWindow(start="09:00", until="17:00"), "2026-11-20 09:00", True),
            (TimeWindow(start="09:00", until="17:00"), "2026-11-20 17:00", False),
            (TimeWindow(start="22:00", until="06:00"), "2026-11-20 23:00", True),
            (TimeWindow(start="22:00", until="06:00"), "2026-11-20 05:59", True),
            (TimeWindow(start="22:00", until="06:00"), "2026-11-20 06:00", False),
            # Friday night reaches into Saturday, Thursday night does not belong to Friday
            (TimeWindow(start="22:00", until="06:00", days=["fri"]), "2026-11-21 03:00", True),
            (TimeWindow(start="22:00", until="06:00", days=["fri"]), "2026-11-20 03:00", False),
            (TimeWindow(days=["sat", "sun"]), "2026-11-20 12:00", False),
            # 23:30 in Berlin in summer is 21:30 UTC, in winter 22:30 UTC
            (TimeWindow(time_zone="Europe/Berlin", start="23:00", until="23:59"), "2026-07-01 21:30", True),
            (TimeWindow(time_zone="Europe/Berlin", start="23:00", until="23:59"), "2026-12-01 21:30", False),
        ],
    )
    def test_a_window_is_local_time(self, window: TimeWindow, moment: str, inside: bool) -> None:
        assert in_window(window, at(moment)) is inside
