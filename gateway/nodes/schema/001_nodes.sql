CREATE TABLE nodes (
    node_id              TEXT PRIMARY KEY,
    facts                TEXT NOT NULL,
    label                TEXT,
    approved             TEXT,
    approved_ms          INTEGER,
    created_ms           INTEGER NOT NULL,
    connected_ms         INTEGER,
    disconnected_ms      INTEGER,
    seen_ms              INTEGER,
    seen_reason          TEXT,
    host_stats           TEXT
) STRICT;

CREATE TABLE node_requests (
    request_id  TEXT PRIMARY KEY,
    node_id     TEXT NOT NULL UNIQUE REFERENCES nodes (node_id) ON DELETE CASCADE,
    surface     TEXT NOT NULL,
    silent      INTEGER NOT NULL,
    asked_ms    INTEGER NOT NULL
) STRICT;
