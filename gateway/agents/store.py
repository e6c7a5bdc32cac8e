"""SQL of the agents made over the protocol."""

import msgspec

from gateway.agents.profiles import AgentRecord
from gateway.kernel.store.db import Tx


def all_records(tx: Tx) -> list[AgentRecord]:
    """Every stored agent, oldest first."""
    rows = tx.execute("SELECT record FROM agents ORDER BY created_ms, id")
    return [msgspec.json.decode(record, type=AgentRecord) for (record,) in rows]


def put(tx: Tx, record: AgentRecord) -> None:
    """Insert or replace an agent."""
    tx.execute(
        "INSERT INTO agents (id, record, created_ms) VALUES (?, ?, ?)"
        " ON CONFLICT (id) DO UPDATE SET record = excluded.record",
        (record.id, msgspec.json.encode(record).decode(), record.created_ms),
    )


def remove(tx: Tx, agent_id: str) -> bool:
    """Delete an agent; false when it was not stored."""
    return tx.execute("DELETE FROM agents WHERE id = ?", (agent_id,)).rowcount > 0
