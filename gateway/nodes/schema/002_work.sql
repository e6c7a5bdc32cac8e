-- What nodes are to do, with its receipts: submitted work, and commands a phone could not do in the background.
CREATE TABLE node_work (
    seq              INTEGER PRIMARY KEY,
    id               TEXT NOT NULL UNIQUE,
    kind             TEXT NOT NULL,
    node_id          TEXT,
    route            TEXT,
    actor            TEXT NOT NULL,
    key              TEXT NOT NULL,
    asked            BLOB NOT NULL,
    command          TEXT NOT NULL,
    params_json      TEXT,
    state            TEXT NOT NULL,
    parked           INTEGER NOT NULL,
    created_ms       INTEGER NOT NULL,
    expires_ms       INTEGER NOT NULL,
    delivered_ms     INTEGER,
    delivered_on     TEXT,
    deliveries       INTEGER NOT NULL,
    ledger           INTEGER NOT NULL,
    acknowledged_ms  INTEGER,
    ended_ms         INTEGER,
    payload_json     TEXT,
    error            TEXT,
    reason           TEXT
) STRICT;

CREATE INDEX node_work_by_key ON node_work (actor, kind, key);
CREATE INDEX node_work_by_node ON node_work (node_id, seq);
CREATE INDEX node_work_open ON node_work (node_id, seq) WHERE ended_ms IS NULL;
CREATE INDEX node_work_expiring ON node_work (expires_ms) WHERE ended_ms IS NULL;
CREATE INDEX node_work_ended ON node_work (ended_ms) WHERE ended_ms IS NOT NULL;

-- Questions for sleeping nodes (`node.pending.enqueue`), and a counter of their changes.
CREATE TABLE node_questions (
    id          TEXT PRIMARY KEY,
    node_id     TEXT NOT NULL REFERENCES nodes (node_id) ON DELETE CASCADE,
    type        TEXT NOT NULL,
    priority    TEXT NOT NULL,
    created_ms  INTEGER NOT NULL,
    expires_ms  INTEGER NOT NULL,
    UNIQUE (node_id, type)
) STRICT;

CREATE TABLE node_question_revisions (
    node_id   TEXT PRIMARY KEY REFERENCES nodes (node_id) ON DELETE CASCADE,
    revision  INTEGER NOT NULL
) STRICT;
