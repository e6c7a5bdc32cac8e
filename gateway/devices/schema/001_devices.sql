-- Devices that were let in. Lists and client facts are JSON.
CREATE TABLE devices (
    device_id TEXT PRIMARY KEY,
    public_key TEXT NOT NULL,
    role TEXT NOT NULL,
    roles TEXT NOT NULL,
    scopes TEXT NOT NULL,
    facts TEXT NOT NULL,
    operator_label TEXT,
    remote_ip TEXT,
    approved_via TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    approved_ms INTEGER NOT NULL,
    last_seen_ms INTEGER
) STRICT, WITHOUT ROWID;

-- One token per device and role. The token itself is in nobody's file: see gateway/devices/mint.py.
CREATE TABLE device_tokens (
    device_id TEXT NOT NULL REFERENCES devices (device_id) ON DELETE CASCADE,
    role TEXT NOT NULL,
    token_id TEXT NOT NULL UNIQUE,
    token_hash BLOB NOT NULL UNIQUE,
    scopes TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    issued_ms INTEGER NOT NULL,
    revoked_ms INTEGER,
    last_used_ms INTEGER,
    PRIMARY KEY (device_id, role)
) STRICT, WITHOUT ROWID;

-- At most one request per device, so that asking again is asking the same.
CREATE TABLE pair_requests (
    request_id TEXT PRIMARY KEY,
    device_id TEXT NOT NULL UNIQUE,
    ask TEXT NOT NULL,
    is_repair INTEGER NOT NULL,
    asked_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE setup_codes (
    setup_id TEXT PRIMARY KEY,
    token_hash BLOB NOT NULL UNIQUE,
    join_hash BLOB UNIQUE,
    payload TEXT NOT NULL,
    access TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    expires_ms INTEGER NOT NULL,
    bound_device TEXT,
    used_ms INTEGER,
    device_name TEXT
) STRICT, WITHOUT ROWID;

-- Wrong credentials per source and kind of credential; survives a restart.
CREATE TABLE auth_failures (
    source TEXT NOT NULL,
    kind TEXT NOT NULL,
    window_ms INTEGER NOT NULL,
    failures INTEGER NOT NULL,
    locked_until_ms INTEGER NOT NULL,
    PRIMARY KEY (source, kind)
) STRICT, WITHOUT ROWID;
