CREATE TABLE approvals (
    id             TEXT PRIMARY KEY,
    kind           TEXT NOT NULL,
    status         TEXT NOT NULL,
    request        BLOB NOT NULL,
    presentation   BLOB NOT NULL,
    agent_id       TEXT,
    session_key    TEXT,
    created_ms     INTEGER NOT NULL,
    expires_ms     INTEGER NOT NULL,
    resolved_ms    INTEGER,
    decision       TEXT,
    reason         TEXT,
    resolver_kind  TEXT,
    resolver_id    TEXT
) STRICT;

CREATE INDEX approvals_pending ON approvals (kind, created_ms) WHERE status = 'pending';
CREATE INDEX approvals_decided ON approvals (resolved_ms DESC, id DESC) WHERE status <> 'pending';
