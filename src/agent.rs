//! The one place that makes an HTTP client.
//!
//! Its rules: no proxy from the environment (below a web server a request header can set `HTTP_PROXY`), no redirect that the caller has not
//! looked at, no cookie, no decompression, certificates always verified, every wait and buffer bounded.

mod pinned;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use ureq::config::Config;
use ureq::http::Uri;
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{Connector, DefaultConnector, NextTimeout, TcpConnector};
use ureq::{Agent, Proxy};

use crate::error::{Error, ErrorKind, Result};
use crate::sys::{file, identity};
use crate::types::WebUrl;
use crate::{VERSION, limits};

pub(crate) use pinned::Fingerprint;

/// Where systems keep the certificates that their administrator trusts: Red Hat's, Debian's and SUSE's families.
const SYSTEM_BUNDLES: [&str; 3] =
    ["/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/certs/ca-certificates.crt", "/etc/ssl/ca-bundle.pem"];

/// What differs between the clients of different servers.
pub(crate) struct Settings<'a> {
    /// The section of the configuration that `ca_file` and `proxy` stand in, for errors.
    pub(crate) section: &'static str,
    /// Certificates to trust instead of the system's.
    pub(crate) ca_file: Option<&'a Path>,
    /// A proxy.
    pub(crate) proxy: Option<&'a WebUrl>,
    /// Whether a call without TLS is possible at all.
    pub(crate) allow_http: bool,
    /// Whether there will be calls with TLS.
    pub(crate) secure: bool,
    /// For connecting and for looking up the name, each.
    pub(crate) connect_timeout: Duration,
    /// For a whole call.
    pub(crate) timeout: Duration,
    /// Where to connect, whatever the address's host resolves to. The certificate must be the host's all the same.
    pub(crate) connect_to: Option<SocketAddr>,
}

/// Makes the client. This reads the trusted certificates, which takes longer than all else here: only at the first call, and not for a server
/// without TLS.
pub(crate) fn build(settings: &Settings<'_>) -> Result<Agent> {
    let roots = match settings.ca_file {
        Some(path) => own_roots(settings.section, path)?,
        None if settings.secure => system_roots(),
        None => RootCerts::WebPki,
    };
    let config = common(settings, roots)?;
    Ok(match settings.connect_to {
        Some(address) => Agent::with_parts(config, DefaultConnector::default(), Fixed(address)),
        None => Agent::with_parts(config, DefaultConnector::default(), Remembering::default()),
    })
}

/// Makes a client of the one server that has that certificate. There is no proxy, and no call without TLS; `ca_file` does not count.
pub(crate) fn build_pinned(settings: &Settings<'_>, fingerprint: Fingerprint) -> Result<Agent> {
    let config = common(&Settings { proxy: None, allow_http: false, ..*settings }, RootCerts::WebPki)?;
    let tls = pinned::PinnedTls::new(fingerprint)
        .map_err(|error| Error::new(ErrorKind::Internal, "TLS cannot be set up").with_source(error))?;
    let connector = ().chain(TcpConnector::default()).chain(tls);
    Ok(match settings.connect_to {
        Some(address) => Agent::with_parts(config, connector, Fixed(address)),
        None => Agent::with_parts(config, connector, Remembering::default()),
    })
}

/// What all clients have in common.
fn common(settings: &Settings<'_>, roots: RootCerts) -> Result<Config> {
    let config = Agent::config_builder()
        .proxy(proxy(settings)?)
        .tls_config(TlsConfig::builder().root_certs(roots).build())
        .https_only(!settings.allow_http)
        .http_status_as_error(false)
        .max_redirects(0)
        .no_delay(true)
        .user_agent(format!("panelgate/{VERSION}"))
        .accept("application/json")
        .accept_encoding("identity")
        .timeout_global(Some(settings.timeout))
        .timeout_resolve(Some(settings.connect_timeout))
        .timeout_connect(Some(settings.connect_timeout))
        .max_response_header_size(limits::BUILDER_HEAD_BYTES)
        // The input buffer must be able to hold more than the largest head, else a larger one would look like a lost connection.
        .input_buffer_size(2 * limits::BUILDER_HEAD_BYTES)
        .output_buffer_size(8 * 1024)
        .max_idle_connections(limits::BUILDER_IDLE_CONNECTIONS)
        .max_idle_connections_per_host(limits::BUILDER_IDLE_CONNECTIONS)
        .max_idle_age(limits::BUILDER_IDLE_TIME)
        .build();
    Ok(config)
}

/// The system's resolver, asked only where it must be.
///
/// The client wants addresses before it looks for a connection that is open, so that every call would wait for the resolver, and a thread be made for
/// it. An address needs none, and an answer for a name holds for [`limits::RESOLVE_MEMORY`].
#[derive(Debug, Default)]
struct Remembering {
    system: DefaultResolver,
    last: Mutex<Option<Remembered>>,
}

