-- The brand's published websites, as the builder listed them at the last reading.
CREATE TABLE published (
    reading INTEGER NOT NULL,           -- which reading the row comes from; only those of the last whole one count
    domain  TEXT NOT NULL,              -- as the builder writes it
    blocked INTEGER,                    -- 0, 1, or NULL where the builder does not say
    live    INTEGER,
    PRIMARY KEY (reading, domain)
) STRICT, WITHOUT ROWID;

-- When the list was read: one row.
CREATE TABLE published_reading (
    one   INTEGER PRIMARY KEY CHECK (one = 1),
    tried INTEGER NOT NULL,             -- Unix seconds at which the last reading began
    done  INTEGER                       -- Unix seconds at which the last whole one began, by which its rows are found
) STRICT;

-- Which calls a builder was found to have.
CREATE TABLE presences (
    builder  TEXT NOT NULL,             -- its address
    call     TEXT NOT NULL,
    presence TEXT NOT NULL,             -- there, absent, unknown
    status   INTEGER NOT NULL,          -- HTTP
    at       INTEGER NOT NULL,          -- Unix seconds
    PRIMARY KEY (builder, call)
) STRICT, WITHOUT ROWID;
