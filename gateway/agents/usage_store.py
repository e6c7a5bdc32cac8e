"""SQL of the usage ledger."""

from datetime import UTC, datetime
from typing import Final

from gateway.agents.usage_model import NUSD, CallFacts, Caps, Tokens
from gateway.kernel.store.db import Tx
from gateway.operations.facts import UsageBucket

EVERYONE: Final = ""
"""Stands for all agents in `spending`."""

BUCKET_MS: Final = 15 * 60 * 1000
"""Whole in every time zone there is, so that days can be cut anywhere."""


def reserve(tx: Tx, facts: CallFacts, estimate: int, caps: Caps, *, priced: bool, now_ms: int) -> int | str:
    """Set `estimate` aside for a call and return its id, or say which limit forbids it."""
    problem = _limit(tx, facts.agent_id, estimate, caps, day_of(now_ms))
    if problem:
        return problem
    (call_id,) = tx.execute(
        "INSERT INTO model_calls (state, started_ms, agent_id, session_key, session_id, run_id,"
        " provider, model, reserved_nusd, priced)"
        " VALUES ('reserved', ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id",
        (
            now_ms,
            facts.agent_id,
            facts.session_key,
            facts.session_id,
            facts.run_id,
            facts.provider,
            facts.model,
            estimate,
            priced,
        ),
    ).fetchone()
    _spend(tx, day_of(now_ms), facts.agent_id, estimate)
    return int(call_id)


def settle(tx: Tx, call_id: int, tokens: Tokens, cost: Tokens, *, reported: bool, now_ms: int) -> None:
    """Replace a reservation by what was used; `cost` is in billionths of a dollar."""
    found = _running(tx, call_id)
    if found is None:
        return
    started_ms, agent_id, reserved = found
    tx.execute(
        "UPDATE model_calls SET state = ?, ended_ms = ?, input_tokens = ?, output_tokens = ?,"
        " cache_read = ?, cache_write = ?, input_nusd = ?, output_nusd = ?, cache_read_nusd = ?,"
        " cache_write_nusd = ? WHERE id = ?",
        (
            "settled" if reported else "unsettled",
            now_ms,
            tokens.input,
            tokens.output,
            tokens.cache_read,
            tokens.cache_write,
            cost.input,
            cost.output,
            cost.cache_read,
            cost.cache_write,
            call_id,
        ),
    )
    actual = cost.input + cost.output + cost.cache_read + cost.cache_write
    _spend(tx, day_of(started_ms), agent_id, actual - reserved)


def release(tx: Tx, call_id: int) -> None:
    """Forget a call that was refused, and what was set aside for it."""
    found = _running(tx, call_id)
    if found is None:
        return
    started_ms, agent_id, reserved = found
    tx.execute("DELETE FROM model_calls WHERE id = ?", (call_id,))
    _spend(tx, day_of(started_ms), agent_id, -reserved)


def unsettle_running(tx: Tx, now_ms: int) -> None:
    """End calls a crash interrupted; what was set aside for them stays spent, as cost of their output."""
    tx.execute(
        "UPDATE model_calls SET state = 'unsettled', ended_ms = ?, output_nusd = reserved_nusd"
        " WHERE state = 'reserved'",
        (now_ms,),
    )


def spent(tx: Tx, day: str, agent_id: str) -> int:
    """Billionths of a dollar spent and set aside on a day."""
    row = tx.execute("SELECT nusd FROM spending WHERE day = ? AND agent_id = ?", (day, agent_id)).fetchone()
    return int(row[0]) if row is not None else 0


def buckets(tx: Tx, from_ms: int, to_ms: int, agent_id: str | None) -> list[UsageBucket]:
    """Ended calls by quarter of an hour, oldest first."""
    rows = tx.execute(
        "SELECT started_ms / ? * ?, sum(input_tokens), sum(output_tokens), sum(cache_read), sum(cache_write),"
        " sum(input_nusd), sum(output_nusd), sum(cache_read_nusd), sum(cache_write_nusd), sum(1 - priced)"
        " FROM model_calls WHERE started_ms BETWEEN ? AND ? AND state != 'reserved'"
        " AND (? IS NULL OR agent_id = ?)"
        " GROUP BY 1 ORDER BY 1",
        (BUCKET_MS, BUCKET_MS, from_ms, to_ms, agent_id, agent_id),
    )
    return [
        UsageBucket(
            # A quarter that began before `from_ms` must not be counted to the day before.
            start_ms=max(start_ms, from_ms),
            input=tokens_in,
            output=tokens_out,
            cache_read=cache_read,
            cache_write=cache_write,
            input_cost=input_nusd / NUSD,
            output_cost=output_nusd / NUSD,
            cache_read_cost=read_nusd / NUSD,
            cache_write_cost=write_nusd / NUSD,
            missing_cost_entries=unpriced,
        )
        for (
            start_ms,
            tokens_in,
            tokens_out,
            cache_read,
            cache_write,
            input_nusd,
            output_nusd,
            read_nusd,
            write_nusd,
            unpriced,
        ) in rows
    ]


def prune(tx: Tx, before_ms: int) -> None:
    """Delete what is older than `before_ms`."""
    tx.execute("DELETE FROM model_calls WHERE started_ms < ? AND state != 'reserved'", (before_ms,))
    tx.execute("DELETE FROM spending WHERE day < ?", (day_of(before_ms),))


def day_of(at_ms: int) -> str:
    """The UTC day, `2026-11-20`."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).date().isoformat()


def _limit(tx: Tx, agent_id: str, estimate: int, caps: Caps, day: str) -> str:
    """Which limit a call of at most `estimate` could break, or empty."""
    month = day[:7]
    checks = (
        (caps.agent_daily, lambda: spent(tx, day, agent_id), f"agent {agent_id} may spend", "a day (UTC)"),
        (caps.daily, lambda: spent(tx, day, EVERYONE), "all agents may spend", "a day (UTC)"),
        (caps.monthly, lambda: _spent_in_month(tx, month), "all agents may spend", "a month"),
    )
    for cap, used, who, span in checks:
        if cap is not None and (already := used()) + estimate > cap:
            return (
                f"{who} {_usd(cap)} {span}, {_usd(already)} is spent, and this call may cost {_usd(estimate)}"
            )
    return ""


def _spent_in_month(tx: Tx, month: str) -> int:
    (total,) = tx.execute(
        "SELECT coalesce(sum(nusd), 0) FROM spending WHERE agent_id = ? AND day BETWEEN ? AND ?",
        (EVERYONE, f"{month}-01", f"{month}-31"),
    ).fetchone()
    return int(total)


def _spend(tx: Tx, day: str, agent_id: str, nusd: int) -> None:
    for who in (EVERYONE, agent_id):
        tx.execute(
            "INSERT INTO spending (day, agent_id, nusd) VALUES (?, ?, ?)"
            " ON CONFLICT (day, agent_id) DO UPDATE SET nusd = nusd + excluded.nusd",
            (day, who, nusd),
        )


def _running(tx: Tx, call_id: int) -> tuple[int, str, int] | None:
    return tx.execute(
        "SELECT started_ms, agent_id, reserved_nusd FROM model_calls WHERE id = ? AND state = 'reserved'",
        (call_id,),
    ).fetchone()


def _usd(nusd: int) -> str:
    return f"${nusd / NUSD:.4f}".rstrip("0").rstrip(".")
