//! The other end of the socket.

use std::fs::File;
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::error::{Error, ErrorKind, Result};
use crate::limits;
use crate::ops::backup::{ProjectFile, ProjectWish, Seen, SeenFile, SeenJob};
use crate::ops::endpoint::{Head, ManageRequest, Reply};
use crate::ops::event::{EventAnswer, RefreshRequest};
use crate::ops::internal::Word;
use crate::ops::{CallRequest, OpenRequest, Overview, OverviewRequest, Session};
use crate::store::Queued;
use crate::sys::descriptors;
use crate::types::Reference;

use super::long;
use super::protocol::{self, Answer, Request, VERSION};
use super::wire::{
    Admitted, BackupArgs, CallArgs, ManageArgs, OpenArgs, Opened, OverviewArgs, PublishArgs, RefreshArgs,
    WireOverview,
};

/// The use cases, done by the broker. Each call is one connection, so a value may be used from many threads and outlives restarts of the broker.
pub struct Remote {
    socket: PathBuf,
}

impl Remote {
    /// The broker behind a socket; nothing is connected yet.
    pub fn new(socket: &Path) -> Self {
        Self { socket: socket.to_owned() }
    }

    /// Asks for an operation by name.
    ///
    /// # Errors
    /// What the broker answers; [`ErrorKind::Unavailable`] if it cannot be reached, is not root's, or does not answer.
    pub fn call(&self, op: &str, reference: Option<Reference>, args: &impl Serialize) -> Result<Value> {
        let end = Instant::now() + limits::BROKER_CALL_TIME;
        self.exchange(op, reference, args, end).map(|(value, _)| value)
    }

