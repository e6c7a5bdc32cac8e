"""Which node is chosen, as a table: by what it can do, power, load, latency and use (S1.M-7)."""

import pytest

from gateway.nodes.choose import Standing, choose
from protocol.commands.device import Battery
from protocol.nouns.node import HostStats

NOW_MS = 1_800_000_000_000


def battery(level: float | None, state: str = "unplugged", *, saving: bool = False) -> Battery:
    """A battery."""
    return Battery(state=state, level=level, low_power_mode_enabled=saving)  # type: ignore[arg-type]


def machine(load: float = 0.0, *, free: int = 8, cores: int = 4) -> HostStats:
    """A computer with 16 units of memory."""
    return HostStats(
        cpu_count=cores, memory_total_bytes=16, memory_free_bytes=free, load_average=(load, 0.0, 0.0)
    )


def node(name: str, **known: object) -> Standing:
    """A node that can do it now, unless told otherwise."""
    return Standing(**{"node_id": name, "name": name, "able": "now", **known})  # type: ignore[arg-type]


AWAY = {"able": "later", "why_not": "not connected"}
UNABLE = {"able": "never", "why_not": "command not declared by node"}
FULL = battery(1.0, "full")


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        (node("z"), node("a", **AWAY)),
        (node("z", battery=battery(0.05)), node("a", **AWAY)),
        (node("z", **AWAY), node("a", **UNABLE)),
        (node("z", battery=battery(0.8)), node("a", battery=battery(0.2))),
        (node("z", battery=battery(0.2)), node("a", battery=battery(0.1))),
        (node("z", battery=battery(0.1, "charging")), node("a", battery=battery(0.9))),
        (node("z", battery=FULL), node("a", battery=battery(0.9))),
        (node("z", battery=battery(0.5)), node("a", battery=battery(0.5, saving=True))),
        (node("z"), node("a", battery=battery(0.5))),
        (node("z", stats=machine(0.4)), node("a", stats=machine(3.9))),
        (node("z", stats=machine(4.0, cores=16)), node("a", stats=machine(4.0, cores=4))),
        (node("z", stats=machine(free=8)), node("a", stats=machine(free=0))),
        (node("z", latency_ms=20.0), node("a", latency_ms=2000.0)),
        (node("z", active_ms=NOW_MS - 60_000), node("a", active_ms=NOW_MS - 1_800_000)),
        (node("z", active_ms=NOW_MS - 1_800_000), node("a", active_ms=NOW_MS - 7_200_000)),
        # A busy computer on power is better than a phone that is almost empty, however it is used.
        (node("z", stats=machine(6.0)), node("a", battery=battery(0.1), active_ms=NOW_MS)),
        # With nothing to tell them apart, the choice is at least always the same.
        (node("a"), node("z")),
    ],
)
def test_the_better_one_of_two(better: Standing, worse: Standing) -> None:
    for order in ([better, worse], [worse, better]):
        chosen = choose("canvas.present", order, now_ms=NOW_MS)
        assert [one.node_id for one in chosen.candidates] == [better.node_id, worse.node_id]


def test_a_battery_of_unknown_level_says_nothing() -> None:
    (known,) = choose("x", [node("a", battery=battery(None))], now_ms=NOW_MS).candidates
    assert known.score == 100


@pytest.mark.parametrize(
    ("prefer", "fallback", "order"),
    [
        ([], [], ["desk", "phone", "wall", "away"]),
        (["wall"], [], ["wall", "desk", "phone", "away"]),
        (["wall", "phone"], [], ["wall", "phone", "desk", "away"]),
        (["away"], [], ["desk", "phone", "wall", "away"]),
        ([], ["desk"], ["phone", "wall", "desk", "away"]),
        ([], ["desk", "phone"], ["wall", "desk", "phone", "away"]),
        (["nobody"], ["nobody"], ["desk", "phone", "wall", "away"]),
    ],
)
def test_wishes_come_before_scores_and_being_there_before_wishes(
    prefer: list[str], fallback: list[str], order: list[str]
) -> None:
    nodes = [
        node("desk", stats=machine(0.1)),
        node("phone", battery=battery(0.6)),
        node("wall", battery=battery(0.1)),
        node("away", **AWAY),
    ]
    chosen = choose("canvas.present", nodes, now_ms=NOW_MS, prefer=prefer, fallback=fallback)
    assert [one.node_id for one in chosen.candidates] == order
    assert chosen.node_id == order[0]
    assert chosen.able == "now"


def test_the_reason_names_what_counted() -> None:
    phone = node("phone", battery=battery(0.12), latency_ms=40.0)
    chosen = choose("camera.snap", [phone], now_ms=NOW_MS, fallback=["phone"])
    assert chosen.reason == (
        "phone can do camera.snap: "
        "connected, battery at 12 %, almost empty, answers in 40 ms, only a fallback"
    )


def test_nobody_now_but_somebody_later() -> None:
    chosen = choose("canvas.present", [node("b", **AWAY), node("a", **AWAY)], now_ms=NOW_MS)
    assert (chosen.node_id, chosen.able) == (None, "later")
    assert chosen.reason == "no node that can do canvas.present is connected; it waits for a, b"


def test_nobody_ever() -> None:
    chosen = choose("canvas.present", [node("a", **UNABLE)], now_ms=NOW_MS)
    assert (chosen.node_id, chosen.able) == (None, "never")
    assert chosen.reason == "no node can do canvas.present (a: command not declared by node)"
    nobody = choose("canvas.present", [], now_ms=NOW_MS)
    assert nobody.reason.startswith("no node can do canvas.present: none is paired")
