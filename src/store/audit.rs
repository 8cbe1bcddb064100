//! Who opened what.

use rusqlite::params;
use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::sys::clock;

use super::Store;
use super::sites::{from_sql, to_sql};

/// One line of the audit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditEntry {
    /// Unix seconds; filled in when it is written.
    pub at: u64,
    /// The number that page and log have too.
    pub reference: String,
    /// What the kernel said about the caller.
    pub principal: String,
    /// The account.
    pub account: Option<String>,
    /// The site.
    pub site: Option<String>,
    /// The operation's name.
    pub operation: String,
    /// `ok`, or the name of an error kind.
    pub result: String,
    /// What the caller said about itself: client address, impersonation. Nobody has proved it.
    pub claimed: Option<String>,
}

/// Which lines are wanted.
#[derive(Clone, Debug, Default)]
pub struct AuditQuery {
    /// Of this account.
    pub account: Option<String>,
    /// Of this site.
    pub site: Option<String>,
    /// At most so many, newest first.
    pub limit: usize,
}

impl Store {
    /// Writes a line. Nobody waits for the disk: the log has the same line, and nothing is decided by it.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::Store`].
    pub fn record(&self, entry: &AuditEntry) -> Result<()> {
        let sql = "INSERT INTO audit (at, reference, principal, account, site, operation, result, claimed) \
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
        let now = to_sql(clock::unix_seconds());
        self.with_haste("the audit cannot be written", |connection| {
            let values = params![
                now,
                entry.reference,
                entry.principal,
                entry.account,
                entry.site,
                entry.operation,
                entry.result,
                entry.claimed
            ];
            connection.prepare_cached(sql)?.execute(values).map(drop)
        })
    }

    /// Reads lines, newest first.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::Store`].
    pub fn audit(&self, query: &AuditQuery) -> Result<Vec<AuditEntry>> {
        let sql = "SELECT at, reference, principal, account, site, operation, result, claimed FROM audit \
                   WHERE (?1 IS NULL OR account = ?1) AND (?2 IS NULL OR site = ?2) ORDER BY id DESC LIMIT ?3";
        self.with("the audit cannot be read", |connection| {
            let mut statement = connection.prepare_cached(sql)?;
            let rows = statement.query_map(
                params![query.account, query.site, to_sql(query.limit as u64)],
                |row| {
                    Ok(AuditEntry {
                        at: from_sql(row.get(0)?),
                        reference: row.get(1)?,
                        principal: row.get(2)?,
                        account: row.get(3)?,
                        site: row.get(4)?,
                        operation: row.get(5)?,
                        result: row.get(6)?,
                        claimed: row.get(7)?,
                    })
                },
            )?;
            rows.collect()
        })
    }

    /// Removes lines that are older than `days`, and all but the newest `most`; gives how many.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::Store`].
    pub fn forget_audit(&self, days: u64, most: u64) -> Result<usize> {
        let before = clock::unix_seconds().saturating_sub(days.saturating_mul(24 * 60 * 60));
        // Numbers of lines grow by one, and lines go only here.
        let sql = "DELETE FROM audit WHERE at < ?1 OR id <= (SELECT max(id) FROM audit) - ?2";
        self.with("old lines of the audit cannot be removed", |connection| {
            connection.execute(sql, [to_sql(before), to_sql(most)])
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_back_newest_first_and_are_forgotten_in_time() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).unwrap();
        for (account, site) in [("alice", "a.example"), ("bob", "b.example"), ("alice", "c.example")] {
            let entry = AuditEntry {
                reference: "7K3M-9QXT".into(),
                principal: "root".into(),
                account: Some(account.into()),
                site: Some(site.into()),
                operation: "open-site".into(),
                result: "ok".into(),
                claimed: Some("from 198.51.100.7\n; DROP TABLE audit".into()),
                at: 0,
            };
            store.record(&entry).unwrap();
        }
        let sites = |query: AuditQuery| -> Vec<String> {
            store.audit(&query).unwrap().into_iter().filter_map(|entry| entry.site).collect()
        };
        assert_eq!(
            sites(AuditQuery { limit: 10, ..Default::default() }),
            ["c.example", "b.example", "a.example"]
        );
        let of_alice = AuditQuery { account: Some("alice".into()), limit: 1, ..Default::default() };
        assert_eq!(sites(of_alice), ["c.example"]);
        assert_eq!(store.forget_audit(180, 3).unwrap(), 0);
        store
            .with("test", |connection| {
                connection.execute("UPDATE audit SET at = 1 WHERE site = 'b.example'", [])
            })
            .unwrap();
        assert_eq!(store.forget_audit(180, 3).unwrap(), 1);
        assert_eq!(store.forget_audit(180, 1).unwrap(), 1);
        assert_eq!(sites(AuditQuery { limit: 10, ..Default::default() }), ["c.example"]);
    }
}
