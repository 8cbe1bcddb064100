-- Publications of type internal: an archive is fetched, checked and put into the document root.
CREATE TABLE publications (
    id        TEXT PRIMARY KEY,         -- unguessable; the builder asks by it
    key       TEXT NOT NULL REFERENCES sites (key) ON UPDATE CASCADE,
    floor     INTEGER NOT NULL,         -- the site's floor when it was asked for: a revocation ends it
    state     TEXT NOT NULL CHECK (state IN ('PENDING', 'EXECUTING', 'FINISHED', 'FAILED')),
    address   TEXT,                     -- of the archive; forgotten when it has ended
    digest    TEXT NOT NULL,            -- of that address: the same request again is not another publication
    attempts  INTEGER NOT NULL DEFAULT 0,
    error     TEXT,                     -- name of the error's kind
    language  TEXT NOT NULL,            -- of the account's user
    reference TEXT NOT NULL,            -- the number in the log
    asked     INTEGER NOT NULL,         -- Unix seconds
    began     INTEGER,
    ended     INTEGER
) STRICT;
CREATE INDEX publications_site ON publications (key, asked);
CREATE INDEX publications_open ON publications (asked) WHERE ended IS NULL;
CREATE INDEX publications_ended ON publications (ended) WHERE ended IS NOT NULL;
