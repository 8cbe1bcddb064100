-- Publication endpoints that the doctor has reached by their public address.
CREATE TABLE reached (
    endpoint TEXT PRIMARY KEY, -- its address
    at       INTEGER NOT NULL  -- Unix seconds of the last time
) STRICT;
