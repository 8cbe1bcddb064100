//! A browser without eyes: one request, one answer, one connection. For the demo's check.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Instant;

use crate::error::{Error, ErrorKind, Result};
use crate::limits;
use crate::sandbox::http::{Headers, Response};

/// A request to be sent as it is.
pub(super) struct Message<'a> {
    pub(super) method: &'a str,
    pub(super) target: &'a str,
    pub(super) host: &'a str,
    pub(super) cookie: Option<&'a str>,
    /// The fields of a form.
    pub(super) form: Option<&'a [(String, String)]>,
}

/// Sends a request and reads the whole answer.
///
/// # Errors
/// [`ErrorKind::Internal`] if there is none in time, or none that can be read.
pub(super) fn exchange(server: SocketAddr, message: &Message<'_>) -> Result<Response> {
    let fail = |error: std::io::Error| {
        Error::new(ErrorKind::Internal, format!("{} {}: no answer", message.method, path(message.target)))
            .with_source(error)
    };
    let bytes = talk(server, &message.to_bytes()).map_err(fail)?;
    parse(&bytes).ok_or_else(|| {
        let text = format!("{} {}: the answer cannot be read", message.method, path(message.target));
        Error::new(ErrorKind::Internal, text)
    })
}

/// A target without its query, which may carry a secret.
fn path(target: &str) -> &str {
    target.split('?').next().unwrap_or_default()
}

fn talk(server: SocketAddr, request: &[u8]) -> std::io::Result<Vec<u8>> {
    const MOST: u64 = 2 * limits::DEMO_PAGE_BYTES;
    let end = Instant::now() + limits::DEMO_CHECK_TIME;
    let mut stream = TcpStream::connect_timeout(&server, limits::DEMO_CHECK_TIME)?;
    stream.set_write_timeout(Some(limits::DEMO_CHECK_TIME))?;
    stream.write_all(request)?;
    let (mut bytes, mut piece) = (Vec::new(), [0_u8; 16 * 1024]);
    loop {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() || bytes.len() as u64 > MOST {
            return Err(std::io::Error::other("it is too long or comes too slowly"));
        }
        stream.set_read_timeout(Some(left))?;
        match stream.read(&mut piece) {
            Ok(0) => return Ok(bytes),
            Ok(count) => bytes.extend_from_slice(&piece[..count]),
            // A read with a time limit is not restarted after a signal.
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

impl Message<'_> {
    fn to_bytes(&self) -> Vec<u8> {
        let mut head = format!(
            "{} {} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nAccept: text/html\r\nAccept-Language: en\r\n",
            self.method, self.target, self.host
        );
        if let Some(cookie) = self.cookie {
            head.push_str(&format!("Cookie: {cookie}\r\n"));
        }
        let body = self
            .form
            .map(|fields| form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish());
        if let Some(body) = &body {
            let length = body.len();
            head.push_str(&format!(
                "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {length}\r\n"
            ));
        }
        format!("{head}\r\n{}", body.unwrap_or_default()).into_bytes()
    }
}

fn parse(bytes: &[u8]) -> Option<Response> {
    let mut fields = [httparse::EMPTY_HEADER; limits::SANDBOX_HEADERS];
    let mut parsed = httparse::Response::new(&mut fields);
    let httparse::Status::Complete(used) = parsed.parse(bytes).ok()? else { return None };
    let mut headers = Headers::default();
    for field in parsed.headers.iter() {
        headers.add(field.name, std::str::from_utf8(field.value).ok()?);
    }
    Some(Response { status: parsed.code?, headers, body: bytes[used..].to_vec(), made: 0 })
}
