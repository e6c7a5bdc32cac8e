-- One row per model call. Money is counted in billionths of a dollar: a cheap token costs a few hundred of them.
CREATE TABLE model_calls (
    id INTEGER PRIMARY KEY,
    -- reserved: running, its cost estimated from above; settled: as reported by the provider;
    -- unsettled: ended without a report, the estimate counts, because the provider may have charged it.
    state TEXT NOT NULL CHECK (state IN ('reserved', 'settled', 'unsettled')),
    started_ms INTEGER NOT NULL,
    ended_ms INTEGER,
    agent_id TEXT NOT NULL,
    session_key TEXT NOT NULL,
    session_id TEXT NOT NULL,
    run_id TEXT NOT NULL,
    provider TEXT NOT NULL,
    model TEXT NOT NULL,
    reserved_nusd INTEGER NOT NULL,
    input_tokens INTEGER NOT NULL DEFAULT 0,
    output_tokens INTEGER NOT NULL DEFAULT 0,
    cache_read INTEGER NOT NULL DEFAULT 0,
    cache_write INTEGER NOT NULL DEFAULT 0,
    input_nusd INTEGER NOT NULL DEFAULT 0,
    output_nusd INTEGER NOT NULL DEFAULT 0,
    cache_read_nusd INTEGER NOT NULL DEFAULT 0,
    cache_write_nusd INTEGER NOT NULL DEFAULT 0,
    priced INTEGER NOT NULL DEFAULT 1
);

CREATE INDEX model_calls_by_time ON model_calls (started_ms);
CREATE INDEX model_calls_by_session ON model_calls (session_key, started_ms);
CREATE INDEX model_calls_running ON model_calls (state) WHERE state = 'reserved';

-- Spent on a UTC day by an agent, so that a cap is checked in constant time; '' stands for all agents.
CREATE TABLE spending (
    day TEXT NOT NULL,
    agent_id TEXT NOT NULL,
    nusd INTEGER NOT NULL,
    PRIMARY KEY (day, agent_id)
) WITHOUT ROWID;
