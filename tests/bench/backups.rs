//! What `tests/bench/backups.py` runs on: a server of many webspaces whose sites were all opened, and a builder that takes 50 ms for each backup.
//!
//! `bench-backups DIRECTORY WEBSPACES BYTES` prints what must be known as JSON, and lives until its standard input ends. A line there is answered by the number of
//! backups that were asked for so far.

use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use panelgate::config::Config;
use panelgate::panel::{self, SiteKind};
use panelgate::sandbox::tree::{TreeSite, write_cpanel_tree};
use panelgate::store::{Binding, Store};
use panelgate::sys::users::User;
use panelgate::types::{Domain, Username};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// How long the builder takes for a backup.
const WORK: Duration = Duration::from_millis(50);
/// The site whose project is large, which comes at once.
const LARGE: &str = "large.example";
const FIRST_UID: u32 = 300_000;

static ASKED: AtomicU64 = AtomicU64::new(0);

fn main() -> io::Result<()> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, directory, webspaces, bytes] = arguments.as_slice() else {
        return Err(io::Error::other("bench-backups DIRECTORY WEBSPACES BYTES"));
    };
    let (directory, number) =
        (Path::new(directory), |text: &str| text.parse::<u64>().map_err(io::Error::other));
    let (webspaces, bytes) = (number(webspaces)?, number(bytes)?);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let url = format!("https://{}/api/", listener.local_addr()?);
    let (config, ca) = identity()?;
    fs::write(directory.join("ca.pem"), ca)?;
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let config = Arc::clone(&config);
            // What fails here ends this connection only: its client notices.
            thread::spawn(move || serve(&config, stream, bytes));
        }
    });
    let settings = world(directory, &url, webspaces)?;
    let facts =
        serde_json::json!({ "config": settings, "url": url, "ca": directory.join("ca.pem"), "large": LARGE });
    writeln!(io::stdout(), "{facts}")?;
    for _ in io::stdin().lines() {
        writeln!(io::stdout(), "{}", ASKED.load(Ordering::Relaxed))?;
    }
    Ok(())
}

fn identity() -> io::Result<(Arc<ServerConfig>, String)> {
    let make = || -> Result<_, rcgen::Error> {
        let mut authority = CertificateParams::new(Vec::<String>::new())?;
        // The authority and what it certifies must not have one name.
        authority.distinguished_name.push(DnType::CommonName, "Panelgate bench authority");
        authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        authority.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let issuer = CertifiedIssuer::self_signed(authority, KeyPair::generate()?)?;
        let key = KeyPair::generate()?;
        let certificate = CertificateParams::new(["127.0.0.1".to_owned()])?.signed_by(&key, &issuer)?;
        Ok((issuer.pem(), certificate.der().clone(), PrivatePkcs8KeyDer::from(key.serialize_der())))
    };
    let (ca, certificate, key) = make().map_err(io::Error::other)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(vec![certificate], key.into()))
        .map_err(io::Error::other)?;
    Ok((Arc::new(config), ca))
}

/// The accounts, each with one site, and the store in which all of these were opened; the path of the configuration.
fn world(directory: &Path, url: &str, webspaces: u64) -> io::Result<String> {
    let root = directory.join("root");
    let sites: Vec<(String, String)> = (0..webspaces)
        .map(|number| (format!("user{number:05}"), format!("site{number:05}.example")))
        .chain([("large".to_owned(), LARGE.to_owned())])
        .collect();
    for (number, (name, site)) in sites.iter().enumerate() {
        let uid = FIRST_UID + u32::try_from(number).map_err(io::Error::other)?;
        let user = User { home: Path::new("/home").join(name), name: name.clone(), uid, gid: uid };
        let domain = Domain::new(site).map_err(io::Error::other)?;
        write_cpanel_tree(&root, &user, &[TreeSite::new(domain, SiteKind::Main, "public_html")])?;
    }
    let path = directory.join("panelgate.ini");
    let text = format!(
        "[panel]\nkind = cpanel\nroot = {}\n[builder]\nurl = {url}\nusername = bench\npassword = bench\nca_file = {}/ca.pem\n\
         [backup]\nat_once = 20\nper_provider = 20\nbuilder_directory = /srv/backups\nkeep = 1\n[store]\ndir = {}/state\n",
        root.display(),
        directory.display(),
        directory.display(),
    );
    fs::write(&path, text)?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600))?;
    let bind = || -> panelgate::error::Result<()> {
        let config = Config::load(&path)?;
        let (panel, store) = (panel::open(&config.panel)?, Store::open(&config.state_dir)?);
        for (name, site) in &sites {
            let account = panel.account(&Username::new(name)?)?;
            store.bind(&Domain::new(site)?, &account.id, None, Binding::Plain)?;
        }
        Ok(())
    };
    bind().map_err(io::Error::other)?;
    Ok(path.display().to_string())
}

/// One connection: each request is a backup.
fn serve(config: &Arc<ServerConfig>, stream: TcpStream, bytes: u64) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let connection = ServerConnection::new(Arc::clone(config)).map_err(io::Error::other)?;
    let mut stream = BufReader::new(StreamOwned::new(connection, stream));
    loop {
        let (mut length, mut line) = (0, String::new());
        loop {
            line.clear();
            if stream.read_line(&mut line)? == 0 {
                return Ok(());
            }
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().map_err(io::Error::other)?;
            }
            if line == "\r\n" {
                break;
            }
        }
        let mut body = vec![0; length];
        stream.read_exact(&mut body)?;
        let body = String::from_utf8_lossy(&body).into_owned();
        ASKED.fetch_add(1, Ordering::Relaxed);
        answer(stream.get_mut(), &body, bytes)?;
    }
}

fn answer(stream: &mut impl Write, body: &str, bytes: u64) -> io::Result<()> {
    if body.contains("\"dir\"") {
        thread::sleep(WORK);
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")?;
        return stream.flush();
    }
    let is_large = body.contains(LARGE);
    let length = if is_large { bytes } else { 2048 };
    if !is_large {
        thread::sleep(WORK);
    }
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nContent-Length: {length}\r\n\r\n"
    );
    stream.write_all(head.as_bytes())?;
    let piece: Vec<u8> = (0..64 * 1024_u32).map(|at| (at * 31 % 251) as u8).collect();
    let mut left = length;
    while left > 0 {
        let count = left.min(piece.len() as u64);
        stream.write_all(&piece[..usize::try_from(count).map_err(io::Error::other)?])?;
        left -= count;
    }
    stream.flush()
}
