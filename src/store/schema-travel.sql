-- Accounts in whose homes projects lie for a backup of the panel.
CREATE TABLE carries (
    account TEXT PRIMARY KEY,           -- the account's user name
    run     TEXT NOT NULL,              -- what the labels of these projects say, so that they are told from those that a restore brought back
    staging TEXT,                       -- the panel's staging directory in which they may lie too
    uses    INTEGER NOT NULL,           -- how many backups of the panel run that they were put there for
    begun   INTEGER NOT NULL            -- Unix seconds of the last of them
) STRICT, WITHOUT ROWID;
