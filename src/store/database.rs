//! Opening the database, its schema and its migrations.

use std::fs::File;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use crate::error::{Error, ErrorKind, Result};
use crate::sys::identity;

const NAME: &str = "panelgate.sqlite";

/// Everything that is committed is on the disk, unless [`Store::with_haste`] says otherwise.
const FULL: &str = "full";

/// Each step leads from the version of its position to the next one. Steps are never changed, only added.
const MIGRATIONS: [&str; 9] = [
    include_str!("schema-1.sql"),
    include_str!("schema-calls.sql"),
    include_str!("schema-4.sql"),
    include_str!("schema-publications.sql"),
    include_str!("schema-reached.sql"),
    include_str!("schema-travel.sql"),
    include_str!("schema-events.sql"),
    include_str!("schema-owner.sql"),
    include_str!("schema-ftp.sql"),
];

/// The database. It may be used from many threads; several processes may have it open.
pub struct Store {
    path: PathBuf,
    connection: Mutex<Connection>,
    log: Log,
}

/// SQLite's log of what was committed (`-wal`), for those who wait for the disk together.
#[derive(Default)]
struct Log {
    /// Held by whoever writes it to the disk.
    file: Mutex<Option<File>>,
    /// Commits so far that somebody waits for.
    committed: AtomicU64,
    /// Those of them that are on the disk.
    synced: AtomicU64,
}

