CREATE TABLE idempotency (
    actor       TEXT NOT NULL,
    method      TEXT NOT NULL,
    key         TEXT NOT NULL,
    result      BLOB NOT NULL,
    created_ms  INTEGER NOT NULL,
    PRIMARY KEY (actor, method, key)
) STRICT, WITHOUT ROWID;

CREATE INDEX idempotency_created ON idempotency (created_ms);
