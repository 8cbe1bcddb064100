-- Jobs grow: what is not about a builder key, progress, retries and results. Rows of version 1 wait as before; what is done keeps its number.
CREATE TABLE jobs_grown (
    id        INTEGER PRIMARY KEY AUTOINCREMENT, -- never given twice
    kind      TEXT NOT NULL,                     -- close-site, backup ...; a kind that this version does not know waits for one that does
    lane      TEXT NOT NULL DEFAULT '',          -- jobs of one lane share a limit, such as the provider of a backup
    subject   TEXT NOT NULL DEFAULT '',          -- what it is about, for people and for joining equal jobs
    account   TEXT,
    site      TEXT,
    key       TEXT REFERENCES sites (key) ON UPDATE CASCADE,
    floor     INTEGER,                           -- the site's floor when the job was made: a job never hits what came later
    arguments TEXT NOT NULL DEFAULT '{}',        -- JSON, as the kind wants it; no secret
    state     TEXT NOT NULL DEFAULT 'waiting',   -- waiting, running, done, failed, cancelled
    cancelled INTEGER NOT NULL DEFAULT 0,        -- 1: somebody wants it to end
    attempts  INTEGER NOT NULL DEFAULT 0,
    next      INTEGER NOT NULL DEFAULT 0,        -- Unix seconds: not before
    task      TEXT,                              -- what its work wrote down, to go on after an interruption
    percent   INTEGER,
    step      TEXT,
    reason    TEXT,                              -- why the last attempt failed, or why it was given up
    result    TEXT,                              -- JSON
    queued    INTEGER NOT NULL,
    started   INTEGER,                           -- the last attempt
    done      INTEGER                            -- NULL while it is waiting or running
) STRICT;
INSERT INTO jobs_grown (id, kind, subject, site, account, key, floor, state, next, queued, done)
    SELECT jobs.id, kind, 'site ' || domain, domain, account, jobs.key, jobs.floor,
           CASE WHEN done IS NULL THEN 'waiting' ELSE 'done' END, queued, queued, done
    FROM jobs JOIN sites ON sites.key = jobs.key;
DROP TABLE jobs;
ALTER TABLE jobs_grown RENAME TO jobs;
CREATE INDEX jobs_open ON jobs (next) WHERE done IS NULL;
CREATE INDEX jobs_subject ON jobs (kind, subject);
CREATE INDEX jobs_account ON jobs (account, id);
