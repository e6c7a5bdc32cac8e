-- Notes left for agents by `wake` and `system-event`, until whoever acts on one takes it.
CREATE TABLE wake_notes (
    note_id TEXT PRIMARY KEY,
    text TEXT NOT NULL,
    mode TEXT NOT NULL,
    session_key TEXT,
    agent_id TEXT,
    left_by TEXT NOT NULL,
    left_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX wake_notes_by_age ON wake_notes (left_ms, note_id);

-- One row: whether agents wake up by themselves, and how the newest heartbeat went (JSON).
CREATE TABLE heartbeat_state (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    enabled INTEGER NOT NULL,
    last_report TEXT
) STRICT;

INSERT INTO heartbeat_state (only, enabled) VALUES (1, 1);
