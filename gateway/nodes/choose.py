"""Which of several nodes should do something: a pure function of what is known about each.

A node is better the less it is a burden on it and the sooner it answers. The scores only rank; each part
that counts is named in words, so that a person can follow the choice.
"""

from collections.abc import Sequence
from typing import Final

import msgspec

from protocol.commands.device import Battery
from protocol.methods.node_route import Able, NodeRouted, RouteCandidate
from protocol.nouns.node import HostStats

AT_REST: Final = 100
"""Score of a connected node of which nothing speaks for or against it."""

LOW_BATTERY: Final = 0.3
EMPTY_BATTERY: Final = 0.15
"""Below this a phone may go out before it is done."""

ACTIVE_MS: Final = 5 * 60_000
RECENT_MS: Final = 60 * 60_000
"""Somebody used it this lately, so what it shows or says is probably noticed."""

SLOW_MS: Final = 250.0
"""A person notices an answer that takes longer."""

FULL_MEMORY: Final = 0.05


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a node when it is considered."""

    node_id: str
    name: str
    able: Able
    why_not: str | None = None
    """In words, unless it can do it now."""
    battery: Battery | None = None
    stats: HostStats | None = None
    latency_ms: float | None = None
    active_ms: int | None = None


class _Ranked(msgspec.Struct, frozen=True):
    order: tuple[int, int, int, int, str]
    candidate: RouteCandidate


_ABLE: Final[dict[Able, int]] = {"now": 0, "later": 1, "never": 2}


def choose(
    what: str,
    standings: Sequence[Standing],
    *,
    now_ms: int,
    prefer: Sequence[str] = (),
    fallback: Sequence[str] = (),
) -> NodeRouted:
    """The best node for `what`.

    Nodes that can do it now come before all others. Among those, preferred ones come first in their order,
    then the rest by score, then the fallback ones in their order.
    """
    ranked = sorted((_ranked(one, now_ms, prefer, fallback) for one in standings), key=lambda one: one.order)
    candidates = [one.candidate for one in ranked]
    best = candidates[0] if candidates else None
    if best is None or best.able == "never":
        return NodeRouted(able="never", reason=_nobody(what, candidates), candidates=candidates)
    if best.able == "later":
        names = ", ".join(one.display_name for one in candidates if one.able == "later")
        reason = f"no node that can do {what} is connected; it waits for {names}"
        return NodeRouted(able="later", reason=reason, candidates=candidates)
    reason = f"{best.display_name} can do {what}: {', '.join(best.why)}"
    return NodeRouted(node_id=best.node_id, able="now", reason=reason, candidates=candidates)


def _ranked(one: Standing, now_ms: int, prefer: Sequence[str], fallback: Sequence[str]) -> _Ranked:
    score, why = AT_REST, ["connected"]
    if one.able == "now":
        for points, word in _parts(one, now_ms):
            score += points
            why.append(word)
    else:
        score, why = 0, [one.why_not or "it cannot"]
    rank, place = 1, 0
    if one.node_id in prefer:
        rank, place = 0, prefer.index(one.node_id)
        why.append("preferred")
    elif one.node_id in fallback:
        rank, place = 2, fallback.index(one.node_id)
        why.append("only a fallback")
    candidate = RouteCandidate(
        node_id=one.node_id, display_name=one.name, able=one.able, score=score, why=why
    )
    return _Ranked((_ABLE[one.able], rank, place, -score, f"{one.name}\0{one.node_id}"), candidate)


def _parts(one: Standing, now_ms: int) -> list[tuple[int, str]]:
    found = [
        _battery(one.battery),
        *_machine(one.stats),
        _latency(one.latency_ms),
        _activity(one.active_ms, now_ms),
    ]
    return [part for part in found if part is not None]


def _battery(battery: Battery | None) -> tuple[int, str] | None:
    if battery is None:
        return None
    if battery.state in {"charging", "full"}:
        return 0, "on power"
    if battery.level is None:
        return None
    percent = f"battery at {round(100 * battery.level)} %"
    if battery.level < EMPTY_BATTERY:
        return -60, f"{percent}, almost empty"
    if battery.level < LOW_BATTERY or battery.low_power_mode_enabled:
        return -30, f"{percent}, saving power"
    return -5, percent


def _machine(stats: HostStats | None) -> list[tuple[int, str] | None]:
    if stats is None:
        return []
    parts: list[tuple[int, str] | None] = []
    if stats.load_average:
        load = stats.load_average[0] / stats.cpu_count
        parts.append((-min(40, round(20 * load)), f"load {load:.1f} per processor"))
    if stats.memory_total_bytes and stats.memory_free_bytes < FULL_MEMORY * stats.memory_total_bytes:
        parts.append((-20, "memory almost full"))
    return parts


def _latency(latency_ms: float | None) -> tuple[int, str] | None:
    if latency_ms is None:
        return None
    points = 0 if latency_ms <= SLOW_MS else -min(20, round(latency_ms / SLOW_MS))
    return points, f"answers in {round(latency_ms)} ms"


def _activity(active_ms: int | None, now_ms: int) -> tuple[int, str] | None:
    if active_ms is None or now_ms - active_ms > RECENT_MS:
        return None
    return (15, "in use") if now_ms - active_ms <= ACTIVE_MS else (5, "used lately")


def _nobody(what: str, candidates: Sequence[RouteCandidate]) -> str:
    if not candidates:
        return f"no node can do {what}: none is paired; pair one with `homarus node pair`"
    reasons = "; ".join(f"{one.display_name}: {one.why[0]}" for one in candidates[:5])
    return f"no node can do {what} ({reasons})"
