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

-- A device that is no node any more has no approved surface, however that came about and whatever fails then.
CREATE TRIGGER nodes_device_removed AFTER DELETE ON devices BEGIN
    DELETE FROM nodes WHERE node_id = old.device_id;
END;

CREATE TRIGGER nodes_token_ended AFTER UPDATE OF revoked_ms ON device_tokens
WHEN new.role = 'node' AND new.revoked_ms IS NOT NULL BEGIN
    DELETE FROM nodes WHERE node_id = new.device_id;
END;

CREATE TRIGGER nodes_token_replaced AFTER INSERT ON device_tokens
WHEN new.role = 'node' AND new.revoked_ms IS NOT NULL BEGIN
    DELETE FROM nodes WHERE node_id = new.device_id;
END;
