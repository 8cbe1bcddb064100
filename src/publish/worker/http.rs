//! Requests of type `http` (`reference/builder-api.md` 6.4): reading the body, working on files, writing the whole answer.
//!
//! The answer is written by the worker itself, to the descriptor that the web server gave to the CGI program. Its words are for a customer.

use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::OFlags;
use rustix::io::Errno;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::error::{Error, ErrorKind, Result};
use crate::limits;
use crate::publish::confine::{Fault, FaultKind, Item, Kind, Modes};
use crate::publish::journal::{self, Closed, Past, Recovery, Steps, Temps};
use crate::sys::sandbox::{self, Wall};
use crate::types::{RelPath, SiteKey};

use super::{Assignment, FileTask, Manage};

/// What the builder may ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verb {
    /// Put a file, whose content is the body.
    Put,
    /// Remove a file or an empty directory.
    Delete,
    /// Make a directory.
    MakeDir,
    /// List a directory.
    List,
}

/// The document root that this process works in.
pub(super) struct Site {
    files: Mutex<journal::Site>,
    temps: Temps,
    steps: Steps,
}

/// How long a worker waits for the one before it, which may still be closing the publication.
const PATIENCE: Duration = Duration::from_secs(6);

impl Site {
    /// Opens it, as the account. Waits a moment for another worker of the site that is ending.
    pub(super) fn open(assignment: &Assignment) -> Result<Self> {
        let Assignment { state, uid, home, document_root, .. } = assignment;
        let key = SiteKey::stored(state.clone())
            .ok_or_else(|| Error::new(ErrorKind::Internal, "the site's state has an impossible name"))?;
        let end = Instant::now() + PATIENCE;
        let files = loop {
            match journal::Site::open(home, document_root, *uid, &key, Modes::default()) {
                Err(fault) if fault.kind() == FaultKind::Busy && Instant::now() < end => {
                    std::thread::sleep(Duration::from_millis(50));
                }
                other => break other.map_err(|fault| error_of(&fault))?,
            }
        };
        let (temps, steps) = (files.temps(), files.steps());
        Ok(Self { files: Mutex::new(files), temps, steps })
    }

    /// Lets this process reach nothing but the document root and the state of its publications.
    pub(super) fn confine(&self) -> io::Result<Wall> {
        let files = self.files();
        sandbox::confine_below(&[files.root().as_fd(), files.state().as_fd()])
    }

    /// What is done with the files.
    pub(super) fn steps(&self) -> &Steps {
        &self.steps
    }

    /// What a worker that was killed had left, in words for the log.
    pub(super) fn recovered(&self) -> Vec<Recovery> {
        self.files().recovered().to_vec()
    }

    /// Carries out a request and answers it. Says what it has done.
    pub(super) fn serve(&self, task: &FileTask, input: &OwnedFd, output: &OwnedFd) -> Value {
        let mut body = Body::new(input.as_fd(), task.length);
        let done = RelPath::below_route(task.path.as_bytes())
            .map_err(Fault::from)
            .map_err(Refusal::of)
            .and_then(|path| self.carry_out(task.verb, &path, &mut body, output.as_fd()));
        let (status, text) = match done {
            Ok(text) => (200, text),
            Err(refusal) => {
                // Some servers lose an answer that comes before the body was read.
                body.drop_rest();
                (refusal.status, refusal.text)
            }
        };
        let answered = answer(output.as_fd(), status, task.verb, &text).is_ok();
        json!({ "verb": task.verb, "status": status, "bytes": body.read, "answered": answered })
    }

    fn carry_out(
        &self,
        verb: Verb,
        path: &RelPath,
        body: &mut Body<'_>,
        output: BorrowedFd<'_>,
    ) -> Result<String, Refusal> {
        match verb {
            Verb::Put => self.put(path, body, output),
            Verb::Delete => self.files().delete(path).map(|_| String::new()).map_err(Refusal::of),
            Verb::MakeDir => self.files().make_dir(path).map(|_| String::new()).map_err(Refusal::of),
            Verb::List => {
                let items = self.files().list(path).map_err(Refusal::of)?;
                list(items)
            }
        }
    }

