CREATE TABLE tasks (
    id TEXT PRIMARY KEY,
    run_id TEXT UNIQUE,
    kind TEXT NOT NULL,
    status TEXT NOT NULL,
    title TEXT NOT NULL,
    agent_id TEXT,
    session_key TEXT,
    created_ms INTEGER NOT NULL,
    updated_ms INTEGER NOT NULL,
    started_ms INTEGER,
    ended_ms INTEGER,
    tool_use_count INTEGER NOT NULL DEFAULT 0,
    last_tool_name TEXT,
    summary TEXT,
    error TEXT
) STRICT;
CREATE INDEX tasks_by_creation ON tasks (created_ms DESC, id DESC);
CREATE INDEX tasks_by_end ON tasks (ended_ms DESC, id DESC);
