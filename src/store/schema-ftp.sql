-- FTP accounts that a panel has made for sites: written down before the panel is asked, and forgotten when they are removed.
CREATE TABLE ftp_accounts (
    key   TEXT PRIMARY KEY REFERENCES sites (key) ON UPDATE CASCADE,
    floor INTEGER NOT NULL -- the site's floor, which the password follows from
) STRICT, WITHOUT ROWID;
