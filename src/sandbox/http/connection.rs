//! One connection: requests in, responses out, until either side has enough.

use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::time::Duration;

use super::message::made_byte;
use super::server::Deadline;
use super::{Headers, Limits, Request, Response};
use crate::limits;

/// How many bytes one read takes.
const READ_BYTES: usize = 8 * 1024;

/// How much of a body is made at once.
const MADE_BYTES: u64 = 64 * 1024;

/// How long a refused client is listened to, so that it finds the refusal instead of a reset connection.
const LINGER: Duration = Duration::from_millis(200);

/// Serves a connection to its end.
pub(super) fn serve<S: Read + Write>(
    stream: S,
    deadline: &Deadline,
    peer: SocketAddr,
    limits: &Limits,
    handler: &dyn Fn(Request) -> Response,
) {
    let mut connection = Connection { stream, deadline, limits, buffer: Vec::new() };
    loop {
        match connection.request(peer) {
            Ok((request, keep)) => {
                let head_only = request.method == "HEAD";
                let response = handler(request);
                if connection.answer(&response, keep, head_only).is_err() || !keep {
                    break;
                }
            }
            Err(Refusal::Answer(status, text)) => {
                if connection.answer(&Response::text(status, text), false, false).is_ok() {
                    connection.linger();
                }
                break;
            }
            Err(Refusal::Silent) => break,
        }
    }
}

/// Why a request is not passed on.
enum Refusal {
    /// The client is told, and the connection ends.
    Answer(u16, &'static str),
    /// There is nobody to tell.
    Silent,
}

use Refusal::{Answer, Silent};

struct Head {
    request: Request,
    length: usize,
    keep: bool,
    wants_continue: bool,
}

struct Connection<'a, S> {
    stream: S,
    deadline: &'a Deadline,
    limits: &'a Limits,
    /// What was read and not yet used.
    buffer: Vec<u8>,
}

impl<S: Read + Write> Connection<'_, S> {
    fn request(&mut self, peer: SocketAddr) -> Result<(Request, bool), Refusal> {
        let Head { mut request, length, keep, wants_continue } = self.head(peer)?;
        if length > self.limits.body_bytes {
            return Err(Answer(413, "The body is too large."));
        }
        if wants_continue && self.buffer.len() < length {
            self.write(b"HTTP/1.1 100 Continue\r\n\r\n").map_err(|_| Silent)?;
        }
        while self.buffer.len() < length {
            self.fill(Answer(408, "The body did not come in time."))?;
        }
        let rest = self.buffer.split_off(length);
        request.body = std::mem::replace(&mut self.buffer, rest);
        Ok((request, keep))
    }

    fn head(&mut self, peer: SocketAddr) -> Result<Head, Refusal> {
        // A connection that was left idle ends without a word; one that has begun a request is told.
        if self.buffer.is_empty() {
            self.deadline.set(self.limits.idle_time);
            self.fill(Silent)?;
        }
        self.deadline.set(self.limits.request_time);
        loop {
            let parsed = parse(&self.buffer, peer)?;
            let used = parsed.as_ref().map_or(self.buffer.len(), |(_, used)| *used);
            if used > self.limits.head_bytes {
                return Err(Answer(431, "The head is too large."));
            }
            if let Some((head, used)) = parsed {
                self.buffer.drain(..used);
                return Ok(head);
            }
            self.fill(Answer(408, "The head did not come in time."))?;
        }
    }

    /// Reads once. `late` is what a client hears that takes too long.
    fn fill(&mut self, late: Refusal) -> Result<(), Refusal> {
        let mut piece = [0; READ_BYTES];
        loop {
            return match self.stream.read(&mut piece) {
                Ok(0) => Err(Silent),
                Ok(count) => {
                    self.buffer.extend_from_slice(&piece[..count]);
                    Ok(())
                }
                Err(error) => match error.kind() {
                    ErrorKind::Interrupted => continue,
                    ErrorKind::TimedOut | ErrorKind::WouldBlock => Err(late),
                    _ => Err(Silent),
                },
            };
        }
    }

    fn answer(&mut self, response: &Response, keep: bool, head_only: bool) -> io::Result<()> {
        // Head and body in one write: one record, and no wait for an acknowledgement in between.
        self.write(&response.to_bytes(keep, head_only))?;
        let (mut at, all) = (0, if head_only { 0 } else { response.made });
        while at < all {
            let piece: Vec<u8> = (at..all.min(at + MADE_BYTES)).map(made_byte).collect();
            self.write(&piece)?;
            at += piece.len() as u64;
        }
        Ok(())
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.deadline.set(self.limits.request_time);
        self.stream.write_all(bytes)?;
        self.stream.flush()
    }

    /// Reads what a refused client still sends, for a short time: closing on unread bytes would take the answer away from it.
    fn linger(&mut self) {
        self.deadline.set(LINGER);
        let mut piece = [0; READ_BYTES];
        while matches!(self.stream.read(&mut piece), Ok(count) if count > 0) {}
    }
}

/// A head with the number of its bytes; `None` if it is not complete yet.
fn parse(buffer: &[u8], peer: SocketAddr) -> Result<Option<(Head, usize)>, Refusal> {
    let mut fields = [httparse::EMPTY_HEADER; limits::SANDBOX_HEADERS];
    let mut parsed = httparse::Request::new(&mut fields);
    let used = match parsed.parse(buffer) {
        Ok(httparse::Status::Complete(used)) => used,
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(httparse::Error::TooManyHeaders) => return Err(Answer(431, "There are too many header fields.")),
        Err(httparse::Error::Version) => return Err(Answer(505, "Only HTTP/1.0 and HTTP/1.1 are offered.")),
        Err(_) => return Err(Answer(400, "The head is malformed.")),
    };
    let mut headers = Headers::default();
    for field in parsed.headers.iter() {
        let value =
            std::str::from_utf8(field.value).map_err(|_| Answer(400, "A header field is not UTF-8."))?;
        headers.add(field.name, value);
    }
    let modern = parsed.version == Some(1);
    let head = Head {
        length: body_length(&headers)?,
        keep: modern && !headers.all("Connection").any(|value| value.to_ascii_lowercase().contains("close")),
        wants_continue: headers.get("Expect").is_some_and(|value| value.eq_ignore_ascii_case("100-continue")),
        request: Request {
            method: parsed.method.unwrap_or_default().to_owned(),
            target: parsed.path.unwrap_or_default().to_owned(),
            headers,
            body: Vec::new(),
            peer,
        },
    };
    if modern && head.request.headers.all("Host").count() != 1 {
        return Err(Answer(400, "There must be exactly one Host."));
    }
    if !head.request.target.starts_with('/') && head.request.target != "*" {
        return Err(Answer(400, "The target must be a path."));
    }
    Ok(Some((head, used)))
}

fn body_length(headers: &Headers) -> Result<usize, Refusal> {
    if headers.get("Transfer-Encoding").is_some() {
        return Err(Answer(501, "Transfer codings are not offered."));
    }
    let mut lengths = headers.all("Content-Length");
    match (lengths.next(), lengths.next()) {
        (None, _) => Ok(0),
        (Some(length), None) if !length.is_empty() && length.bytes().all(|byte| byte.is_ascii_digit()) => {
            length.parse().map_err(|_| Answer(413, "The body is too large."))
        }
        _ => Err(Answer(400, "Content-Length is not one number.")),
    }
}
