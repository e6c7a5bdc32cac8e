CREATE TABLE canvas_surfaces (
    session_key  TEXT NOT NULL,
    surface_id   TEXT NOT NULL,
    surface      BLOB NOT NULL,
    position     INTEGER NOT NULL,
    updated_ms   INTEGER NOT NULL,
    PRIMARY KEY (session_key, surface_id)
) STRICT;

-- What each node shows: the surfaces of one session.
CREATE TABLE canvas_screens (
    node_id      TEXT PRIMARY KEY,
    session_key  TEXT NOT NULL
) STRICT;
