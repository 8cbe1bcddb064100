//! Raw servers: each connection is a script, so that they can misbehave in any way.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use panelgate::builder::{Client, Publication, SessionReply, SessionRequest};
use panelgate::config::{BuilderConfig, Config};
use panelgate::error::{ErrorKind, Result};
use panelgate::types::{Domain, Secret, SiteKey, WebUrl};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose,
    date_time_ymd,
};
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

pub(crate) const API_PASSWORD: &str = "brand-password-5f1d";
pub(crate) const SITE_PASSWORD: &str = "site-password-\"9\\c2";

/// A certificate authority that only these tests trust.
pub(crate) struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    directory: tempfile::TempDir,
}

impl Authority {
    pub(crate) fn new(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("ca.pem"), issuer.pem()).unwrap();
        Self { issuer, directory }
    }

    /// The one that the usual test servers have.
    pub(crate) fn usual() -> &'static Self {
        static USUAL: OnceLock<Authority> = OnceLock::new();
        USUAL.get_or_init(|| Self::new("usual"))
    }

    pub(crate) fn ca_file(&self) -> PathBuf {
        self.directory.path().join("ca.pem")
    }

    /// TLS for a server with these names, valid in these years.
    pub(crate) fn tls(&self, names: &[&str], years: (i32, i32)) -> Arc<ServerConfig> {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        params.not_before = date_time_ymd(years.0, 1, 1);
        params.not_after = date_time_ymd(years.1, 1, 1);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![CertificateDer::from(certificate.der().to_vec())],
                PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
            )
            .unwrap();
        Arc::new(config)
    }
}

/// TLS for 127.0.0.1 and localhost by the usual authority.
pub(crate) fn usual_tls() -> Arc<ServerConfig> {
    Authority::usual().tls(&["127.0.0.1", "localhost"], (2020, 2099))
}

pub(crate) trait Stream: Read + Write {}
impl<T: Read + Write> Stream for T {}

/// One connection at the server's end.
pub(crate) struct Connection {
    pub(crate) stream: Box<dyn Stream>,
    pub(crate) tcp: TcpStream,
    heard: Arc<Mutex<Vec<Heard>>>,
}

/// One request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Heard {
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Heard {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head
            .lines()
            .skip(1)
            .filter_map(|line| line.split_once(": "))
            .find_map(|(key, value)| key.eq_ignore_ascii_case(name).then_some(value))
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

impl Connection {
    /// Reads a request; `None` at the end of the connection.
    pub(crate) fn request(&mut self) -> Option<Heard> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            self.stream.read_exact(&mut byte).ok()?;
            head.push(byte[0]);
        }
        let mut heard = Heard { head: String::from_utf8(head).unwrap(), body: Vec::new() };
        let length = heard.header("Content-Length").map_or(0, |length| length.parse().unwrap());
        heard.body = vec![0; length];
        self.stream.read_exact(&mut heard.body).ok()?;
        self.heard.lock().unwrap().push(heard.clone());
        Some(heard)
    }

    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        self.stream.write_all(bytes.as_ref())?;
        self.stream.flush()
    }
}

/// A listening server. Its threads end with the test process.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    heard: Arc<Mutex<Vec<Heard>>>,
}

impl Server {
    /// Runs `script` for each connection, over TLS if there is some.
    pub(crate) fn start(
        tls: Option<Arc<ServerConfig>>,
        script: impl Fn(&mut Connection) + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let script = Arc::new(script);
        let record = heard.clone();
        std::thread::spawn(move || {
            for tcp in listener.incoming() {
                let tcp = tcp.unwrap();
                tcp.set_nodelay(true).unwrap();
                tcp.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
                let (tls, script, heard) = (tls.clone(), script.clone(), record.clone());
                std::thread::spawn(move || {
                    let other = tcp.try_clone().unwrap();
                    let stream: Box<dyn Stream> = match tls {
                        Some(tls) => Box::new(StreamOwned::new(ServerConnection::new(tls).unwrap(), tcp)),
                        None => Box::new(tcp),
                    };
                    script(&mut Connection { stream, tcp: other, heard });
                });
            }
        });
        Self { address, heard }
    }

