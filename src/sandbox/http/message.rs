//! Requests and responses as values.

use std::net::SocketAddr;

/// One request, wholly read.
#[derive(Clone, Debug)]
pub struct Request {
    /// The method as sent.
    pub method: String,
    /// The request target as sent: path and query.
    pub target: String,
    /// The header fields in their order.
    pub headers: Headers,
    /// The body; empty if there was none.
    pub body: Vec<u8>,
    /// Who asks.
    pub peer: SocketAddr,
}

impl Request {
    /// The target up to the question mark.
    pub fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    /// The target behind the question mark; empty if there is none.
    pub fn query(&self) -> &str {
        self.target.split_once('?').map_or("", |(_, query)| query)
    }
}

/// Header fields in their order. Names are compared without regard to case.
#[derive(Clone, Debug, Default)]
pub struct Headers(Vec<(String, String)>);

impl Headers {
    /// The first field of this name.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// Every field of this name.
    pub fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.iter().filter(move |(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// All fields.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Adds a field behind the others.
    pub fn add(&mut self, name: impl Into<String>, value: impl Into<String>) {
        self.0.push((name.into(), value.into()));
    }
}

/// One response. `Content-Length` and `Connection` are the server's business and must not be added.
#[derive(Clone, Debug)]
pub struct Response {
    /// The status code, 200 to 599.
    pub status: u16,
    /// The header fields.
    pub headers: Headers,
    /// The body.
    pub body: Vec<u8>,
    /// So many further bytes of the body, which are [made](made_byte) while they are sent: for bodies that are larger than the memory should be.
    pub made: u64,
}

/// The byte at a place of a body that is made while it is sent.
pub(crate) fn made_byte(at: u64) -> u8 {
    (at % 251) as u8
}

impl Response {
    /// A response with a status and nothing else.
    pub fn new(status: u16) -> Self {
        Self { status, headers: Headers::default(), body: Vec::new(), made: 0 }
    }

    /// A response with a body of a media type.
    pub fn with_body(status: u16, media_type: &str, body: impl Into<Vec<u8>>) -> Self {
        Self { body: body.into(), ..Self::new(status) }.header("Content-Type", media_type)
    }

    /// A response with a sentence as plain text.
    pub fn text(status: u16, text: &str) -> Self {
        Self::with_body(status, "text/plain; charset=utf-8", text)
    }

    /// A response with an HTML page.
    pub fn html(status: u16, html: impl Into<Vec<u8>>) -> Self {
        Self::with_body(status, "text/html; charset=utf-8", html)
    }

    /// A response with a JSON value.
    pub fn json(status: u16, value: &serde_json::Value) -> Self {
        Self::with_body(status, "application/json", value.to_string())
    }

    /// Adds a header field.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.add(name, value);
        self
    }

    /// Head and body as bytes, without what is made while it is sent. A field that would break the head turns the whole into a response with status 500.
    pub(super) fn to_bytes(&self, keep: bool, without_body: bool) -> Vec<u8> {
        if !self.headers.iter().all(|(name, value)| is_token(name) && is_value(value)) || self.status < 200 {
            return Self::text(500, "The response has a field that cannot be sent.")
                .to_bytes(keep, without_body);
        }
        let mut bytes = format!("HTTP/1.1 {} {}\r\n", self.status, reason(self.status)).into_bytes();
        for (name, value) in self.headers.iter() {
            bytes.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
        }
        if !matches!(self.status, 204 | 304) {
            bytes.extend_from_slice(
                format!("Content-Length: {}\r\n", self.body.len() as u64 + self.made).as_bytes(),
            );
        }
        bytes.extend_from_slice(if keep { b"\r\n" } else { b"Connection: close\r\n\r\n" });
        if !without_body && !matches!(self.status, 204 | 304) {
            bytes.extend_from_slice(&self.body);
        }
        bytes
    }
}

/// A token of RFC 9110 5.6.2.
fn is_token(text: &str) -> bool {
    let special = |byte| b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || special(byte))
}

/// A field value of RFC 9110 5.5.
fn is_value(text: &str) -> bool {
    !text.bytes().any(|byte| (byte < b' ' && byte != b'\t') || byte == 0x7f)
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        204 => "No Content",
        301 => "Moved Permanently",
        302 => "Found",
        303 => "See Other",
        304 => "Not Modified",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        411 => "Length Required",
        413 => "Content Too Large",
        415 => "Unsupported Media Type",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        505 => "HTTP Version Not Supported",
        _ => "Status",
    }
}
