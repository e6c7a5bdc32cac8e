CREATE TABLE inbox (
    id INTEGER PRIMARY KEY,
    origin TEXT NOT NULL,
    external_id TEXT NOT NULL,
    channel TEXT NOT NULL,
    account TEXT NOT NULL,
    sender TEXT,
    sender_name TEXT,
    conversation TEXT,
    thread TEXT,
    text TEXT NOT NULL,
    attachments TEXT NOT NULL,
    received_ms INTEGER NOT NULL,
    agent_id TEXT NOT NULL,
    session_key TEXT NOT NULL,
    rule_id TEXT,
    route_reason TEXT NOT NULL,
    run_id TEXT NOT NULL,
    UNIQUE (origin, external_id)
) STRICT;
CREATE INDEX inbox_by_session ON inbox (session_key, id);
CREATE INDEX inbox_by_age ON inbox (received_ms);
