//! An answer before it is written.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::sync::Arc;

use crate::error::{Error, ErrorKind, Result};

/// Status, headers and body of an answer.
#[derive(Clone, Debug)]
pub struct Response {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
    head_only: bool,
    part: Option<Part>,
}

/// The part of a file that is an answer's body. It is never in memory as a whole.
#[derive(Clone, Debug)]
struct Part {
    file: Arc<File>,
    from: u64,
    length: u64,
}

impl Response {
    /// An answer with the headers that every page has.
    pub(super) fn html(status: u16, body: String) -> Self {
        Self::plain(status, "text/html; charset=utf-8", body)
    }

    /// The same for a body of another type.
    pub(super) fn plain(status: u16, media: &str, body: String) -> Self {
        let headers = [
            ("Content-Type", media),
            ("Cache-Control", "no-store"),
            ("Referrer-Policy", "no-referrer"),
            ("X-Content-Type-Options", "nosniff"),
        ];
        let headers = headers.map(|(name, value)| (name, value.to_owned())).into();
        Self { status, headers, body: body.into_bytes(), head_only: false, part: None }
    }

    /// An answer whose body is `length` bytes of a file, beginning with byte `from`.
    pub(super) fn of_file(status: u16, media: &str, file: File, from: u64, length: u64) -> Self {
        let mut response = Self::plain(status, media, String::new());
        response.part = Some(Part { file: Arc::new(file), from, length });
        response
    }

    /// Adds a header; one of that name that is there already stays.
    ///
    /// # Errors
    /// [`ErrorKind::Internal`] if the value could break out of its line (RFC 9110 5.5). The value is not part of the error: it may be secret.
    pub(super) fn with_header(mut self, name: &'static str, value: String) -> Result<Self> {
        if !value.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()) {
            let text = format!("the value of the header {name} holds characters that a header may not hold");
            return Err(Error::new(ErrorKind::Internal, text));
        }
        self.headers.push((name, value));
        Ok(self)
    }

    /// The same answer without its body, for HEAD.
    pub(super) fn without_body(mut self) -> Self {
        self.head_only = true;
        self
    }

    /// The HTTP status.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// The standard words for the status (RFC 9110 15).
    pub fn reason(&self) -> &'static str {
        match self.status {
            200 => "OK",
            206 => "Partial Content",
            303 => "See Other",
            400 => "Bad Request",
            401 => "Unauthorized",
            403 => "Forbidden",
            404 => "Not Found",
            405 => "Method Not Allowed",
            409 => "Conflict",
            411 => "Length Required",
            413 => "Content Too Large",
            416 => "Range Not Satisfiable",
            429 => "Too Many Requests",
            500 => "Internal Server Error",
            501 => "Not Implemented",
            502 => "Bad Gateway",
            503 => "Service Unavailable",
            507 => "Insufficient Storage",
            _ => "Other",
        }
    }

    /// The headers, in order.
    pub fn headers(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.headers.iter().map(|(name, value)| (*name, value.as_str()))
    }

    /// The body that is to be written; empty for HEAD, and where `write_part` writes it.
    pub fn body(&self) -> &[u8] {
        if self.head_only { &[] } else { &self.body }
    }

    /// The length of the body that GET would have had (RFC 9110 8.6).
    pub(super) fn content_length(&self) -> u64 {
        self.part.as_ref().map_or(self.body.len() as u64, |part| part.length)
    }

    /// Whether the body is part of a file.
    pub(super) fn is_of_file(&self) -> bool {
        self.part.is_some()
    }

    /// Writes the body that is part of a file, if it is one, in pieces and without holding it.
    ///
    /// # Errors
    /// What reading or writing says.
    pub(super) fn write_part(&self, mut to: impl Write) -> io::Result<()> {
        let Some(part) = self.part.as_ref().filter(|_| !self.head_only) else { return Ok(()) };
        let mut file = &*part.file;
        file.seek(SeekFrom::Start(part.from))?;
        let copied = io::copy(&mut file.take(part.length), &mut to)?;
        to.flush()?;
        if copied == part.length { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_status_of_an_error_has_its_words() {
        for kind in ErrorKind::ALL {
            let response = Response::html(kind.http_status(), String::new());
            assert_ne!(response.reason(), "Other", "{kind}");
        }
    }

    #[test]
    fn part_of_a_file_is_written_and_nothing_for_head() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"0123456789").unwrap();
        let written = |response: &Response| {
            let mut bytes = Vec::new();
            (response.write_part(&mut bytes).map_err(|error| error.kind()), bytes)
        };
        let part = Response::of_file(206, "a/b", file.try_clone().unwrap(), 3, 4);
        assert_eq!(written(&part), (Ok(()), b"3456".to_vec()));
        assert_eq!((part.body(), part.content_length()), (&b""[..], 4));
        assert_eq!(written(&part.without_body()), (Ok(()), Vec::new()));
        let short = Response::of_file(200, "a/b", file, 3, 8);
        assert_eq!(written(&short), (Err(io::ErrorKind::UnexpectedEof), b"3456789".to_vec()));
    }

    proptest! {
        #[test]
        fn a_header_value_never_breaks_its_line(value in any::<String>()) {
            let taken = Response::html(200, String::new()).with_header("Location", value.clone());
            prop_assert_eq!(taken.is_ok(), value.bytes().all(|byte| (b' '..=b'~').contains(&byte)));
        }
    }
}
