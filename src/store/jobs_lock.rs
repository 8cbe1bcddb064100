//! The lock by which one program at a time runs jobs.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::fs::FlockOperation;
use rustix::io::Errno;

use crate::error::{Error, ErrorKind, Result};
use crate::limits;

/// Held for as long as the value lives; it ends with the process, however that ends.
pub struct JobsLock {
    _file: File,
}

impl JobsLock {
    /// Takes the lock in the state directory; `None` if another process has it.
    ///
    /// # Errors
    /// [`ErrorKind::Store`] if the file cannot be made.
    pub fn take(dir: &Path) -> Result<Option<Self>> {
        let path = file_in(dir);
        let fail = |error: std::io::Error| {
            Error::new(ErrorKind::Store, format!("{}: it cannot be locked", path.display()))
                .with_source(error)
        };
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .custom_flags(libc::O_NOFOLLOW)
            .open(&path)
            .map_err(fail)?;
        let lock = |operation| match rustix::fs::flock(&file, operation) {
            Ok(()) => Ok(true),
            Err(Errno::WOULDBLOCK) => Ok(false),
            Err(error) => Err(fail(error.into())),
        };
        let end = Instant::now() + limits::JOBS_LOCK_TIME;
        loop {
            if lock(FlockOperation::NonBlockingLockExclusive)? {
                return Ok(Some(Self { _file: file }));
            }
            // Whoever only looks shares the lock for a moment ([`JobsLock::is_held`]); whoever runs jobs does not share it.
            if !lock(FlockOperation::NonBlockingLockShared)? || Instant::now() >= end {
                return Ok(None);
            }
            lock(FlockOperation::Unlock)?;
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// Whether a process holds it. Looking makes no file.
    pub fn is_held(dir: &Path) -> bool {
        let Ok(file) = File::open(file_in(dir)) else { return false };
        rustix::fs::flock(&file, FlockOperation::NonBlockingLockShared) == Err(Errno::WOULDBLOCK)
    }
}

fn file_in(dir: &Path) -> PathBuf {
    dir.join("jobs.lock")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_holds_it_and_others_see_that() {
        let dir = tempfile::tempdir().unwrap();
        assert!(!JobsLock::is_held(dir.path()));
        let held = JobsLock::take(dir.path()).unwrap().unwrap();
        assert!(JobsLock::is_held(dir.path()));
        assert!(JobsLock::take(dir.path()).unwrap().is_none());
        drop(held);
        assert!(!JobsLock::is_held(dir.path()));
        assert!(JobsLock::take(dir.path()).unwrap().is_some());
    }

    #[test]
    fn who_only_looks_is_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        drop(JobsLock::take(dir.path()).unwrap());
        let looks = File::open(file_in(dir.path())).unwrap();
        rustix::fs::flock(&looks, FlockOperation::LockShared).unwrap();
        std::thread::scope(|scope| {
            let (started, starts) = std::sync::mpsc::channel();
            let path = dir.path();
            let taken = scope.spawn(move || {
                started.send(()).unwrap();
                JobsLock::take(path).unwrap().is_some()
            });
            starts.recv().unwrap();
            drop(looks);
            assert!(taken.join().unwrap());
        });
    }
}