#[derive(Debug)]
struct Remembered {
    server: String,
    addresses: Vec<SocketAddr>,
    until: Instant,
}

impl Remembering {
    fn last(&self) -> MutexGuard<'_, Option<Remembered>> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn known(&self, server: &str) -> Option<Vec<SocketAddr>> {
        if let Ok(address) = server.parse() {
            return Some(vec![address]);
        }
        let last = self.last();
        let known = last.as_ref().filter(|last| last.server == server && Instant::now() < last.until)?;
        Some(known.addresses.clone())
    }
}

impl Resolver for Remembering {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> std::result::Result<ResolvedSocketAddrs, ureq::Error> {
        let server = uri.scheme().zip(uri.authority());
        let server = server.and_then(|(scheme, authority)| DefaultResolver::host_and_port(scheme, authority));
        let Some(server) = server else { return self.system.resolve(uri, config, timeout) };
        if let Some(known) = self.known(&server) {
            let mut addresses = self.empty();
            known.into_iter().for_each(|address| addresses.push(address));
            return Ok(addresses);
        }
        let addresses = self.system.resolve(uri, config, timeout)?;
        let until = Instant::now() + limits::RESOLVE_MEMORY;
        *self.last() = Some(Remembered { server, addresses: addresses.to_vec(), until });
        Ok(addresses)
    }
}

/// A resolver that knows one answer.
#[derive(Debug)]
struct Fixed(SocketAddr);

impl Resolver for Fixed {
    fn resolve(
        &self,
        _: &Uri,
        _: &Config,
        _: NextTimeout,
    ) -> std::result::Result<ResolvedSocketAddrs, ureq::Error> {
        let mut addresses = self.empty();
        addresses.push(self.0);
        Ok(addresses)
    }
}

fn proxy(settings: &Settings<'_>) -> Result<Option<Proxy>> {
    let Some(url) = settings.proxy else { return Ok(None) };
    Proxy::new(&url.origin()).map(Some).map_err(|_| {
        let text = format!("[{}] proxy: {} cannot be used", settings.section, url.origin());
        Error::new(ErrorKind::Config, text)
    })
}

/// The certificates in the administrator's file. Each must be one, so that a damaged file is not found out as an untrusted builder.
fn own_roots(section: &str, path: &Path) -> Result<RootCerts> {
    let fail = |what: String| {
        Error::new(ErrorKind::Config, format!("[{section}] ca_file {}: {what}", path.display()))
    };
    let (bytes, mode) =
        read_bundle(path).map_err(|error| fail("it cannot be read".into()).with_source(error))?;
    if mode & 0o022 != 0 {
        return Err(fail(format!("others can change this file (mode {mode:04o}): run chmod go-w on it")));
    }
    let certificates =
        certificates(&bytes).map_err(|number| fail(format!("its PEM block number {number} is damaged")))?;
    if certificates.is_empty() {
        return Err(fail("it holds no certificate in PEM form (-----BEGIN CERTIFICATE-----)".into()));
    }
    for (index, certificate) in certificates.iter().enumerate() {
        let fault = RootCertStore::empty().add(CertificateDer::from(certificate.der()));
        if fault.is_err() {
            return Err(fail(format!("its certificate number {} is not valid X.509", index + 1)));
        }
    }
    Ok(RootCerts::from(certificates))
}

/// What the system trusts, else the roots that were compiled in.
fn system_roots() -> RootCerts {
    for path in SYSTEM_BUNDLES {
        let Ok((bytes, _)) = read_bundle(Path::new(path)) else { continue };
        match certificates(&bytes) {
            Ok(certificates) if !certificates.is_empty() => return RootCerts::from(certificates),
            _ => log::warn!("{path} holds no usable certificates; looking elsewhere"),
        }
    }
    RootCerts::WebPki
}

/// Reads a bundle of root or of this user. Systems keep them behind symbolic links, so the link is resolved first; what counts is who owns the
/// file itself.
fn read_bundle(path: &Path) -> Result<(Vec<u8>, u32), file::ReadError> {
    let real: PathBuf = path.canonicalize().map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => file::ReadError::Missing,
        _ => file::ReadError::Io(error),
    })?;
    let content = file::read(&real, limits::CA_FILE_BYTES, &[0, identity::uids().effective])?;
    Ok((content.bytes, content.mode))
}

/// The certificates in PEM text, or the number of the first block that is damaged.
fn certificates(pem: &[u8]) -> Result<Vec<Certificate<'static>>, usize> {
    let mut found = Vec::new();
    for (index, item) in parse_pem(pem).enumerate() {
        match item {
            Ok(PemItem::Certificate(certificate)) => found.push(certificate),
            Ok(_) => {}
            Err(_) => return Err(index + 1),
        }
    }
    Ok(found)
}
