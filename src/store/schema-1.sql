-- Which builder key belongs to whom. A key has one owner for ever: rows are closed, never given away.
CREATE TABLE sites (
    key     TEXT PRIMARY KEY,           -- the site's name at the builder: its domain, or a number
    domain  TEXT NOT NULL,              -- ASCII
    panel   TEXT NOT NULL,              -- the owner's identity: panel, account, uid and the panel's own mark
    account TEXT NOT NULL,
    uid     INTEGER NOT NULL,
    mark    TEXT NOT NULL,
    token   TEXT NOT NULL UNIQUE,       -- the site's name in the publication endpoint's address
    floor   INTEGER NOT NULL DEFAULT 0, -- the first generation of credentials that is not revoked
    opened  INTEGER NOT NULL,           -- Unix seconds of the first opening
    closed  INTEGER                     -- Unix seconds; NULL while it is the domain's current row
) STRICT;
CREATE UNIQUE INDEX sites_current ON sites (domain) WHERE closed IS NULL;
CREATE INDEX sites_account ON sites (panel, account);

-- What must still happen at the builder.
CREATE TABLE jobs (
    id      INTEGER PRIMARY KEY,
    kind    TEXT NOT NULL,              -- close-site: back the project up, then delete it
    key     TEXT NOT NULL REFERENCES sites (key),
    floor   INTEGER NOT NULL,           -- the row's floor when the job was made: a job never hits what came later
    queued  INTEGER NOT NULL,
    done    INTEGER
) STRICT;
CREATE INDEX jobs_open ON jobs (queued) WHERE done IS NULL;

-- Who opened what.
CREATE TABLE audit (
    id        INTEGER PRIMARY KEY,
    at        INTEGER NOT NULL,         -- Unix seconds
    reference TEXT NOT NULL,
    principal TEXT NOT NULL,            -- what the kernel said: root, account alice (uid 1004) ...
    account   TEXT,
    site      TEXT,
    operation TEXT NOT NULL,
    result    TEXT NOT NULL,            -- ok, or the name of an error kind
    claimed   TEXT                      -- what the caller said about itself: client address, impersonation; unproven
) STRICT;
CREATE INDEX audit_at ON audit (at);
CREATE INDEX audit_account ON audit (account, at);
CREATE INDEX audit_site ON audit (site, at);
