//! Projects in a home: what a worker of the account puts there for the panel's own backup, finds there after a restore, and takes away.
//!
//! ```text
//! ~/.panelgate/backup/shop.example.sitebuilder     a project that the panel's backup shall take along, or that came back with a restore
//! ~/.panelgate/backup/shop.example.json            its label
//! ~/.panelgate/backup/0123456789abcdef.tmp         one that is being written
//! ~/.panelgate/restored/                           the same: what came back, moved out of the way of the next backup
//! ```
//!
//! The worker is a process for one errand, with the walls of those that publish. It gets a project by a descriptor, and gives one away through a pipe; it
//! never hears a path but those of home and staging directory, which root says. What it tells, and what lies there, is the account's word.

use std::fs::File;
use std::io::PipeReader;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::process::Child;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::{Error, ErrorKind, Result};
use crate::limits;
use crate::sys::descriptors;
use crate::types::{Domain, quote};

use super::worker::{self, Report};

/// Whose home it is, and as whom the worker works there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Carrier {
    /// The account's user name.
    pub account: String,
    /// Its uid.
    pub uid: u32,
    /// Its own group.
    pub gid: u32,
    /// Its home directory.
    pub home: PathBuf,
    /// Another directory than the home: where the panel gathers what it is going to pack. It must be the account's.
    pub staging: Option<PathBuf>,
}

/// What a worker is to do.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "lowercase")]
pub enum What {
    /// Put a project there, which comes as an open file.
    Put {
        /// Of which site.
        site: Domain,
        /// What is known about it.
        label: Label,
    },
    /// Say what lies there, in the order of shelves and sites: as much as fits into an answer.
    List {
        /// Of this site alone.
        site: Option<Domain>,
        /// What comes after this place.
        after: Option<(Shelf, Domain)>,
    },
    /// Write a project into a pipe that comes with the errand.
    Take {
        /// Of which site.
        site: Domain,
        /// From where.
        shelf: Shelf,
    },
    /// Take away what a run has put there.
    Clear {
        /// Which run.
        run: String,
    },
}

/// What is known about a project, in a file beside it. In a home it is the account's word, but for the seal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Label {
    /// Which run has put it there; other ones came back with a restore.
    pub run: String,
    /// When the backup was made, in Unix seconds.
    pub made: u64,
    /// Bytes.
    pub size: u64,
    /// SHA-256 in hexadecimal digits.
    pub sha256: String,
    /// Made of site and all of the above but the run with this server's key.
    pub seal: String,
}

/// A directory for projects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Shelf {
    /// What goes into the next backup, or came back with the last restore.
    Backup,
    /// What came back earlier.
    Restored,
}

impl Shelf {
    /// The directory's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Backup => "backup",
            Self::Restored => "restored",
        }
    }
}

/// A project that lies in a home.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Found {
    /// Of which site, by its name.
    pub site: Domain,
    /// Where.
    pub shelf: Shelf,
    /// Bytes.
    pub size: u64,
    /// Its label, if there is one.
    pub label: Option<Label>,
    /// Why it cannot be taken.
    pub refused: Option<String>,
}

/// A worker's errand.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Errand {
    pub(super) carrier: Carrier,
    pub(super) what: What,
}

/// A worker on its errand. Dropped before its end, it is killed.
pub struct Running {
    child: Child,
    socket: OwnedFd,
    account: String,
}

/// Lets a worker do something with a project's file; gives what it says.
///
/// # Errors
/// [`ErrorKind::NoSpace`], [`ErrorKind::BackupFailed`] and others that the worker tells; [`ErrorKind::Unavailable`] if it cannot work, or not in time.
pub fn run(
    program: &Path,
    carrier: &Carrier,
    what: What,
    file: Option<&File>,
    time: Duration,
) -> Result<Value> {
    let fds: Vec<BorrowedFd<'_>> = file.iter().map(|file| file.as_fd()).collect();
    Running::start(program, carrier, what, &fds)?.finish(Instant::now() + time)
}

/// Lets a worker write a project into a pipe.
///
/// # Errors
/// As [`run`].
pub fn take(program: &Path, carrier: &Carrier, site: &Domain, shelf: Shelf) -> Result<(Running, PipeReader)> {
    let (reader, writer) = std::io::pipe()
        .map_err(|error| Error::new(ErrorKind::Internal, "no pipe can be made").with_source(error))?;
    let running =
        Running::start(program, carrier, What::Take { site: site.clone(), shelf }, &[writer.as_fd()])?;
    Ok((running, reader))
}

/// Whether something can be read from a pipe, or is over; false when the time is up.
pub fn is_readable(fd: impl AsFd, end: Instant) -> bool {
    loop {
        let left = end.saturating_duration_since(Instant::now());
        let Ok(timeout) = Timespec::try_from(left) else { return false };
        match poll(&mut [PollFd::from_borrowed_fd(fd.as_fd(), PollFlags::IN)], Some(&timeout)) {
            Ok(count) => return count > 0,
            Err(rustix::io::Errno::INTR) => {}
            Err(_) => return true,
        }
    }
}

impl Running {
    fn start(program: &Path, carrier: &Carrier, what: What, fds: &[BorrowedFd<'_>]) -> Result<Self> {
        let errand = Errand { carrier: carrier.clone(), what };
        let text = serde_json::to_vec(&errand).map_err(|error| {
            Error::new(ErrorKind::BackupFailed, "the home or staging directory has a name that is not UTF-8")
                .with_source(error)
        })?;
        let (child, socket) = worker::start(worker::program(program))?;
        let running = Self { child, socket, account: carrier.account.clone() };
        descriptors::send(&running.socket, &text, fds, false)
            .map_err(|error| running.lost("it cannot be told what to do").with_source(error))?;
        Ok(running)
    }

    /// Waits until it is done.
    ///
    /// # Errors
    /// As [`run`].
    pub fn finish(mut self, end: Instant) -> Result<Value> {
        if !is_readable(&self.socket, end) {
            return Err(self.lost("its time is up"));
        }
        let mut buffer = vec![0; limits::WORKER_MESSAGE_BYTES];
        let received = descriptors::receive(&self.socket, &mut buffer, false)
            .map_err(|error| self.lost("it was ended").with_source(error))?;
        if received.bytes == 0 || received.is_cut || !received.fds.is_empty() {
            return Err(self.lost("it was ended"));
        }
        let report: Report = serde_json::from_slice(&buffer[..received.bytes]).map_err(|error| {
            self.lost(&format!("it says what nobody asked: {}", quote(&error.to_string())))
        })?;
        self.reap(Duration::from_secs(2));
        report.into_result()
    }

    fn lost(&self, why: &str) -> Error {
        Error::new(ErrorKind::Unavailable, format!("the worker of account {} is lost: {why}", self.account))
    }

    /// Waits for its end; one that does not come is brought about.
    fn reap(&mut self, patience: Duration) {
        let end = Instant::now() + patience;
        let mut pause = Duration::from_millis(1);
        // Whoever uses the library may have waited for it already.
        while let Ok(None) = self.child.try_wait() {
            if Instant::now() >= end {
                let _ = self.child.kill();
            }
            // One that the kernel keeps, as on a dead file server, keeps nobody else.
            if Instant::now() >= end + Duration::from_secs(2) {
                log::error!("the worker of account {} cannot be ended", self.account);
                return;
            }
            std::thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_millis(100));
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            self.reap(Duration::ZERO);
        }
    }
}
