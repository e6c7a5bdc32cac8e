-- What people asked an agent to keep, one sentence or paragraph a row.
CREATE TABLE memories (
    id INTEGER PRIMARY KEY,
    agent_id TEXT NOT NULL,
    text TEXT NOT NULL,
    -- Casefolded words only, so that the same thing said twice is kept once.
    fingerprint TEXT NOT NULL,
    -- Session the sentence came from, empty when it came from a client directly.
    session_key TEXT NOT NULL,
    actor TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    updated_ms INTEGER NOT NULL,
    UNIQUE (agent_id, fingerprint)
);

CREATE INDEX memories_recent ON memories (agent_id, updated_ms DESC, id DESC);

-- Porter stemming finds "plants" for "plant"; diacritics are removed so that "cafe" finds "café".
CREATE VIRTUAL TABLE memories_fts USING fts5 (
    text,
    content = 'memories',
    content_rowid = 'id',
    tokenize = 'porter unicode61 remove_diacritics 2'
);

CREATE TRIGGER memories_added AFTER INSERT ON memories BEGIN
    INSERT INTO memories_fts (rowid, text) VALUES (new.id, new.text);
END;

CREATE TRIGGER memories_removed AFTER DELETE ON memories BEGIN
    INSERT INTO memories_fts (memories_fts, rowid, text) VALUES ('delete', old.id, old.text);
END;

CREATE TRIGGER memories_edited AFTER UPDATE OF text ON memories BEGIN
    INSERT INTO memories_fts (memories_fts, rowid, text) VALUES ('delete', old.id, old.text);
    INSERT INTO memories_fts (rowid, text) VALUES (new.id, new.text);
END;