impl Store {
    /// Opens the database in `dir`; makes it if there is none.
    ///
    /// # Errors
    /// [`ErrorKind::Store`] if it cannot be opened, is corrupt, or was written by a newer version.
    pub fn open(dir: &Path) -> Result<Self> {
        let path = dir.join(NAME);
        let fail = |error| failed(&path, "it cannot be opened", error);
        super::install_key::make_dir(dir).map_err(|error| {
            Error::new(ErrorKind::Store, format!("{}: it cannot be made", dir.display())).with_source(error)
        })?;
        super::install_key::check_directory(dir)?;
        keep_private(&path);
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_CREATE
            | OpenFlags::SQLITE_OPEN_NOFOLLOW
            | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut connection = Connection::open_with_flags(&path, flags).map_err(fail)?;
        connection.busy_timeout(Duration::from_secs(5)).map_err(fail)?;
        // WAL: readers never wait for a writer. A private trial opens the database anew for each click, mostly to read one row: it would make and
        // remove the two files of the log each time.
        let journal = if identity::uids().effective == 0 { "wal" } else { "delete" };
        // FULL: what is committed survives a power cut.
        for (name, value) in [("journal_mode", journal), ("synchronous", FULL), ("foreign_keys", "on")] {
            connection.pragma_update(None, name, value).or_else(tolerate_read_only).map_err(fail)?;
        }
        migrate(&path, &mut connection)?;
        Ok(Self { path, connection: Mutex::new(connection), log: Log::default() })
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

    /// As [`Store::with`], without waiting for the disk: what is written may be lost in a power cut, the database stays whole.
    pub(super) fn with_haste<T>(
        &self,
        what: &str,
        work: impl FnOnce(&mut Connection) -> rusqlite::Result<T>,
    ) -> Result<T> {
        self.with(what, |connection| {
            connection.pragma_update(None, "synchronous", "normal")?;
            let result = work(connection);
            connection.pragma_update(None, "synchronous", FULL)?;
            result
        })
    }

    /// As [`Store::with`]: what is written is on the disk when this returns. But nobody else waits for it meanwhile, and many who write at the same time wait
    /// once, together.
    pub(super) fn with_others<T>(
        &self,
        what: &str,
        work: impl FnOnce(&mut Connection) -> rusqlite::Result<T>,
    ) -> Result<T> {
        let mut log = self.path.as_os_str().to_owned();
        log.push("-wal");
        // A private trial's database has no such log.
        if identity::uids().effective != 0 {
            return self.with(what, work);
        }
        let result = self.with_haste(what, work)?;
        let mine = self.log.committed.fetch_add(1, Ordering::SeqCst) + 1;
        let mut file = self.log.file.lock().unwrap_or_else(PoisonError::into_inner);
        if self.log.synced.load(Ordering::SeqCst) >= mine {
            return Ok(result);
        }
        // What is committed stands in the log, or was brought to the disk when the log was emptied.
        let all = self.log.committed.load(Ordering::SeqCst);
        let open = |file: &mut Option<File>| -> std::io::Result<()> {
            if file.is_none() {
                *file = Some(File::open(&log)?);
            }
            file.as_ref().map_or(Ok(()), File::sync_data)
        };
        open(&mut file).map_err(|error| {
            let text = format!("{}: {what}: it does not get to the disk", self.path.display());
            Error::new(ErrorKind::Store, text).with_source(error)
        })?;
        self.log.synced.store(all, Ordering::SeqCst);
        Ok(result)
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
        // On a read-only file system even an immediate transaction is only a reading one.
        if self.with("it cannot be examined", |connection| connection.is_readonly("main"))? {
            let text =
                format!("{}: the database is read-only: make its file system writable", self.path.display());
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

/// Makes the database with mode 0600, or gives it that mode, whatever umask and directory say; SQLite gives its other files the same. What cannot be done
/// here, on a full or read-only file system, opening will say.
///
/// The file is not opened for it: closing it would end the locks that another connection of this process holds.
fn keep_private(path: &Path) {
    let mode = rustix::fs::Mode::from(0o600);
    let _ = rustix::fs::mknodat(rustix::fs::CWD, path, rustix::fs::FileType::RegularFile, mode, 0);
    for ending in ["", "-wal", "-shm"] {
        let mut file = path.as_os_str().to_owned();
        file.push(ending);
        let open = std::fs::symlink_metadata(&file)
            .is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o077 != 0);
        if open {
            let _ = std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600));
        }
    }
}

fn migrate(path: &Path, connection: &mut Connection) -> Result<()> {
    let fail = |error| failed(path, "its schema cannot be brought up to date", error);
    let version = |connection: &Connection| {
        connection.query_row("PRAGMA user_version", [], |row| row.get(0)).map(|number: u32| number as usize)
    };
    if version(connection).map_err(fail)? < MIGRATIONS.len() {
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

/// A database on a read-only file system can still be read, as long as SQLite's file beside it (`-shm`) is there.
fn tolerate_read_only(error: rusqlite::Error) -> rusqlite::Result<()> {
    match error.sqlite_error_code() {
        Some(rusqlite::ErrorCode::ReadOnly) => Ok(()),
        _ => Err(error),
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
        let dir = tempfile::tempdir().unwrap();
        let state = dir.path().join("state");
        Store::open(&state).unwrap().check().unwrap();
        Store::open(&state).unwrap().check().unwrap();
        assert_eq!(std::fs::metadata(&state).unwrap().permissions().mode() & 0o777, 0o700);
    }

    #[test]
    fn a_database_that_cannot_be_written_to_is_not_called_writable() {
        let dir = tempfile::tempdir().unwrap();
        drop(Store::open(dir.path()).unwrap());
        let path = dir.path().join(NAME);
        let connection = Connection::open_with_flags(&path, OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
        let store = Store { path, connection: Mutex::new(connection), log: Log::default() };
        let error = store.check().unwrap_err();
        assert!(error.to_string().contains("read-only"), "{error:?}");
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
    fn haste_ends_with_the_work_and_loses_nothing_when_the_process_ends() {
        let dir = tempfile::tempdir().unwrap();
        let synchronous = |connection: &mut Connection| {
            connection.query_row("PRAGMA synchronous", [], |row| row.get::<_, u32>(0))
        };
        let store = Store::open(dir.path()).unwrap();
        assert_eq!(store.with_haste("?", synchronous).unwrap(), 1);
        assert!(store.with_haste("?", |connection| connection.execute("no SQL", [])).is_err());
        assert_eq!(store.with("?", synchronous).unwrap(), 2);
        store
            .with_haste("?", |connection| connection.execute_batch("CREATE TABLE t AS SELECT 7 AS n"))
            .unwrap();
        drop(store);
        let again = Store::open(dir.path()).unwrap();
        assert_eq!(
            again.with("?", |c| c.query_row("SELECT n FROM t", [], |row| row.get::<_, u32>(0))).unwrap(),
            7
        );
    }

    #[test]
    fn who_waits_for_the_disk_together_has_written_too() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).unwrap();
        store.with("?", |c| c.execute_batch("CREATE TABLE t (n INTEGER)")).unwrap();
        std::thread::scope(|scope| {
            for number in 0..16 {
                let store = &store;
                scope.spawn(move || {
                    store.with_others("?", |c| c.execute("INSERT INTO t VALUES (?1)", [number])).unwrap()
                });
            }
        });
        let count =
            store.with("?", |c| c.query_row("SELECT count(*) FROM t", [], |row| row.get::<_, u32>(0)));
        assert_eq!(count.unwrap(), 16);
        assert_eq!(store.log.synced.load(Ordering::SeqCst), store.log.committed.load(Ordering::SeqCst));
        assert!(store.with_others("?", |c| c.execute("no SQL", [])).is_err());
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
