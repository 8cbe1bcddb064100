-- What the life cycle of accounts and sites means for a key: marks that queued work looks at, besides what the panel says at that time.
CREATE TABLE lifecycle (
    key     TEXT PRIMARY KEY REFERENCES sites (key) ON UPDATE CASCADE,
    blocked INTEGER,                    -- what the builder was last told: 1 blocked, 0 not; NULL: nothing yet
    shut    INTEGER NOT NULL DEFAULT 0, -- 1: credentials were ended, because the site is suspended, gone, or without the builder
    absent  INTEGER,                    -- Unix seconds since which the panel does not have the site; NULL: it has it
    found   INTEGER NOT NULL DEFAULT 0, -- 1: only a comparison of panel and store has noticed that it is gone
    removed INTEGER,                    -- Unix seconds at which the panel said that it removes the account
    created INTEGER,                    -- Unix seconds at which the panel said that it made an account of that name again
    resumed INTEGER NOT NULL DEFAULT 0, -- 1: the panel said that a suspension is over
    renamed TEXT                        -- the domain that the panel said it has from now on, until that was looked at
) STRICT, WITHOUT ROWID;
CREATE INDEX lifecycle_renamed ON lifecycle (renamed) WHERE renamed IS NOT NULL;
CREATE INDEX lifecycle_found ON lifecycle (key) WHERE found = 1;

-- Work on one key is found, joined and kept in order by it.
CREATE INDEX jobs_key ON jobs (key, kind) WHERE done IS NULL;
CREATE INDEX jobs_ended ON jobs (kind, done) WHERE done IS NOT NULL;
CREATE INDEX sites_owner ON sites (account) WHERE closed IS NULL;
