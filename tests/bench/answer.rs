//! How long the builder itself takes for an answer: what is left of a click when everything else costs nothing.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use panelgate::sandbox::Builder;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

/// Exchanges before the first that counts, and those that count.
const EXCHANGES: (usize, usize) = (5, 40);

/// The median time in microseconds from the first byte of a session call to the last of its answer, on a connection that is open.
pub(crate) fn median_us(builder: &Builder, login: (&str, &str), body: &str) -> io::Result<f64> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(builder.ca_pem().as_bytes()) {
        roots.add(certificate.map_err(io::Error::other)?).map_err(io::Error::other)?;
    }
    let config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    let url = builder.api_url();
    let host = url.split('/').nth(2).unwrap_or_default();
    let name = ServerName::try_from("127.0.0.1").map_err(io::Error::other)?;
    let tls = ClientConnection::new(Arc::new(config), name).map_err(io::Error::other)?;
    let stream = TcpStream::connect(host)?;
    stream.set_nodelay(true)?;
    let mut connection = StreamOwned::new(tls, stream);
    let request = format!(
        "POST /api/requestLogin HTTP/1.1\r\nHost: {host}\r\nAuthorization: Basic {}\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        STANDARD.encode(format!("{}:{}", login.0, login.1)),
        body.len(),
    );
    let mut times = Vec::new();
    for number in 0..EXCHANGES.0 + EXCHANGES.1 {
        let begin = Instant::now();
        exchange(&mut connection, request.as_bytes())?;
        if number >= EXCHANGES.0 {
            times.push(begin.elapsed());
        }
    }
    Ok(median(times).as_secs_f64() * 1e6)
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

fn exchange(connection: &mut (impl Read + Write), request: &[u8]) -> io::Result<()> {
    connection.write_all(request)?;
    connection.flush()?;
    let mut answer = Vec::new();
    let mut buffer = [0; 8192];
    loop {
        let count = connection.read(&mut buffer)?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        answer.extend_from_slice(&buffer[..count]);
        let Some(end) = answer.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(&answer[..end]).to_ascii_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok());
        let length: usize = length.ok_or(io::ErrorKind::InvalidData)?;
        if answer.len() < end + 4 + length {
            continue;
        }
        let done = answer.windows(11).any(|part| part == b"login_hash=");
        return if head.starts_with("http/1.1 200") && done {
            Ok(())
        } else {
            Err(io::ErrorKind::InvalidData.into())
        };
    }
}
