//! What stopped a call on its way, as an error that says what to do.
//!
//! Only texts of our own and of the system are used: what the other side sent stays out.

use std::io;
use std::time::Duration;

use rustls::CertificateError;
use ureq::Timeout;

use crate::config::BuilderConfig;
use crate::error::{Error, ErrorKind};
use crate::types::{WebUrl, quote};

/// A fault before the head of the answer was there; `time` is what the call had.
pub(super) fn describe(fault: ureq::Error, url: &WebUrl, config: &BuilderConfig, time: Duration) -> Error {
    let place = place(url, config);
    let unreachable = |what: &str| Error::new(ErrorKind::BuilderUnreachable, format!("{place} {what}"));
    match fault {
        ureq::Error::Io(error) => io_fault(error, url, &place),
        ureq::Error::Rustls(error) => tls_fault(&error, url),
        ureq::Error::Tls(_) | ureq::Error::TlsRequired => {
            Error::new(ErrorKind::BuilderTls, format!("{place} gives no TLS connection"))
        }
        ureq::Error::Timeout(Timeout::Resolve) => {
            unreachable("cannot be looked up in time: check the name servers")
        }
        ureq::Error::Timeout(Timeout::Connect) => unreachable(&format!(
            "gives no connection within {} s: check network, firewall and [builder] url",
            config.connect_timeout.as_secs()
        )),
        ureq::Error::Timeout(_) if time < config.timeout => unreachable(&format!(
            "did not answer within {} s: it is waited for less long than [builder] timeout, since it let the last calls wait in vain",
            time.as_secs()
        )),
        ureq::Error::Timeout(_) => {
            unreachable(&format!("did not answer within {} s ([builder] timeout)", time.as_secs()))
        }
        ureq::Error::HostNotFound => unreachable("has no address: check [builder] url and the name servers"),
        ureq::Error::ConnectionFailed => unreachable("cannot be reached: check network and [builder] url"),
        ureq::Error::ConnectProxyFailed(_) | ureq::Error::InvalidProxyUrl => {
            unreachable("is not connected by the proxy: check [builder] proxy and what it allows")
        }
        ureq::Error::LargeResponseHeader(..) => protocol(url, "the head of the answer is too large"),
        ureq::Error::Protocol(_) => protocol(url, "the answer is not HTTP/1.1"),
        _ => protocol(url, "the exchange failed"),
    }
}

/// A fault while the body of the answer was read; `time` is what the call had.
pub(super) fn describe_body(
    fault: ureq::Error,
    url: &WebUrl,
    config: &BuilderConfig,
    time: Duration,
) -> Error {
    match fault {
        ureq::Error::Io(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            protocol(url, "the answer ends before its announced length")
        }
        ureq::Error::Protocol(_) | ureq::Error::BodyStalled => {
            protocol(url, "the answer's framing is broken")
        }
        fault => describe(fault, url, config, time),
    }
}

fn protocol(url: &WebUrl, what: &str) -> Error {
    Error::new(ErrorKind::BuilderProtocol, format!("{}: {what}", url.origin()))
}

/// Who was called, and through whom.
fn place(url: &WebUrl, config: &BuilderConfig) -> String {
    match &config.proxy {
        Some(proxy) => format!("{} (through the proxy {})", url.origin(), proxy.origin()),
        None => url.origin(),
    }
}

fn io_fault(error: io::Error, url: &WebUrl, place: &str) -> Error {
    if let Some(tls) = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        return tls_fault(tls, url);
    }
    match error.kind() {
        io::ErrorKind::InvalidData => {
            Error::new(ErrorKind::BuilderTls, format!("{place} gives no TLS connection"))
        }
        io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => {
            let text = format!("{place} closed the connection without an answer");
            Error::new(ErrorKind::BuilderUnreachable, text)
        }
        _ => {
            let text = format!("{place} cannot be reached: check network, name servers and [builder] url");
            Error::new(ErrorKind::BuilderUnreachable, text).with_source(error)
        }
    }
}

fn tls_fault(error: &rustls::Error, url: &WebUrl) -> Error {
    use CertificateError as Fault;
    let what = match error {
        rustls::Error::InvalidCertificate(fault) => match fault {
            Fault::Expired | Fault::ExpiredContext { .. } => {
                "its certificate has expired (or this server's clock is wrong)".to_owned()
            }
            Fault::NotValidYet | Fault::NotValidYetContext { .. } => {
                "its certificate is not valid yet (or this server's clock is wrong)".to_owned()
            }
            Fault::NotValidForName | Fault::NotValidForNameContext { .. } => {
                "its certificate is for another name: check [builder] url".to_owned()
            }
            Fault::UnknownIssuer | Fault::BadSignature => {
                "its certificate is not from an authority that is trusted here: for an authority of your own, set [builder] ca_file"
                    .to_owned()
            }
            other => format!("its certificate cannot be verified: {}", quote(&other.to_string())),
        },
        rustls::Error::InvalidMessage(_) | rustls::Error::PeerIncompatible(_) => {
            "it does not speak TLS 1.2 or 1.3 on this port: check [builder] url".to_owned()
        }
        other => format!("no TLS connection: {}", quote(&other.to_string())),
    };
    Error::new(ErrorKind::BuilderTls, format!("{}: {what}", url.origin()))
}
