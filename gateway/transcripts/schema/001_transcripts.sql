-- Everything that was said. Rows of `entries` are only ever added, and erased as a whole long after a deletion.
-- Times are Unix milliseconds; `message` holds UTF-8 JSON exactly as it goes to clients.

-- Identifies this file's life, so that positions of a restored backup are not taken for those of another.
CREATE TABLE source (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    source TEXT NOT NULL,
    last_raw_seq INTEGER NOT NULL
);
INSERT INTO source VALUES (1, lower(hex(randomblob(16))), 0);

CREATE TABLE transcripts (
    session_id TEXT PRIMARY KEY,
    -- Cursors of another generation are refused: the active branch was changed or compacted since.
    generation TEXT NOT NULL,
    leaf_id TEXT,
    last_seq INTEGER NOT NULL,
    entries INTEGER NOT NULL,
    stored_bytes INTEGER NOT NULL,
    -- False while every entry answers the one before it: then the active branch is all of them.
    forked INTEGER NOT NULL,
    deleted_ms INTEGER
) WITHOUT ROWID;

CREATE INDEX transcripts_deleted ON transcripts (deleted_ms) WHERE deleted_ms IS NOT NULL;

CREATE TABLE entries (
    raw_seq INTEGER PRIMARY KEY,
    session_id TEXT NOT NULL,
    seq INTEGER NOT NULL,
    id TEXT NOT NULL,
    parent_id TEXT,
    -- How many entries lead here, this one included.
    depth INTEGER NOT NULL,
    role TEXT NOT NULL,
    run_id TEXT,
    idempotency_key TEXT,
    recorded_ms INTEGER NOT NULL,
    message BLOB NOT NULL,
    UNIQUE (session_id, seq),
    UNIQUE (session_id, id)
);

CREATE INDEX entries_parent ON entries (session_id, parent_id);
CREATE UNIQUE INDEX entries_once ON entries (session_id, idempotency_key) WHERE idempotency_key IS NOT NULL;

-- Where an agent's view of a conversation begins since it was shortened; the entries before it stay readable.
CREATE TABLE compactions (
    session_id TEXT NOT NULL,
    id TEXT NOT NULL,
    first_kept_id TEXT NOT NULL,
    kept INTEGER NOT NULL,
    compacted_ms INTEGER NOT NULL,
    PRIMARY KEY (session_id, id)
) WITHOUT ROWID;

-- Words of people and agents; rowid is entries.raw_seq.
CREATE VIRTUAL TABLE words USING fts5 (text, tokenize = 'unicode61 remove_diacritics 2');
