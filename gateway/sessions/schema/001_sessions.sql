-- One row per conversation. Times are Unix milliseconds; columns named *_json hold UTF-8 JSON.
CREATE TABLE sessions (
    key TEXT PRIMARY KEY,
    session_id TEXT NOT NULL UNIQUE,
    lifecycle_revision TEXT NOT NULL,
    agent_id TEXT,
    kind TEXT NOT NULL,
    classification TEXT NOT NULL,
    label TEXT,
    title TEXT,
    display_name TEXT,
    category TEXT,
    preview TEXT,
    channel TEXT,
    account_id TEXT,
    chat_type TEXT,
    delivery_json TEXT,
    parent_key TEXT,
    parent_session_id TEXT,
    previous_session_id TEXT,
    fork_json TEXT,
    spawned_by TEXT,
    spawn_depth INTEGER NOT NULL,
    created_via TEXT NOT NULL,
    creator_id TEXT,
    creator_json TEXT,
    owner_id TEXT,
    owner_json TEXT,
    participants_json TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    updated_ms INTEGER NOT NULL,
    started_ms INTEGER NOT NULL,
    last_interaction_ms INTEGER,
    last_activity_ms INTEGER,
    last_read_ms INTEGER,
    marked_unread_ms INTEGER,
    pinned_ms INTEGER,
    archived_ms INTEGER,
    archive_reason TEXT,
    archived_by_json TEXT,
    status TEXT,
    active_runs_json TEXT NOT NULL,
    last_run_id TEXT,
    run_started_ms INTEGER,
    run_ended_ms INTEGER,
    last_run_error TEXT,
    aborted_last_run INTEGER,
    system_sent INTEGER NOT NULL,
    input_tokens INTEGER,
    output_tokens INTEGER,
    total_tokens INTEGER,
    cost_usd REAL,
    model_provider TEXT,
    model TEXT,
    overrides_json TEXT NOT NULL,
    archived INTEGER GENERATED ALWAYS AS (archived_ms IS NOT NULL) VIRTUAL,
    pinned INTEGER GENERATED ALWAYS AS (pinned_ms IS NOT NULL) VIRTUAL,
    -- The later of the last run and the last input; for a session without either, its last change.
    activity_ms INTEGER GENERATED ALWAYS AS (coalesce(
        max(coalesce(last_activity_ms, last_interaction_ms), coalesce(last_interaction_ms, last_activity_ms)),
        updated_ms
    )) VIRTUAL
);

-- The order of an ordinary list; its last column makes the order total.
CREATE INDEX sessions_recent ON sessions (archived, pinned, updated_ms, key);
CREATE INDEX sessions_lively ON sessions (archived, activity_ms, key);
-- Counts and facets of a list are answered from this index alone.
CREATE INDEX sessions_facets ON sessions (archived, kind, agent_id, classification, owner_id);
CREATE INDEX sessions_owner ON sessions (owner_id) WHERE owner_id IS NOT NULL;
CREATE INDEX sessions_parent ON sessions (parent_key, created_ms, key) WHERE parent_key IS NOT NULL;
CREATE INDEX sessions_label ON sessions (label) WHERE label IS NOT NULL;
CREATE INDEX sessions_category ON sessions (category) WHERE category IS NOT NULL;
CREATE INDEX sessions_active ON sessions (key) WHERE active_runs_json != '[]';

-- Counts every committed change of the index, whoever made it: a page cached under one version is never stale.
CREATE TABLE session_version (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    version INTEGER NOT NULL
);
INSERT INTO session_version VALUES (1, 1);

CREATE TRIGGER sessions_inserted AFTER INSERT ON sessions BEGIN
    UPDATE session_version SET version = version + 1;
END;
CREATE TRIGGER sessions_updated AFTER UPDATE ON sessions BEGIN
    UPDATE session_version SET version = version + 1;
END;
CREATE TRIGGER sessions_deleted AFTER DELETE ON sessions BEGIN
    UPDATE session_version SET version = version + 1;
END;

-- Groups people sort their sessions into; membership is sessions.category.
CREATE TABLE session_groups (
    name TEXT PRIMARY KEY,
    position INTEGER NOT NULL,
    cwd TEXT,
    worktree INTEGER
) WITHOUT ROWID;

CREATE TABLE session_sections (
    position INTEGER PRIMARY KEY,
    name TEXT NOT NULL
);
-- Transcripts still to be hidden in their own file, because a session was deleted here.
CREATE TABLE session_erasures (
    session_id TEXT PRIMARY KEY,
    deleted_ms INTEGER NOT NULL
) WITHOUT ROWID;
