CREATE TABLE questions (
    id           TEXT PRIMARY KEY,
    status       TEXT NOT NULL,
    record       BLOB NOT NULL,
    created_ms   INTEGER NOT NULL,
    expires_ms   INTEGER NOT NULL
) STRICT;

CREATE INDEX questions_pending ON questions (created_ms) WHERE status = 'pending';
