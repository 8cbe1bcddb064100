//! Opening the database, its schema and its migrations.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use crate::error::{Error, ErrorKind, Result};

const NAME: &str = "panelgate.sqlite";

/// A write-ahead log of this size goes into the database when it is closed: little enough that whoever opens it next soon has read it.
const LOG_BYTES: u64 = 512 * 1024;

/// Each step leads from the version of its position to the next one. Steps are never changed, only added.
const MIGRATIONS: [&str; 1] = [include_str!("schema-1.sql")];

/// The database. It may be used from many threads; several processes may have it open.
pub struct Store {
    path: PathBuf,
    connection: Mutex<Connection>,
}

impl Store {
    /// Opens the database in `dir`; makes it if there is none.
    ///
    /// # Errors
    /// [`ErrorKind::Store`] if it cannot be opened, is corrupt, or was written by a newer version.
    pub fn open(dir: &Path) -> Result<Self> {
        let path = dir.join(NAME);
        let fail = |error| failed(&path, "it cannot be opened", error);
        super::install_key::check_directory(dir)?;
        super::install_key::make_dir(dir).map_err(|error| {
            Error::new(ErrorKind::Store, format!("{}: it cannot be made", dir.display())).with_source(error)
        })?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_CREATE
            | OpenFlags::SQLITE_OPEN_NOFOLLOW
            | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut connection = Connection::open_with_flags(&path, flags).map_err(fail)?;
        connection.busy_timeout(Duration::from_secs(5)).map_err(fail)?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_FKEY, true).map_err(fail)?;
        // A process that does one thing and ends leaves the log to the next one, instead of writing everything twice and waiting for the disk. Who
        // finds much in it clears it up.
        let little =
            std::fs::metadata(dir.join(format!("{NAME}-wal"))).map_or(true, |log| log.len() < LOG_BYTES);
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, little).map_err(fail)?;
        // What is committed survives a power cut.
        connection.pragma_update(None, "synchronous", "full").map_err(fail)?;
        migrate(&path, &mut connection)?;
        Ok(Self { path, connection: Mutex::new(connection) })
    }

    /// Whether there is a database in `dir`.
    pub fn exists(dir: &Path) -> bool {
        dir.join(NAME).exists()
    }

    /// Does something with the database alone; `what` is for the error.
    pub(super) fn with<T>(
        &self,
        what: &str,
        work: impl FnOnce(&mut Connection) -> rusqlite::Result<T>,
    ) -> Result<T> {
        work(&mut self.lock()).map_err(|error| failed(&self.path, what, error))
    }

    /// Like [`Store::with`], for what the system log has as well: it does not wait for the disk. What is written survives the end of the process,
    /// but a power cut may take the last of it; nothing else suffers then.
    pub(super) fn with_unsynced<T>(
        &self,
        what: &str,
        work: impl FnOnce(&mut Connection) -> rusqlite::Result<T>,
    ) -> Result<T> {
        let mut connection = self.lock();
        let run = || {
            connection.pragma_update(None, "synchronous", "normal")?;
            let result = work(&mut connection);
            connection.pragma_update(None, "synchronous", "full")?;
            result
        };
        run().map_err(|error| failed(&self.path, what, error))
    }

    /// Whether the database is whole (`PRAGMA quick_check`) and can be written to; for the doctor.
    ///
    /// # Errors
    /// [`ErrorKind::Store`] with what is wrong.
    pub fn check(&self) -> Result<()> {
        let verdict: String = self.with("it cannot be examined", |connection| {
            connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))
        })?;
        if verdict != "ok" {
            let text = format!(
                "{}: the database is corrupt ({verdict}): restore it from a backup",
                self.path.display()
            );
            return Err(Error::new(ErrorKind::Store, text));
        }
        self.with("it cannot be written to", |connection| {
            connection.transaction_with_behavior(TransactionBehavior::Immediate)?.rollback()
        })
    }

    /// A panic while the lock was held leaves a transaction that SQLite has rolled back.
    fn lock(&self) -> MutexGuard<'_, Connection> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn migrate(path: &Path, connection: &mut Connection) -> Result<()> {
    let fail = |error| failed(path, "its schema cannot be brought up to date", error);
    let version = |connection: &Connection| {
        connection.query_row("PRAGMA user_version", [], |row| row.get(0)).map(|number: u32| number as usize)
    };
    if version(connection).map_err(fail)? < MIGRATIONS.len() {
        // Readers never wait for a writer. The database remembers this.
        connection.pragma_update(None, "journal_mode", "wal").map_err(fail)?;
        // Another process may be doing the same: the version is looked at again under the lock.
        let transaction =
            connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(fail)?;
        for (number, step) in MIGRATIONS.iter().enumerate().skip(version(&transaction).map_err(fail)?) {
            transaction.execute_batch(step).map_err(fail)?;
            transaction.pragma_update(None, "user_version", number as u32 + 1).map_err(fail)?;
        }
        transaction.commit().map_err(fail)?;
    }
    match version(connection).map_err(fail)? {
        known if known == MIGRATIONS.len() => Ok(()),
        newer => {
            let text = format!(
                "{}: the database is of version {newer}, this program knows {}: install the newer package again",
                path.display(),
                MIGRATIONS.len()
            );
            Err(Error::new(ErrorKind::Store, text))
        }
    }
}

