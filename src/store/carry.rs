//! In whose homes projects lie at the moment, so that they are taken away again whatever happens.

use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::error::Result;
use crate::sys::{clock, random};
use crate::types::{Username, hex};

use super::Store;
use super::sites::{from_sql, to_sql, unreadable};

/// Projects that lie in an account's home for a backup of the panel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CarryRow {
    /// The account.
    pub account: Username,
    /// What the labels of these projects say.
    pub run: String,
    /// The panel's staging directory in which they may lie too.
    pub staging: Option<String>,
    /// How many backups of the panel run that they were put there for.
    pub uses: u64,
    /// Unix seconds of the last of them.
    pub begun: u64,
}

const COLUMNS: &str = "account, run, staging, uses, begun";

impl Store {
    /// Writes down that projects are going to lie in an account's home, before the first one does. Counts one more use of them, unless the last one is older
    /// than `life` seconds: then nobody will come any more who takes them away.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::Store`].
    pub fn begin_carry(&self, account: &Username, staging: Option<&str>, life: u64) -> Result<CarryRow> {
        let now = clock::unix_seconds();
        let sql = "INSERT INTO carries (account, run, staging, uses, begun) VALUES (?1, ?2, ?3, 1, ?4) \
                   ON CONFLICT (account) DO UPDATE SET staging = coalesce(?3, staging), begun = ?4, \
                   uses = CASE WHEN begun + ?5 < ?4 THEN 1 ELSE uses + 1 END";
        let run = hex(&random::bytes::<16>());
        self.with("a project's travel cannot be written down", |connection| {
            connection.execute(sql, params![account.as_str(), run, staging, to_sql(now), to_sql(life)])?;
            let row = one(connection, account)?;
            row.ok_or(rusqlite::Error::QueryReturnedNoRows)
        })
    }

    /// The projects in an account's home, if there are any.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::Store`].
    pub fn carry(&self, account: &Username) -> Result<Option<CarryRow>> {
        self.with("it cannot be read", |connection| one(connection, account))
    }

    /// Counts one use less; gives what is left.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::Store`].
    pub fn leave_carry(&self, account: &Username) -> Result<Option<CarryRow>> {
        let sql = "UPDATE carries SET uses = max(uses, 1) - 1 WHERE account = ?1";
        self.with("the end of a project's travel cannot be written down", |connection| {
            connection.execute(sql, [account.as_str()])?;
            one(connection, account)
        })
    }

    /// Forgets projects that were taken away, unless somebody has a use for them again.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::Store`].
    pub fn forget_carry(&self, row: &CarryRow) -> Result<()> {
        let sql = "DELETE FROM carries WHERE account = ?1 AND run = ?2 AND uses = ?3 AND begun = ?4";
        let values = params![row.account.as_str(), row.run, to_sql(row.uses), to_sql(row.begun)];
        self.with("it cannot be forgotten", |connection| connection.execute(sql, values).map(drop))
    }

    /// Those that nobody has a use for, or whose last use began more than `life` seconds ago.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::Store`].
    pub fn stale_carries(&self, life: u64) -> Result<Vec<CarryRow>> {
        let sql = format!("SELECT {COLUMNS} FROM carries WHERE uses = 0 OR begun + ?1 < ?2");
        self.with("it cannot be read", |connection| {
            let mut statement = connection.prepare_cached(&sql)?;
            let rows = statement.query_map(params![to_sql(life), to_sql(clock::unix_seconds())], read)?;
            rows.collect()
        })
    }
}

fn one(connection: &Connection, account: &Username) -> rusqlite::Result<Option<CarryRow>> {
    let sql = format!("SELECT {COLUMNS} FROM carries WHERE account = ?1");
    connection.query_row(&sql, [account.as_str()], read).optional()
}

fn read(row: &Row<'_>) -> rusqlite::Result<CarryRow> {
    let account: String = row.get(0)?;
    Ok(CarryRow {
        account: Username::new(&account).map_err(|error| unreadable(0, error))?,
        run: row.get(1)?,
        staging: row.get(2)?,
        uses: from_sql(row.get(3)?),
        begun: from_sql(row.get(4)?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uses_are_counted_and_what_nobody_ends_goes_stale() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).unwrap();
        let alice = Username::new("alice").unwrap();
        assert_eq!(store.leave_carry(&alice).unwrap(), None);
        let first = store.begin_carry(&alice, None, 100).unwrap();
        let second = store.begin_carry(&alice, Some("/x"), 100).unwrap();
        assert_eq!((first.uses, second.uses, &second.run), (1, 2, &first.run));
        assert_eq!(second.staging.as_deref(), Some("/x"));
        assert_eq!(store.leave_carry(&alice).unwrap().unwrap().uses, 1);
        assert!(store.stale_carries(100).unwrap().is_empty());
        let last = store.leave_carry(&alice).unwrap().unwrap();
        assert_eq!((last.uses, store.stale_carries(100).unwrap()), (0, vec![last.clone()]));
        store.begin_carry(&alice, None, 100).unwrap();
        store.forget_carry(&last).unwrap();
        assert!(store.carry(&alice).unwrap().is_some(), "somebody has a use for it again");
        let sql = "UPDATE carries SET begun = begun - 1000, uses = 7";
        store.with("?", |connection| connection.execute(sql, [])).unwrap();
        assert_eq!(store.stale_carries(100).unwrap().len(), 1);
        let again = store.begin_carry(&alice, None, 100).unwrap();
        assert_eq!((again.uses, &again.run), (1, &first.run));
        store.forget_carry(&again).unwrap();
        assert_eq!(store.carry(&alice).unwrap(), None);
    }
}
