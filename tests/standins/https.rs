//! A web server over real TLS that gives each request to a function.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose};
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use sha2::{Digest, Sha256};

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Request {
    pub method: String,
    /// Path and query as they came.
    pub target: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Request {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// What the server does with a request.
pub enum Answer {
    /// An answer with a status, a content type and a body.
    Whole(u16, &'static str, Vec<u8>),
    /// These bytes, and then the connection is closed.
    Raw(Vec<u8>),
    /// No answer, and the connection stays open.
    Hang,
    /// These bytes, and then nothing more for ever.
    Stall(Vec<u8>),
    /// So many zero bytes, with a length that says so.
    Flood(u64),
}

/// A listening server. Its threads end with the process of the test.
pub struct Server {
    pub address: SocketAddr,
    /// The authority that signed its certificate, in PEM form.
    pub ca_file: PathBuf,
    /// SHA-256 of the certificate itself, in hexadecimal digits.
    pub fingerprint: String,
    _directory: tempfile::TempDir,
}

impl Server {
    /// Listens on a free port of the loopback address with a certificate for `names`.
    pub fn start(names: &[&str], handle: impl Fn(&Request) -> Answer + Send + Sync + 'static) -> Self {
        let (config, ca_pem, fingerprint) = identity(names);
        let directory = tempfile::tempdir().unwrap();
        let ca_file = directory.path().join("ca.pem");
        std::fs::write(&ca_file, ca_pem).unwrap();
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let handle = Arc::new(handle);
        std::thread::spawn(move || {
            for tcp in listener.incoming().flatten() {
                let (config, handle) = (config.clone(), handle.clone());
                std::thread::spawn(move || converse(config, tcp, &*handle));
            }
        });
        Self { address, ca_file, fingerprint, _directory: directory }
    }

    pub fn origin(&self) -> String {
        format!("https://127.0.0.1:{}", self.address.port())
    }
}

fn identity(names: &[&str]) -> (Arc<ServerConfig>, String, String) {
    let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
    params.distinguished_name.push(DnType::CommonName, "stand-in authority");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(names).unwrap().signed_by(&key, &issuer).unwrap();
    let fingerprint: String =
        Sha256::digest(certificate.der()).iter().map(|byte| format!("{byte:02x}")).collect();
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![CertificateDer::from(certificate.der().to_vec())],
            PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
        )
        .unwrap();
    (Arc::new(config), issuer.pem(), fingerprint)
}

fn converse(config: Arc<ServerConfig>, tcp: TcpStream, handle: &dyn Fn(&Request) -> Answer) {
    let _ = tcp.set_nodelay(true);
    let _ = tcp.set_read_timeout(Some(Duration::from_secs(30)));
    let mut stream = StreamOwned::new(ServerConnection::new(config).unwrap(), tcp);
    while let Some(request) = read(&mut stream) {
        let sent = match handle(&request) {
            Answer::Whole(status, kind, body) => {
                let length = body.len();
                let head = format!(
                    "HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\r\n"
                );
                stream.write_all(&[head.as_bytes(), &body].concat()).and_then(|()| stream.flush())
            }
            Answer::Flood(length) => {
                let head = format!("HTTP/1.1 200 X\r\nContent-Length: {length}\r\n\r\n");
                let mut sent = stream.write_all(head.as_bytes());
                let mut left = length;
                while sent.is_ok() && left > 0 {
                    let piece = left.min(65_536);
                    sent = stream.write_all(&vec![0; piece as usize]);
                    left -= piece;
                }
                sent.and_then(|()| stream.flush())
            }
            Answer::Raw(bytes) => {
                let _ = stream.write_all(&bytes).and_then(|()| stream.flush());
                stream.conn.send_close_notify();
                let _ = stream.flush();
                return;
            }
            Answer::Stall(bytes) => {
                let _ = stream.write_all(&bytes).and_then(|()| stream.flush());
                let _ = stream.read(&mut [0]);
                return;
            }
            Answer::Hang => {
                let _ = stream.read(&mut [0]);
                return;
            }
        };
        if sent.is_err() {
            return;
        }
    }
}

fn read(stream: &mut impl Read) -> Option<Request> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).ok()?;
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).ok()?;
    let mut lines = head.lines();
    let mut first = lines.next()?.split(' ');
    let (method, target) = (first.next()?.to_owned(), first.next()?.to_owned());
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect();
    let mut request = Request { method, target, headers, body: Vec::new() };
    if request.header("transfer-encoding").is_some() {
        return None;
    }
    let length = request.header("content-length").map_or(0, |length| length.parse().unwrap());
    request.body = vec![0; length];
    stream.read_exact(&mut request.body).ok()?;
    Some(request)
}
