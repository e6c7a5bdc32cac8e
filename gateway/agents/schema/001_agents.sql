-- Agents made over the protocol; those of the configuration file are not stored.
CREATE TABLE agents (
    id TEXT PRIMARY KEY,
    -- AgentRecord as JSON.
    record TEXT NOT NULL,
    created_ms INTEGER NOT NULL
) WITHOUT ROWID;