fn failed(path: &Path, what: &str, error: rusqlite::Error) -> Error {
    Error::new(ErrorKind::Store, format!("{}: {what}", path.display())).with_source(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn made_once_and_private() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let state = dir.path().join("state");
        Store::open(&state).unwrap().check().unwrap();
        Store::open(&state).unwrap().check().unwrap();
        assert_eq!(std::fs::metadata(&state).unwrap().permissions().mode() & 0o777, 0o700);
    }

    #[test]
    fn only_the_audit_does_not_wait_for_the_disk() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).unwrap();
        let setting = |connection: &mut Connection, name: &str| {
            connection.query_row(&format!("PRAGMA {name}"), [], |row| {
                row.get::<_, String>(0).or_else(|_| row.get::<_, i64>(0).map(|number| number.to_string()))
            })
        };
        let synchronous = |connection: &mut Connection| setting(connection, "synchronous");
        for _ in 0..2 {
            assert_eq!(store.with("test", synchronous).unwrap(), "2");
            assert_eq!(store.with_unsynced("test", synchronous).unwrap(), "1");
            assert!(store.with_unsynced("test", |connection| connection.execute("nonsense", [])).is_err());
        }
        assert_eq!(store.with("test", |connection| setting(connection, "journal_mode")).unwrap(), "wal");
        assert_eq!(store.with("test", |connection| setting(connection, "foreign_keys")).unwrap(), "1");
    }

    #[test]
    fn a_log_that_was_left_is_read_and_does_not_grow_without_end() {
        let dir = tempfile::tempdir().unwrap();
        let entry = crate::store::AuditEntry { claimed: Some("x".repeat(400)), ..Default::default() };
        for _ in 0..300 {
            Store::open(dir.path()).unwrap().record(&entry).unwrap();
        }
        let query = crate::store::AuditQuery { limit: 1000, ..Default::default() };
        assert_eq!(Store::open(dir.path()).unwrap().audit(&query).unwrap().len(), 300);
        let log = std::fs::metadata(dir.path().join(format!("{NAME}-wal"))).map_or(0, |log| log.len());
        assert!(log < 2 * LOG_BYTES, "{log}");
    }

    #[test]
    fn many_processes_may_make_it_at_once() {
        let dir = tempfile::tempdir().unwrap();
        std::thread::scope(|scope| {
            let open = || Store::open(dir.path()).unwrap().check().unwrap();
            (0..8).for_each(|_| drop(scope.spawn(open)));
        });
    }

    #[test]
    fn corrupt_newer_and_linked_databases_are_one_clear_error() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(NAME);
        std::fs::write(&path, b"this is no database at all, but long enough to be looked at".repeat(100))
            .unwrap();
        let error = Store::open(dir.path()).err().unwrap();
        assert_eq!(error.kind(), ErrorKind::Store);
        assert!(error.chain().contains("panelgate.sqlite"), "{error:?}");

        std::fs::remove_file(&path).unwrap();
        drop(Store::open(dir.path()).unwrap());
        Connection::open(&path).unwrap().pragma_update(None, "user_version", 99).unwrap();
        assert!(Store::open(dir.path()).err().unwrap().to_string().contains("version 99"));

        std::fs::rename(&path, dir.path().join("real")).unwrap();
        std::os::unix::fs::symlink(dir.path().join("real"), &path).unwrap();
        assert_eq!(Store::open(dir.path()).err().unwrap().kind(), ErrorKind::Store);
    }
}
