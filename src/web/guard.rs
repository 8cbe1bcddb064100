//! What stands before everything else: it refuses what must not go further, bounds the rest, and cleans the process.
//!
//! Whatever runs behind it sees a request of known size, an environment that was rebuilt from checked values, and standard input that holds the
//! body and nothing more. In particular no `HTTP_PROXY` is left for anything to find.

use std::ffi::OsString;
use std::os::fd::BorrowedFd;
use std::time::Duration;

use rustix::fs::{MemfdFlags, SeekFrom};

use super::body;
use super::form::decode_entities;
use super::meta::{Meta, Variables};
use crate::error::{Error, ErrorKind, Result};
use crate::limits;
use crate::sys::{environment, identity};
use crate::types::quote;

/// The methods that the page answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Method {
    /// See.
    Get,
    /// See whether there is something to see.
    Head,
    /// Do.
    Post,
}

impl Method {
    /// The methods as a header names them.
    pub(super) const ALLOWED: &str = "GET, HEAD, POST";

    /// The method of that name. Names are case-sensitive (RFC 9110 9.1).
    ///
    /// # Errors
    /// [`ErrorKind::MethodNotAllowed`] for any other.
    pub(super) fn parse(name: &str) -> Result<Self> {
        match name {
            "GET" => Ok(Self::Get),
            "HEAD" => Ok(Self::Head),
            "POST" => Ok(Self::Post),
            _ => Err(Error::new(
                ErrorKind::MethodNotAllowed,
                format!("the method {} is not offered", quote(name)),
            )),
        }
    }

    /// Its name.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Post => "POST",
        }
    }
}

/// The part of a request that a [`super::Front`] hands over.
#[derive(Clone, Debug)]
pub(super) struct Request {
    /// What is to be done.
    pub(super) method: Method,
    /// The query string: ASCII, everything unusual percent-encoded.
    pub(super) query: String,
    /// The body, of at most [`limits::PAGE_BODY_BYTES`].
    pub(super) body: Vec<u8>,
}

/// A page never runs as root: it serves people, and root serves nobody in particular.
///
/// # Errors
/// [`ErrorKind::Forbidden`] if the real or the effective uid is 0.
pub(super) fn refuse_root() -> Result<()> {
    let uids = identity::uids();
    if uids.effective == 0 || uids.real == 0 {
        let text = "the page was started as root: a panel must start it as the account";
        return Err(Error::new(ErrorKind::Forbidden, text));
    }
    Ok(())
}

/// Takes a request in, or refuses it.
///
/// # Errors
/// [`ErrorKind::MethodNotAllowed`], [`ErrorKind::Prefetch`], [`ErrorKind::TooLarge`] or [`ErrorKind::BadRequest`].
pub(super) fn admit(variables: Variables, stdin: BorrowedFd<'_>, time: Duration) -> Result<(Meta, Request)> {
    let mut meta = variables.check()?;
    let Some(method) = &meta.method else {
        let text = "there is no REQUEST_METHOD: this program is started by a web server or panel";
        return Err(Error::new(ErrorKind::BadRequest, text));
    };
    let method = Method::parse(method)?;
    if meta.prefetch {
        return Err(Error::new(ErrorKind::Prefetch, "a browser asked for the page ahead of time"));
    }
    let query = query(std::mem::take(&mut meta.query), meta.directadmin)?;
    let body = body(&mut meta, method, stdin, time)?;
    Ok((meta, Request { method, query, body }))
}

fn query(bytes: Vec<u8>, directadmin: bool) -> Result<String> {
    if bytes.len() > limits::QUERY_BYTES {
        let text = format!("the query string is longer than {} bytes", limits::QUERY_BYTES);
        return Err(Error::new(ErrorKind::TooLarge, text));
    }
    let bytes = if directadmin { decode_entities(bytes) } else { bytes };
    let mut query = String::with_capacity(bytes.len());
    for byte in bytes {
        // Letters, digits and what a query may hold (RFC 3986 3.4) stay as they are, and so does "%".
        if byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@/?%".contains(&byte) {
            query.push(char::from(byte));
        } else {
            query.push_str(&format!("%{byte:02X}"));
        }
    }
    Ok(query)
}

fn body(meta: &mut Meta, method: Method, stdin: BorrowedFd<'_>, time: Duration) -> Result<Vec<u8>> {
    let body = match meta.post.take() {
        // DirectAdmin's sign that the body was too large for a variable. It says no length.
        Some(post) if post == b"stdin=true" => decode_entities(body::read_to_end(stdin, time)?),
        Some(post) => decode_entities(post),
        None => match content_length(meta)? {
            Some(length) => body::read_exactly(stdin, length, time)?,
            None if method == Method::Post && !meta.directadmin => {
                let text = "the request has a body but no CONTENT_LENGTH";
                return Err(Error::new(ErrorKind::BadRequest, text));
            }
            None => Vec::new(),
        },
    };
    // A body that came with GET or HEAD means nothing (RFC 9110 9.3.1); it was read so that the answer arrives.
    Ok(if method == Method::Post { body } else { Vec::new() })
}

fn content_length(meta: &Meta) -> Result<Option<u64>> {
    let Some(text) = &meta.content_length else { return Ok(None) };
    if !text.iter().all(u8::is_ascii_digit) {
        return Err(Error::new(ErrorKind::BadRequest, "CONTENT_LENGTH is not a number"));
    }
    // More digits than a number can have are a number that is too large.
    let length = std::str::from_utf8(text).ok().and_then(|digits| digits.parse().ok());
    Ok(Some(length.unwrap_or(u64::MAX)))
}

/// Replaces the process's environment by what was checked.
///
/// # Errors
/// [`ErrorKind::Internal`] if that cannot be done safely.
pub(super) fn clean_environment(meta: &Meta, request: &Request) -> Result<()> {
    let length = request.body.len().to_string();
    let uri = format!("/?{}", request.query);
    let mut variables = vec![
        ("GATEWAY_INTERFACE", "CGI/1.1"),
        ("SERVER_PROTOCOL", "HTTP/1.1"),
        ("REQUEST_METHOD", request.method.name()),
        ("REQUEST_URI", &uri),
        ("QUERY_STRING", &request.query),
        ("CONTENT_LENGTH", &length),
        ("PATH", "/usr/sbin:/usr/bin:/sbin:/bin"),
    ];
    if meta.content_type.as_deref() == Some(FORM) {
        variables.push(("CONTENT_TYPE", FORM));
    }
    environment::replace_alone(
        variables.into_iter().map(|(name, value)| (name.into(), OsString::from(value))),
    )
    .map_err(|error| Error::new(ErrorKind::Internal, "the environment cannot be cleaned").with_source(error))
}

/// The media type of a submitted form.
pub(super) const FORM: &str = "application/x-www-form-urlencoded";

/// Puts the body that was read back onto standard input, for a front that reads it itself.
///
/// # Errors
/// [`ErrorKind::Internal`] if the system refuses.
pub(super) fn body_to_stdin(body: &[u8]) -> Result<()> {
    let put = || -> rustix::io::Result<()> {
        let file = rustix::fs::memfd_create("body", MemfdFlags::CLOEXEC)?;
        let mut rest = body;
        while !rest.is_empty() {
            rest = &rest[rustix::io::write(&file, rest)?..];
        }
        rustix::fs::seek(&file, SeekFrom::Start(0))?;
        rustix::stdio::dup2_stdin(&file)
    };
    put().map_err(|errno| {
        Error::new(ErrorKind::Internal, "the body cannot be handed on")
            .with_source(std::io::Error::from(errno))
    })
}

#[cfg(test)]
mod tests;
