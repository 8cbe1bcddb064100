//! The worker: a process of the account that writes below one document root.
//!
//! Whoever needs files below a home touched (the broker; root's command line) runs this program again as `panelgate worker`, with one socket as its
//! standard input and nothing else. The worker drops to the account, puts up its walls, opens the document root itself, and takes orders through
//! that socket, each with the descriptors that it needs. Everything that it reports is the account's word, not ours.

mod archive;
mod carry;
mod http;
mod process;

use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::{Error, ErrorKind, Result};
use crate::sys::descriptors;
use crate::types::quote;

use super::carry::Errand;

pub use http::Verb;
pub use process::{Seen, look, main};

/// Whether the running program is the command line program, and so can be a worker.
static IS_THIS_PROGRAM: AtomicBool = AtomicBool::new(false);

/// Says that the running program is a worker when it is started with the argument `worker`.
pub fn this_program_is_one() {
    IS_THIS_PROGRAM.store(true, Ordering::Relaxed);
}

/// The program to start. The running one has the same version as this process, whatever has been installed in its place meanwhile.
pub(super) fn program(configured: &Path) -> &Path {
    if IS_THIS_PROGRAM.load(Ordering::Relaxed) { Path::new("/proc/self/exe") } else { configured }
}

/// Starts a worker, which waits for its first message at the other end of the socket.
pub(super) fn start(program: &Path) -> Result<(Child, OwnedFd)> {
    let fail = |error: std::io::Error| {
        Error::new(ErrorKind::Internal, format!("{}: the worker cannot be started", program.display()))
            .with_source(error)
    };
    let (socket, theirs) = descriptors::message_pair().map_err(fail)?;
    // Its standard error would be a way of an account's process to write into the log.
    let child = Command::new(program)
        .arg("worker")
        .env_clear()
        .current_dir("/")
        .stdin(Stdio::from(theirs))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .map_err(fail)?;
    Ok((child, socket))
}

/// The first message to a worker: what it is for.
#[derive(Deserialize)]
#[serde(untagged)]
enum First {
    /// The publications of a site.
    Site(Assignment),
    /// One errand in a home.
    Errand(Box<Errand>),
}

/// Which document root a worker is for, and as whom it runs. It is what the panel says, never what a request says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assignment {
    /// The number under which the site's state lies below the home: the same as long as the site is this account's.
    pub state: String,
    /// The account's user name.
    pub account: String,
    /// Its uid.
    pub uid: u32,
    /// Its own group.
    pub gid: u32,
    /// Its home directory.
    pub home: PathBuf,
    /// The site's document root, below the home.
    pub document_root: PathBuf,
}

/// What a worker is told to do.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "lowercase")]
pub enum Task {
    /// A request of the builder's: the two descriptors of the request come with it, and the worker writes the whole answer.
    File(FileTask),
    /// A publication by archive: the archive comes with it, as a file to read.
    Apply,
    /// Something about the publication as a whole; the result comes back as JSON.
    Manage {
        /// What.
        what: Manage,
    },
    /// Take over what the builder published before; the result comes back as JSON.
    Adopt,
}

/// One request of type `http` (`reference/builder-api.md` 6.4).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct FileTask {
    /// What is to be done.
    pub verb: Verb,
    /// With what: the path behind the site's route, as it came.
    pub path: String,
    /// Length of the body in bytes.
    pub length: u64,
}

impl Task {
    /// Whether it is about files of the account alone, and nobody at the other end of a connection makes it slow: it must go on then.
    pub(super) fn must_go_on(&self) -> bool {
        !matches!(self, Self::File(_))
    }
}

/// What can be done with a site's publications.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Manage {
    /// What is published, and since when.
    Status,
    /// The publications so far.
    History,
    /// Back to the publication before.
    Undo,
    /// Remove what was published, and put back what was moved aside for it.
    Unpublish,
}

/// A task with the number under which its report comes.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Order {
    /// The number; not 0.
    pub(super) id: u64,
    /// The task.
    pub(super) task: Task,
}

/// What a worker says about an order: exactly one of the three is there. Number 0 is the worker itself: ready, or why not.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Report {
    /// The order's number.
    pub(super) id: u64,
    /// Its result.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) ok: Option<Value>,
    /// Why there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) error: Option<Failure>,
    /// It is not done yet: how many steps the worker has done so far.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) steps: Option<u64>,
}

/// An error on its way from a worker.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Failure {
    /// Stable name of the kind.
    kind: String,
    /// What happened.
    message: String,
}

impl Manage {
    /// The word for it: protocol, command line, log.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Status => "status",
            Self::History => "history",
            Self::Undo => "undo",
            Self::Unpublish => "unpublish",
        }
    }
}

impl Report {
    pub(super) fn of(id: u64, result: Result<Value>) -> Self {
        match result {
            Ok(value) => Self { id, ok: Some(value), ..Self::default() },
            Err(error) => {
                let failure = Failure { kind: error.kind().name().to_owned(), message: error.chain() };
                Self { id, error: Some(failure), ..Self::default() }
            }
        }
    }

    /// That an order goes on.
    pub(super) fn going_on(id: u64, steps: u64) -> Self {
        Self { id, steps: Some(steps), ..Self::default() }
    }

    /// The result, with what an account may have written into it made harmless.
    pub(super) fn into_result(self) -> Result<Value> {
        match (self.ok, self.error) {
            (Some(value), None) => Ok(value),
            (None, Some(failure)) => {
                let kind = ErrorKind::by_name(&failure.kind).unwrap_or(ErrorKind::Internal);
                Err(Error::new(kind, format!("the worker says: {}", quote(&failure.message))))
            }
            _ => Err(Error::new(ErrorKind::Internal, "the worker's report is neither a result nor an error")),
        }
    }
}
