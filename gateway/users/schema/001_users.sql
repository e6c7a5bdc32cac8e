-- People. There is one, the owner; the shape leaves room.
CREATE TABLE user_profiles (
    profile_id TEXT PRIMARY KEY,
    display_name TEXT,
    created_ms INTEGER NOT NULL,
    updated_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What people prefer, shared by all their devices. Values are JSON.
CREATE TABLE user_prefs (
    profile_id TEXT NOT NULL REFERENCES user_profiles (profile_id) ON DELETE CASCADE,
    key TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (profile_id, key)
) STRICT, WITHOUT ROWID;
