CREATE TABLE cron_jobs (
    id            TEXT PRIMARY KEY,
    name          TEXT NOT NULL,
    agent_id      TEXT,
    enabled       INTEGER NOT NULL,
    definition    BLOB NOT NULL,
    created_ms    INTEGER NOT NULL,
    updated_ms    INTEGER NOT NULL,
    revision      INTEGER NOT NULL,
    -- The slot to run next; NULL when the job has none left or is off.
    due_ms        INTEGER,
    last          BLOB NOT NULL
) STRICT;

CREATE INDEX cron_jobs_due ON cron_jobs (due_ms) WHERE due_ms IS NOT NULL;

-- A row is the claim of a slot before it is the record of a run: whoever inserts it runs the slot.
CREATE TABLE cron_runs (
    run_id        TEXT PRIMARY KEY,
    job_id        TEXT NOT NULL,
    job_name      TEXT NOT NULL,
    agent_id      TEXT,
    slot_ms       INTEGER,
    status        TEXT NOT NULL,
    claimed_ms    INTEGER NOT NULL,
    ended_ms      INTEGER,
    result        BLOB,
    UNIQUE (job_id, slot_ms)
) STRICT;

CREATE INDEX cron_runs_ended ON cron_runs (ended_ms DESC);
CREATE INDEX cron_runs_open ON cron_runs (claimed_ms) WHERE status = 'running';

CREATE TABLE cron_scratch (
    job_id        TEXT PRIMARY KEY,
    content       TEXT NOT NULL,
    revision      INTEGER NOT NULL,
    updated_ms    INTEGER NOT NULL
) STRICT;