    /// The body goes into a temporary file first; no lock is held meanwhile, so that files that are put at once do not wait for each other.
    fn put(&self, path: &RelPath, body: &mut Body<'_>, output: BorrowedFd<'_>) -> Result<String, Refusal> {
        if path.is_root() {
            return Err(Refusal::of(Fault::new(FaultKind::IsDirectory, path)));
        }
        let mut file = self.temps.create().map_err(Refusal::of)?;
        let mut buffer = vec![0; 64 * 1024];
        loop {
            match body.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => {
                    file.write_all(&buffer[..count]).map_err(|error| Refusal::of(Fault::io(error, path)))?
                }
                Err(short) => return Err(short),
            }
        }
        // Who has gone away has not published anything.
        if has_hung_up(output) {
            return Err(Refusal {
                status: 400,
                text: "The connection was closed before the file was in place.".into(),
            });
        }
        self.files().put(path, file).map(|_| String::new()).map_err(Refusal::of)
    }

    /// Does something with the publications as a whole. What is changed, changes what is complete: an open publication is closed before.
    pub(super) fn manage(&self, what: Manage) -> Result<Value> {
        let mut files = self.files();
        let result = match what {
            Manage::Status => files.status().map(serde_json::to_value),
            Manage::History => files.history().map(|history| serde_json::to_value(newest(history))),
            Manage::Undo => files.close_window().and_then(|_| files.undo()).map(serde_json::to_value),
            Manage::Unpublish => {
                files.close_window().and_then(|_| files.unpublish()).map(serde_json::to_value)
            }
        };
        result.map_err(|fault| error_of(&fault))?.map_err(|error| {
            Error::new(ErrorKind::Internal, "the result cannot be written").with_source(error)
        })
    }

    /// Takes over what the builder published before.
    pub(super) fn adopt(&self) -> Result<Value> {
        let adopted = self.files().adopt().map_err(|fault| error_of(&fault))?;
        serde_json::to_value(adopted).map_err(|error| {
            Error::new(ErrorKind::Internal, "the result cannot be written").with_source(error)
        })
    }

    /// Closes the publication: from now on it is on the disk, and the next request begins another.
    pub(super) fn close(&self) -> Result<Option<Closed>> {
        self.files().close_window().map_err(|fault| error_of(&fault))
    }

    /// A panic elsewhere leaves the journal, which is made for that.
    pub(super) fn files(&self) -> MutexGuard<'_, journal::Site> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The newest publications, as many as fit into a message.
fn newest(mut history: Vec<Past>) -> Vec<Past> {
    const FIT: usize = 200;
    history.drain(..history.len().saturating_sub(FIT));
    history
}

/// A fault as an error.
pub(super) fn error_of(fault: &Fault) -> Error {
    let kind = match fault.kind() {
        FaultKind::Busy => ErrorKind::TooMany,
        FaultKind::Nothing => ErrorKind::NothingPublished,
        _ if fault.is_space() => ErrorKind::NoSpace,
        _ if fault.is_refusal() => ErrorKind::DocumentRoot,
        _ => ErrorKind::Internal,
    };
    Error::new(kind, fault.detail())
}

/// Why a request is not carried out, for the customer.
struct Refusal {
    status: u16,
    text: String,
}

impl Refusal {
    #[allow(clippy::needless_pass_by_value)] // It is what map_err gives.
    fn of(fault: Fault) -> Self {
        let status = match () {
            () if fault.is_space() => 507,
            () if fault.is_refusal() => 403,
            () => 500,
        };
        Self { status, text: fault.to_string() }
    }
}

/// The names in a directory, as the builder wants them.
fn list(items: Vec<Item>) -> Result<String, Refusal> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Line {
        name: String,
        is_dir: bool,
        #[serde(skip_serializing_if = "Option::is_none")]
        size: Option<u64>,
    }
    let lines = items.into_iter().map(|item| Line {
        is_dir: item.facts.kind == Kind::Dir,
        size: (item.facts.kind == Kind::File).then_some(item.facts.size),
        name: item.name,
    });
    serde_json::to_string(&lines.collect::<Vec<_>>())
        .map_err(|_| Refusal { status: 500, text: "The list cannot be written.".into() })
}