    /// Asks whether a request of the builder's may be carried out.
    ///
    /// # Errors
    /// As [`Remote::call`].
    pub fn publish(&self, head: &Head) -> Result<Admission<'_>> {
        let end = Instant::now() + limits::BROKER_CALL_TIME;
        let (value, stream) = self.exchange("publish", Some(head.reference), &PublishArgs::of(head), end)?;
        let malformed =
            |error: serde_json::Error| self.unavailable("its answer is malformed").with_source(error);
        match serde_json::from_value(value).map_err(malformed)? {
            Admitted { go: true, answer: None, action: None } => {
                Ok(Admission::Go(HandOver { remote: self, stream, end }))
            }
            Admitted { go: false, answer: Some(reply), action: None } => Ok(Admission::Answer(reply)),
            Admitted { go: false, answer: None, action: Some(word) } => Ok(Admission::Action(word)),
            Admitted { .. } => Err(self.unavailable("its answer is neither yes nor the answer itself")),
        }
    }

    /// Does something with a site's publications; see [`crate::gateway::Gateway::manage`].
    ///
    /// # Errors
    /// See [`ErrorKind`].
    pub fn manage(&self, request: &ManageRequest) -> Result<Value> {
        self.call(request.operation().name(), Some(request.reference), &ManageArgs::of(request))
    }

    /// One request and its answer; the connection is still open at this end.
    fn exchange(
        &self,
        op: &str,
        reference: Option<Reference>,
        args: &impl Serialize,
        end: Instant,
    ) -> Result<(Value, UnixStream)> {
        let stream = self.connect(end)?;
        self.say(&stream, op, reference, args)?;
        Ok((self.hear(&stream, end)?, stream))
    }

    /// Sends a request.
    fn say(
        &self,
        stream: &UnixStream,
        op: &str,
        reference: Option<Reference>,
        args: &impl Serialize,
    ) -> Result<()> {
        let reference = reference.map(|reference| reference.to_string());
        let args = serde_json::value::to_raw_value(args).map_err(|error| {
            Error::new(ErrorKind::Internal, "the request cannot be written").with_source(error)
        })?;
        let request = Request { v: VERSION, op: op.to_owned(), reference, args: Some(args) };
        let sent = stream
            .set_write_timeout(Some(limits::FRAME_TIME))
            .and_then(|()| protocol::write(stream, &request));
        sent.map_err(|error| match error.kind() {
            io::ErrorKind::InvalidData => {
                let text = format!("{op}: what is asked is larger than {} bytes", limits::FRAME_BYTES);
                Error::new(ErrorKind::InvalidArgument, text).with_source(error)
            }
            _ => self.unavailable("it gave no answer").with_source(error),
        })
    }

    /// Takes an answer.
    fn hear(&self, stream: &UnixStream, end: Instant) -> Result<Value> {
        let failed = |error: io::Error| self.unavailable("it gave no answer").with_source(error);
        let answer: Answer = protocol::read(Deadline { stream, end }).map_err(failed)?;
        let Some(length) = answer.follows() else { return answer.into_result() };
        if length > limits::CALL_ANSWER_BYTES {
            return Err(self.unavailable("its answer has no end"));
        }
        let text = long::receive(stream, length, end).map_err(failed)?;
        serde_json::from_slice(&text)
            .map_err(|error| self.unavailable("its answer is malformed").with_source(error))
    }

    /// Reads an account with its sites; see [`crate::gateway::Gateway::overview`].
    ///
    /// # Errors
    /// See [`ErrorKind`].
    pub fn overview(&self, request: &OverviewRequest) -> Result<Overview> {
        let end = Instant::now() + limits::BROKER_CALL_TIME;
        let mut overview: WireOverview = self.call_typed("overview", None, &OverviewArgs::of(request, 0))?;
        while let Some(next) = overview.next() {
            let part = self.further(&OverviewArgs::of(request, next), end)?;
            if part.next().is_some_and(|further| further <= next)
                || overview.sites() > limits::SITES_PER_ACCOUNT
            {
                return Err(self.unavailable("its answer has no end"));
            }
            overview.append(part);
        }
        Ok(overview.into_overview())
    }

    /// One more part of an overview. An account with very many sites is over its share before the last one, and waits.
    fn further(&self, args: &OverviewArgs, end: Instant) -> Result<WireOverview> {
        loop {
            match self.call_typed("overview", None, args) {
                Err(error) if error.kind() == ErrorKind::TooMany && Instant::now() < end => {
                    std::thread::sleep(limits::BUCKET_REFILL);
                }
                result => return result,
            }
        }
    }

    /// Opens a builder session; see [`crate::gateway::Gateway::open`].
    ///
    /// # Errors
    /// See [`ErrorKind`].
    pub fn open(&self, request: &OpenRequest) -> Result<Session> {
        let opened: Opened = self.call_typed("open", Some(request.reference), &OpenArgs::of(request))?;
        Ok(opened.into_session(request.reference))
    }

    /// Makes a call of the builder's; see [`crate::gateway::Gateway::invoke`].
    ///
    /// # Errors
    /// See [`ErrorKind`].
    pub fn invoke(&self, request: &CallRequest) -> Result<Value> {
        let end = Instant::now() + limits::BROKER_BUILDER_TIME;
        let (args, follows) = CallArgs::of(request);
        let stream = self.connect(end)?;
        self.say(&stream, "call", Some(request.reference), &args)?;
        if let Some(input) = follows {
            // An error is the end of it: who may not make the call is not asked for its input.
            let told = self.hear(&stream, end)?;
            if told["go"] != true {
                let text = "the broker does not take an input of this length: upgrade both to the same package and restart panelgate.service";
                return Err(Error::new(ErrorKind::Upgrade, text));
            }
            long::send(&stream, &input, Instant::now() + limits::FRAME_TIME)
                .map_err(|error| self.unavailable("it did not take the input").with_source(error))?;
        }
        self.hear(&stream, end)
    }

    /// Queues a backup of the project of a site; see [`crate::gateway::Gateway::backup_project`].
    ///
    /// # Errors
    /// See [`ErrorKind`].
    pub fn backup_project(&self, wish: &ProjectWish) -> Result<Queued> {
        self.call_typed("backup-project", None, &BackupArgs::of(wish))
    }

    /// The backups of the project of a site; see [`crate::gateway::Gateway::project_backups`].
    ///
    /// # Errors
    /// See [`ErrorKind`].
    pub fn project_backups(&self, wish: &ProjectWish) -> Result<Seen> {
        self.call_typed("backups", None, &BackupArgs::of(wish))
    }

    /// Takes a backup of the project of a site away: the one of that name, or the newest; see [`crate::gateway::Gateway::take_project`].
    ///
    /// # Errors
    /// See [`ErrorKind`]; [`ErrorKind::Upgrade`] if the broker is of a version that gives no backups out.
    pub fn take_project(&self, wish: &ProjectWish, name: Option<&str>) -> Result<ProjectFile> {
        let end = Instant::now() + limits::BROKER_CALL_TIME;
        let args = BackupArgs::of_file(wish, name);
        let (value, stream) = self.exchange("download-project", None, &args, end).map_err(|error| {
            if error.kind() == ErrorKind::BadRequest {
                // Nothing that this program sends is malformed: a broker that says so does not know the operation.
                let text = "the broker gives no backups out: upgrade it and restart panelgate.service";
                return Error::new(ErrorKind::Upgrade, text).with_source(error);
            }
            error
        })?;
        let about: SeenFile = serde_json::from_value(value)
            .map_err(|error| self.unavailable("its answer is malformed").with_source(error))?;
        let file = self.receive_file(&stream, end)?;
        let size = file.metadata().map(|metadata| metadata.len());
        if size.ok() != Some(about.size) {
            return Err(self.unavailable("the file that it gives is not the one that it names"));
        }
        Ok(ProjectFile { file, about })
    }

    /// Takes the one byte with exactly one descriptor: a regular file, open for reading alone.
    fn receive_file(&self, stream: &UnixStream, end: Instant) -> Result<File> {
        let fail = |error: io::Error| self.unavailable("it gives no file").with_source(error);
        let left = end.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
        stream.set_read_timeout(Some(left)).map_err(fail)?;
        let received = descriptors::receive(stream, &mut [0_u8; 2], true).map_err(fail)?;
        let counts = !received.is_cut && received.bytes == 1;
        match <[OwnedFd; 1]>::try_from(received.fds) {
            Ok([fd]) if counts && descriptors::is_file_to_read(&fd) => Ok(File::from(fd)),
            _ => Err(self.unavailable("what it gives is not one file to read")),
        }
    }

    /// How far a backup is; see [`crate::gateway::Gateway::backup_job`].
    ///
    /// # Errors
    /// See [`ErrorKind`].
    pub fn backup_job(&self, job: u64) -> Result<SeenJob> {
        self.call_typed("backups", None, &BackupArgs::of_job(job))
    }

    /// Has the panel asked anew about an account or site; see [`crate::ops::event`].
    ///
    /// # Errors
    /// See [`ErrorKind`].
    pub fn refresh(&self, request: &RefreshRequest) -> Result<EventAnswer> {
        self.call_typed("refresh", None, &RefreshArgs::of(request))
    }

    /// Has the broker look at once whether what runs may go on; waits no longer than this.
    ///
    /// # Errors
    /// As [`Remote::call`].
    pub fn tell_of_event(&self, time: Duration) -> Result<()> {
        self.exchange("event", None, &serde_json::json!({}), Instant::now() + time).map(|_| ())
    }

    /// As [`Remote::call`], with the result as a type.
    ///
    /// # Errors
    /// As [`Remote::call`].
    pub fn call_as<T: DeserializeOwned>(&self, op: &str, args: Value) -> Result<T> {
        self.call_typed(op, None, &args)
    }

    fn call_typed<T: DeserializeOwned>(
        &self,
        op: &str,
        reference: Option<Reference>,
        args: &impl Serialize,
    ) -> Result<T> {
        let malformed =
            |error: serde_json::Error| self.unavailable("its answer is malformed").with_source(error);
        serde_json::from_value(self.call(op, reference, args)?).map_err(malformed)
    }

    /// Connects without ever waiting longer than until `end`, and makes sure that the other end is root's.
    fn connect(&self, end: Instant) -> Result<UnixStream> {
        let fail = |error: io::Error| {
            let why = match error.kind() {
                io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => {
                    "it cannot be reached, since it does not run: as root, systemctl start panelgate.socket, or panelgate setup where that was never run"
                }
                _ => "it cannot be reached",
            };
            self.unavailable(why).with_source(error)
        };
        let stream = loop {
            match connect_now(&self.socket) {
                Ok(stream) => break stream,
                // The broker's queue of new connections is full; it is being emptied.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock && Instant::now() < end => {
                    std::thread::sleep(Duration::from_millis(2));
                }
                Err(error) => return Err(fail(error)),
            }
        };
        let peer = rustix::net::sockopt::socket_peercred(&stream).map_err(|error| fail(error.into()))?;
        if peer.uid.as_raw() != 0 {
            return Err(self.unavailable("the process behind the socket is not root's"));
        }
        stream.set_nonblocking(false).map_err(fail)?;
        Ok(stream)
    }

    fn unavailable(&self, why: &str) -> Error {
        let text = format!(
            "the broker behind {}: {why} (systemctl status panelgate.socket panelgate.service)",
            self.socket.display()
        );
        Error::new(ErrorKind::Unavailable, text)
    }
}

