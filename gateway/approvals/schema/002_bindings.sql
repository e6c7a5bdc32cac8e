-- What an approval is bound to, who asked, and when it was used; NULL for approvals from before.
ALTER TABLE approvals ADD COLUMN binding BLOB;
ALTER TABLE approvals ADD COLUMN digest TEXT;
ALTER TABLE approvals ADD COLUMN requested_by TEXT;
ALTER TABLE approvals ADD COLUMN consumed_ms INTEGER;

CREATE INDEX approvals_digest ON approvals (digest, created_ms) WHERE consumed_ms IS NULL;

CREATE TABLE approval_grants (
    id            TEXT PRIMARY KEY,
    approval_id   TEXT NOT NULL,
    digest        TEXT NOT NULL,
    binding       BLOB NOT NULL,
    command       TEXT NOT NULL,
    created_ms    INTEGER NOT NULL,
    expires_ms    INTEGER,
    revoked_ms    INTEGER,
    revoked_by    TEXT,
    last_used_ms  INTEGER,
    use_count     INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE INDEX approval_grants_digest ON approval_grants (digest) WHERE revoked_ms IS NULL;

CREATE TABLE exec_rules (
    only        INTEGER PRIMARY KEY CHECK (only = 1),
    file        BLOB NOT NULL,
    changed_ms  INTEGER NOT NULL
) STRICT;
