//! The other end of the socket.

use std::io;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::error::{Error, ErrorKind, Result};
use crate::limits;
use crate::ops::backup::{ProjectWish, Seen};
use crate::ops::{OpenRequest, Overview, OverviewRequest, Session};
use crate::store::Queued;
use crate::types::Reference;

use super::protocol::{self, Answer, Request, VERSION};
use super::wire::{BackupArgs, OpenArgs, Opened, OverviewArgs, WireOverview};

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
        let stream = self.connect(end)?;
        let reference = reference.map(|reference| reference.to_string());
        let args = serde_json::value::to_raw_value(args).map_err(|error| {
            Error::new(ErrorKind::Internal, "the request cannot be written").with_source(error)
        })?;
        let request = Request { v: VERSION, op: op.to_owned(), reference, args: Some(args) };
        let exchange = || -> io::Result<Answer> {
            stream.set_write_timeout(Some(limits::FRAME_TIME))?;
            protocol::write(&stream, &request)?;
            protocol::read(Deadline { stream: &stream, end })
        };
        let answer = exchange().map_err(|error| self.unavailable("it gave no answer").with_source(error))?;
        answer.into_result()
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
        let fail = |error: io::Error| self.unavailable("it cannot be reached").with_source(error);
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
