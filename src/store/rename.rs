//! A site that has another domain from now on, at the builder too.

use rusqlite::{Connection, TransactionBehavior, params};

use crate::error::{Error, ErrorKind, Result};
use crate::sys::{clock, random};
use crate::types::{Domain, SiteKey, hex};

use super::sites::to_sql;
use super::{SiteRow, Store};

impl Store {
    /// Whether a site's row can take a new domain, and with it that domain's key.
    ///
    /// # Errors
    /// [`ErrorKind::SiteConflict`] if key or domain are, or ever were, another row's; [`ErrorKind::Store`].
    pub fn check_rename(&self, row: &SiteRow, new: &Domain) -> Result<()> {
        let taken = self.with("it cannot be read", |connection| is_taken(connection, row, new))?;
        if taken { Err(conflict(new)) } else { Ok(()) }
    }

    /// Gives a site's row a new domain and its key, after the builder has done the same. The old key stays behind as a closed row of the same owner: a key
    /// is never given twice, whoever gets the old domain.
    ///
    /// # Errors
    /// As [`Store::check_rename`].
    pub fn rename_site(&self, row: &SiteRow, new: &Domain) -> Result<SiteRow> {
        let key = SiteKey::of(new);
        let sql = "UPDATE sites SET key = ?1, domain = ?2 WHERE key = ?3 AND closed IS NULL";
        let behind = "INSERT INTO sites (key, domain, panel, account, uid, mark, token, floor, opened, closed) \
                      SELECT ?1, ?2, panel, account, uid, mark, ?3, floor, opened, ?4 FROM sites WHERE key = ?5";
        let done = self.with("the site's new name cannot be written", |connection| {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            if is_taken(&transaction, row, new)? {
                return Ok(false);
            }
            let changed = transaction.execute(sql, params![key.as_str(), new.as_str(), row.key.as_str()])?;
            if changed == 1 {
                let (token, now) = (hex(&random::bytes::<20>()), to_sql(clock::unix_seconds()));
                let values = params![row.key.as_str(), row.domain.as_str(), token, now, key.as_str()];
                transaction.execute(behind, values)?;
            }
            transaction.commit()?;
            Ok(changed == 1)
        })?;
        if done { Ok(SiteRow { key, domain: new.clone(), ..row.clone() }) } else { Err(conflict(new)) }
    }
}

fn is_taken(connection: &Connection, row: &SiteRow, new: &Domain) -> rusqlite::Result<bool> {
    let sql = "SELECT count(*) FROM sites WHERE key <> ?3 AND (key = ?1 OR (domain = ?2 AND closed IS NULL))";
    let key = SiteKey::of(new);
    let values = params![key.as_str(), new.as_str(), row.key.as_str()];
    connection.query_row(sql, values, |row| row.get(0))
}

fn conflict(new: &Domain) -> Error {
    let text =
        format!("the name {new} is or was another site's at the builder; a key has one owner for ever");
    Error::new(ErrorKind::SiteConflict, text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Binding;
    use crate::types::{AccountId, Username};

    #[test]
    fn a_row_takes_a_new_name_that_nobody_ever_had() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).unwrap();
        let owner = AccountId::new("ini", Username::new("alice").unwrap(), 2001, "");
        let domain = |name: &str| Domain::new(name).unwrap();
        let bind = |name: &str| store.bind(&domain(name), &owner, None, Binding::Plain).unwrap();
        let (row, other) = (bind("old.example"), bind("other.example"));
        for taken in ["other.example", "www.other.example"] {
            assert_eq!(store.check_rename(&row, &domain(taken)).unwrap_err().kind(), ErrorKind::SiteConflict);
            assert_eq!(store.rename_site(&row, &domain(taken)).unwrap_err().kind(), ErrorKind::SiteConflict);
        }
        store.check_rename(&row, &domain("new.example")).unwrap();
        let renamed = store.rename_site(&row, &domain("new.example")).unwrap();
        assert_eq!(store.current(&domain("new.example")).unwrap().unwrap(), renamed);
        assert_eq!((renamed.key.as_str(), &renamed.token), ("new.example", &row.token));
        assert_eq!(store.current(&domain("old.example")).unwrap(), None);
        assert!(store.rename_site(&row, &domain("third.example")).is_err(), "that row is closed");
        assert!(store.check_rename(&other, &domain("old.example")).is_err(), "a key is given once");
        let heir = AccountId::new("ini", Username::new("bob").unwrap(), 2002, "");
        let bound = store.bind(&domain("old.example"), &heir, None, Binding::Plain).unwrap();
        assert!(bound.key.as_str().parse::<u64>().is_ok(), "{}", bound.key);
    }
}