/// The body of a request: as many bytes as were announced, and never more.
struct Body<'a> {
    fd: BorrowedFd<'a>,
    length: u64,
    read: u64,
    end: Instant,
}

impl<'a> Body<'a> {
    fn new(fd: BorrowedFd<'a>, length: u64) -> Self {
        Self { fd, length, read: 0, end: Instant::now() + limits::PUT_TIME }
    }

    /// Reads on; 0 when everything was read.
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Refusal> {
        let cut = |read: u64, length: u64| Refusal {
            status: 400,
            text: format!("Only {read} of {length} bytes of the file arrived; nothing was changed."),
        };
        let room = usize::try_from(self.length - self.read).unwrap_or(usize::MAX).min(buffer.len());
        if room == 0 {
            return Ok(0);
        }
        loop {
            let end = self.end.min(Instant::now() + limits::PUT_SILENCE);
            if !is_ready(self.fd, PollFlags::IN, end) {
                return Err(cut(self.read, self.length));
            }
            match rustix::io::read(self.fd, &mut buffer[..room]) {
                Ok(0) => return Err(cut(self.read, self.length)),
                Ok(count) => {
                    self.read += count as u64;
                    return Ok(count);
                }
                Err(Errno::INTR | Errno::AGAIN) => {}
                Err(_) => return Err(cut(self.read, self.length)),
            }
        }
    }

    /// Reads and drops what is left, within bounds.
    fn drop_rest(&mut self) {
        self.length = self.length.min(self.read + limits::ENDPOINT_DRAIN_BYTES);
        self.end = self.end.min(Instant::now() + limits::ENDPOINT_DRAIN_TIME);
        let mut buffer = vec![0; 64 * 1024];
        while matches!(self.read(&mut buffer), Ok(1..)) {}
    }
}

/// Waits until something can be read or written, or is over; false when the time is up.
fn is_ready(fd: BorrowedFd<'_>, flags: PollFlags, end: Instant) -> bool {
    loop {
        let left = end.saturating_duration_since(Instant::now());
        let Ok(timeout) = Timespec::try_from(left) else { return false };
        match poll(&mut [PollFd::from_borrowed_fd(fd, flags)], Some(&timeout)) {
            Ok(count) => return count > 0,
            Err(Errno::INTR) => {}
            Err(_) => return true,
        }
    }
}

/// Whether nobody can read the answer any more.
fn has_hung_up(fd: BorrowedFd<'_>) -> bool {
    let mut fds = [PollFd::from_borrowed_fd(fd, PollFlags::empty())];
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    poll(&mut fds, Some(&now)).is_ok() && fds[0].revents().intersects(PollFlags::HUP | PollFlags::ERR)
}

/// Writes the whole answer as a CGI program does (RFC 3875 6).
fn answer(output: BorrowedFd<'_>, status: u16, verb: Verb, text: &str) -> io::Result<()> {
    let reason = match status {
        200 => "OK",
        400 => "Bad Request",
        403 => "Forbidden",
        507 => "Insufficient Storage",
        _ => "Internal Server Error",
    };
    let media =
        if verb == Verb::List && status == 200 { "application/json" } else { "text/plain; charset=utf-8" };
    let mut bytes = format!(
        "Status: {status} {reason}\r\nContent-Type: {media}\r\nContent-Length: {}\r\nCache-Control: no-store\r\n\
         X-Content-Type-Options: nosniff\r\n\r\n",
        text.len()
    )
    .into_bytes();
    bytes.extend_from_slice(text.as_bytes());
    // The web server may be slower than we are, and must not stop this thread for ever.
    let flags = rustix::fs::fcntl_getfl(output)?;
    rustix::fs::fcntl_setfl(output, flags | OFlags::NONBLOCK)?;
    let mut rest = bytes.as_slice();
    while !rest.is_empty() {
        if !is_ready(output, PollFlags::OUT, Instant::now() + limits::PUT_SILENCE) {
            return Err(io::ErrorKind::TimedOut.into());
        }
        match rustix::io::write(output, rest) {
            Ok(count) => rest = &rest[count..],
            Err(Errno::INTR | Errno::AGAIN) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
    Ok(())
}
