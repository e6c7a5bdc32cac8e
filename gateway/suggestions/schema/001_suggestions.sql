CREATE TABLE task_suggestions (
    id          TEXT PRIMARY KEY,
    suggestion  BLOB NOT NULL,
    created_ms  INTEGER NOT NULL
) STRICT;
