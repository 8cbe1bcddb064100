//! Which sites have an FTP account that a panel has made for us, so that none outlives the credentials that it belongs to.

use rusqlite::{Connection, OptionalExtension, params};

use crate::error::Result;
use crate::sys::clock;
use crate::types::SiteKey;

use super::sites::{from_sql, to_sql};
use super::{SiteRow, Store};

/// The kind of the jobs that remove FTP accounts whose credentials have ended.
pub const END_FTP_ACCOUNT: &str = "end-ftp-account";

impl Store {
    /// Writes down that a site has an FTP account whose password follows from the row's floor, before the panel is asked to make it. Gives `false`, and writes nothing,
    /// if these credentials have ended since the row was read: then none may be made.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::Store`].
    pub fn note_ftp_account(&self, row: &SiteRow) -> Result<bool> {
        let sql = "INSERT INTO ftp_accounts (key, floor) SELECT key, floor FROM sites WHERE key = ?1 AND floor = ?2 AND closed IS NULL \
                   ON CONFLICT (key) DO UPDATE SET floor = excluded.floor";
        self.with("the FTP account cannot be written down", |connection| {
            let written =
                connection.prepare_cached(sql)?.execute(params![row.key.as_str(), to_sql(row.floor)])?;
            Ok(written > 0)
        })
    }

    /// The floor that the password of a key's FTP account follows from, if it has one.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::Store`].
    pub fn ftp_account(&self, key: &SiteKey) -> Result<Option<u64>> {
        let sql = "SELECT floor FROM ftp_accounts WHERE key = ?1";
        self.with("it cannot be read", |connection| {
            let floor =
                connection.prepare_cached(sql)?.query_row([key.as_str()], |row| row.get(0)).optional()?;
            Ok(floor.map(from_sql))
        })
    }

    /// Keeps that the FTP account of that floor is removed.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::Store`].
    pub fn forget_ftp_account(&self, key: &SiteKey, floor: u64) -> Result<()> {
        let sql = "DELETE FROM ftp_accounts WHERE key = ?1 AND floor = ?2";
        self.with("it cannot be kept that the FTP account is removed", |connection| {
            connection.prepare_cached(sql)?.execute(params![key.as_str(), to_sql(floor)]).map(drop)
        })
    }
}

/// Queues the end of a key's FTP account, if it has one whose credentials have ended and no such job waits: in the transaction that ends them.
pub(super) fn queue_end(connection: &Connection, key: &str) -> rusqlite::Result<()> {
    let sql = "INSERT INTO jobs (kind, lane, subject, account, site, key, floor, next, queued) \
               SELECT ?2, ?2, 'site ' || domain, account, domain, key, ftp_accounts.floor, ?3, ?3 FROM sites JOIN ftp_accounts USING (key) \
               WHERE key = ?1 AND ftp_accounts.floor < sites.floor AND NOT EXISTS \
               (SELECT 1 FROM jobs WHERE done IS NULL AND key = ?1 AND kind = ?2 AND state = 'waiting' AND cancelled = 0)";
    let now = to_sql(clock::unix_seconds());
    connection.prepare_cached(sql)?.execute(params![key, END_FTP_ACCOUNT, now]).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Binding, JobQuery};
    use crate::types::{AccountId, Domain, Username};

    fn owner(name: &str) -> AccountId {
        AccountId::new("ini", Username::new(name).unwrap(), 2001, name)
    }

    fn ends(store: &Store) -> Vec<(String, Option<u64>)> {
        let query = JobQuery { kind: Some(END_FTP_ACCOUNT.into()), limit: 9, ..JobQuery::default() };
        let name = |job: crate::store::Job| (job.key.unwrap().to_string(), job.floor);
        store.jobs(&query).unwrap().into_iter().map(name).collect()
    }

    #[test]
    fn credentials_do_not_end_without_the_account_and_none_is_made_after_their_end() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).unwrap();
        let bind = |name: &str| {
            store.bind(&Domain::new(name).unwrap(), &owner("alice"), None, Binding::Plain).unwrap()
        };
        let (with, without) = (bind("a.example"), bind("b.example"));
        assert!(store.note_ftp_account(&with).unwrap() && store.note_ftp_account(&with).unwrap());
        assert_eq!((store.ftp_account(&with.key).unwrap(), ends(&store)), (Some(0), Vec::new()));

        store.revoke(None, None, 7).unwrap();
        store.revoke(None, None, 7).unwrap();
        assert_eq!(ends(&store), [("a.example".to_owned(), Some(0))], "of the site that has one, once");
        assert!(!store.note_ftp_account(&with).unwrap() && !store.note_ftp_account(&without).unwrap());

        let now = store.by_key(&with.key).unwrap().unwrap();
        assert!(store.note_ftp_account(&now).unwrap());
        store.forget_ftp_account(&with.key, 0).unwrap();
        assert_eq!(store.ftp_account(&with.key).unwrap(), Some(now.floor), "the new one stays");
        store.forget_ftp_account(&with.key, now.floor).unwrap();
        assert_eq!(store.ftp_account(&with.key).unwrap(), None);
    }

    #[test]
    fn a_key_that_is_shut_or_closed_loses_its_account() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).unwrap();
        let (shut, closed) = (Domain::new("a.example").unwrap(), Domain::new("b.example").unwrap());
        let bind = |name: &Domain| store.bind(name, &owner("alice"), None, Binding::Plain).unwrap();
        for row in [bind(&shut), bind(&closed)] {
            assert!(store.note_ftp_account(&row).unwrap());
        }
        let row = store.current(&shut).unwrap().unwrap();
        assert!(store.shut(&row.key, 7).unwrap() && !store.shut(&row.key, 7).unwrap());
        // Given up while the account was suspended, it is tried again when that is over; what is good is left alone.
        let job = store.claim_job(u64::MAX / 2, &[END_FTP_ACCOUNT], &[]).unwrap().unwrap();
        store.end_job(job.id, crate::store::JobState::Failed, None, None).unwrap();
        store.note_present(&row.key, true).unwrap();
        assert_eq!(ends(&store).len(), 1);
        store.note_present(&row.key, false).unwrap();
        assert_eq!(ends(&store).len(), 2);
        let now = store.by_key(&row.key).unwrap().unwrap();
        assert!(store.note_ftp_account(&now).unwrap());
        store.note_present(&row.key, false).unwrap();
        let former = store.current(&closed).unwrap().unwrap();
        store.bind(&closed, &owner("bob"), Some(&former), Binding::Plain).unwrap();
        assert!(!store.note_ftp_account(&former).unwrap(), "a closed key gets none");
        let mut found = ends(&store);
        found.sort();
        assert_eq!(found, ["a.example", "a.example", "b.example"].map(|name| (name.to_owned(), Some(0))));
    }
}
