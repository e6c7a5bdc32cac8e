CREATE TABLE audit (
    seq        INTEGER PRIMARY KEY,
    ts_ms      INTEGER NOT NULL,
    action     TEXT NOT NULL,
    actor      TEXT NOT NULL,
    subject    TEXT NOT NULL,
    outcome    TEXT NOT NULL,
    details    TEXT NOT NULL,
    prev_hash  TEXT NOT NULL,
    hash       TEXT NOT NULL
) STRICT;

-- What agents did is asked for by itself, and is rare or common independently of everything else.
CREATE INDEX audit_activity ON audit (seq) WHERE action IN
    ('agent.run.started', 'agent.run.finished', 'tool.action.started', 'tool.action.finished');

-- Against mistakes of our own; whoever means harm drops these first, and the chain tells.
CREATE TRIGGER audit_is_append_only BEFORE UPDATE ON audit BEGIN
    SELECT RAISE(ABORT, 'the audit log is append-only');
END;

CREATE TRIGGER audit_keeps_everything BEFORE DELETE ON audit BEGIN
    SELECT RAISE(ABORT, 'the audit log is append-only');
END;