    /// Answers the n-th request with the n-th of these bytes, and further ones with the last.
    pub(crate) fn answering(answers: Vec<Vec<u8>>) -> Self {
        let count = Arc::new(Mutex::new(0_usize));
        Self::start(Some(usual_tls()), move |connection| {
            while connection.request().is_some() {
                let mut number = count.lock().unwrap();
                let answer = &answers[(*number).min(answers.len() - 1)];
                *number += 1;
                if connection.send(answer).is_err() {
                    break;
                }
                // What says that it closes, closes.
                if answer.windows(17).any(|part| part == b"Connection: close") {
                    break;
                }
            }
        })
    }

    pub(crate) fn heard(&self) -> Vec<Heard> {
        self.heard.lock().unwrap().clone()
    }

    /// The base of the API at this server, under the name that its certificate has.
    pub(crate) fn url(&self) -> String {
        format!("https://127.0.0.1:{}/api/", self.address.port())
    }

    /// A client of this server with further lines in `[builder]`.
    pub(crate) fn client(&self, lines: &str) -> Client {
        Client::new(&config(&self.url(), lines))
    }

    /// What a session call to this server comes to.
    pub(crate) fn open(&self, lines: &str) -> Result<SessionReply> {
        self.client(lines).request_login(&http_request())
    }
}

/// Settings of a client of `url`, which trusts the usual authority unless `lines` say otherwise.
pub(crate) fn config(url: &str, lines: &str) -> BuilderConfig {
    let ca_file = match lines.contains("ca_file") {
        true => String::new(),
        false => format!("ca_file = {}\n", Authority::usual().ca_file().display()),
    };
    let text =
        format!("[builder]\nurl = {url}\nusername = brand\npassword = {API_PASSWORD}\n{ca_file}{lines}\n");
    Config::parse(Path::new("panelgate.ini"), text.as_bytes()).unwrap().builder
}

pub(crate) fn request(publication: Publication) -> SessionRequest {
    SessionRequest {
        domain: SiteKey::of(&Domain::new("shop.example").unwrap()),
        base_domain: None,
        publication,
        lang: None,
        hosting_plan: None,
        product_name: None,
        addon_names: Vec::new(),
        client_id: None,
        client_email: None,
        more: false,
        create_from: None,
        server_ip: None,
        user_id: None,
        license_hash: None,
        affiliate_id: None,
        extra: Default::default(),
    }
}

pub(crate) fn http_request() -> SessionRequest {
    request(Publication::Http {
        endpoint: WebUrl::parse("https://panel.example/pub/9f2c/").unwrap(),
        username: "site-9f2c".into(),
        password: Secret::new(SITE_PASSWORD.into()),
    })
}

/// An HTTP response with a body.
pub(crate) fn answer(status: &str, body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

pub(crate) fn redirect(status: &str, location: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status}\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n").into_bytes()
}

/// A session that fits the server whose port this is.
pub(crate) fn session(port: u16) -> Vec<u8> {
    answer("200 OK", format!(r#"{{"url":"https://127.0.0.1:{port}/?login_hash=ab12"}}"#))
}

/// Checks kind and text of an error, and that it holds none of the secrets.
#[track_caller]
pub(crate) fn assert_error(result: Result<SessionReply>, kind: ErrorKind, parts: &[&str]) {
    let error = result.expect_err("the call must fail");
    let text = format!("{error} | {error:?} | {}", error.chain());
    assert_eq!(error.kind(), kind, "{text}");
    for part in parts {
        assert!(text.contains(part), "{part:?} is not in {text}");
    }
    for secret in [API_PASSWORD, SITE_PASSWORD, "login_hash", "YnJhbmQ6"] {
        assert!(!text.contains(secret), "{secret:?} is in {text}");
    }
    assert!(!text.chars().any(char::is_control), "{text:?}");
}
