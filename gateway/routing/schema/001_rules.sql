CREATE TABLE routing_rules (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    revision INTEGER NOT NULL,
    rules BLOB NOT NULL,
    updated_ms INTEGER NOT NULL
) STRICT;