/// What the broker says to a request of the builder's that it allows.
pub enum Admission<'a> {
    /// The web server's descriptors may be handed over.
    Go(HandOver<'a>),
    /// They are not needed: this is the answer.
    Answer(Reply),
    /// They are not needed: this became of a publication by archive.
    Action(Word),
}

/// The right to hand over the web server's descriptors.
pub struct HandOver<'a> {
    remote: &'a Remote,
    stream: UnixStream,
    end: Instant,
}

impl HandOver<'_> {
    /// Hands over the web server's two descriptors: from now on the worker reads the body and writes the answer, if this does not fail.
    ///
    /// # Errors
    /// What the broker says; then nobody else has them, and nothing was written.
    pub fn hand_over(self, input: BorrowedFd<'_>, output: BorrowedFd<'_>) -> Result<()> {
        let exchange = || -> io::Result<Answer> {
            descriptors::send(&self.stream, b"d", &[input, output], true)?;
            protocol::read(Deadline { stream: &self.stream, end: self.end })
        };
        let failed = |error| self.remote.unavailable("it did not take the request").with_source(error);
        exchange().map_err(failed)?.into_result().map(|_| ())
    }
}

fn connect_now(path: &Path) -> io::Result<UnixStream> {
    use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with};
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    connect(&socket, &SocketAddrUnix::new(path)?)?;
    Ok(UnixStream::from(socket))
}

/// A reader whose waits together end at one moment.
struct Deadline<'a> {
    stream: &'a UnixStream,
    end: Instant,
}

impl io::Read for Deadline<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        self.stream.set_read_timeout(Some(left))?;
        let mut stream = self.stream;
        stream.read(buffer)
    }
}
