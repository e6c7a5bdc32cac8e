CREATE TABLE runs (
    run_id TEXT PRIMARY KEY,
    inbox_id INTEGER NOT NULL,
    kind TEXT NOT NULL,
    session_key TEXT NOT NULL,
    session_id TEXT NOT NULL,
    agent_id TEXT NOT NULL,
    status TEXT NOT NULL,
    queue_mode TEXT NOT NULL,
    merged_into TEXT,
    request TEXT NOT NULL,
    accepted_ms INTEGER NOT NULL,
    started_ms INTEGER,
    ended_ms INTEGER,
    outcome TEXT
) STRICT;
-- Recovery reads these and nothing else, however long the history is.
CREATE INDEX runs_open ON runs (inbox_id) WHERE status IN ('accepted', 'running');
CREATE INDEX runs_by_end ON runs (ended_ms) WHERE ended_ms IS NOT NULL;

CREATE TABLE transcript_outbox (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    session_key TEXT NOT NULL,
    session_id TEXT NOT NULL,
    entry TEXT NOT NULL
) STRICT;
