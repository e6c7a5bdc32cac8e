CREATE TABLE audit_notes (
    seq         INTEGER NOT NULL,
    hash        TEXT NOT NULL,
    seal        TEXT NOT NULL,
    noted_ms    INTEGER NOT NULL,
    -- Set when the chain did not bear the note out; from then on the note is kept.
    broken_seq  INTEGER,
    problem     TEXT
) STRICT;
