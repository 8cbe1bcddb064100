//! Calls to what makes backups: one server, its certificate, deadlines, bounded answers.
//!
//! Redirects are not followed: a call carries credentials, and none of these servers documents one.

use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::Duration;

use rustls::CertificateError;
use secrecy::zeroize::Zeroizing;
use ureq::http::{HeaderValue, Method, Request, Response, header};
use ureq::{Agent, Body, SendBody, Timeout};

use crate::agent::{self, Fingerprint, Settings};
use crate::error::{Error, ErrorKind, Result};
use crate::limits;
use crate::types::{Secret, WebUrl, quote};

/// Where a server is and how it is known.
#[derive(Clone)]
pub(crate) struct Place {
    /// The section of the configuration that all this stands in, for errors.
    pub(crate) section: &'static str,
    /// Its address.
    pub(crate) url: WebUrl,
    /// Certificates to trust instead of the system's.
    pub(crate) ca_file: Option<PathBuf>,
    /// The one certificate that it must have.
    pub(crate) fingerprint: Option<Fingerprint>,
}

/// A server that is called. It is cheap to make: certificates are read at the first call.
pub(crate) struct Endpoint {
    place: Place,
    agent: OnceLock<Agent>,
}

/// How long one call may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    /// In all.
    pub(crate) whole: Duration,
    /// Until the next byte.
    pub(crate) silence: Duration,
}

/// What came back, whatever the status.
pub(crate) struct Reply {
    /// The HTTP status.
    pub(crate) status: u16,
    /// The whole body. It may hold passwords.
    pub(crate) body: Zeroizing<Vec<u8>>,
}

impl Endpoint {
    pub(crate) fn new(place: Place) -> Self {
        Self { place, agent: OnceLock::new() }
    }

    /// The address.
    pub(crate) fn url(&self) -> &WebUrl {
        &self.place.url
    }

    /// The section of the configuration, for errors.
    pub(crate) fn section(&self) -> &'static str {
        self.place.section
    }

    /// Calls and reads the whole answer, of at most `limit` bytes.
    ///
    /// # Errors
    /// [`ErrorKind::BackupUnreachable`], [`ErrorKind::BackupTls`], [`ErrorKind::BackupProtocol`] if the answer is too large or broken.
    pub(crate) fn call(
        &self,
        method: Method,
        target: &str,
        headers: &[(&'static str, HeaderValue)],
        body: &[u8],
        patience: Patience,
        limit: u64,
    ) -> Result<Reply> {
        let mut bytes = body;
        let (sent, length) = (SendBody::from_reader(&mut bytes), body.len() as u64);
        let response = self.send(method, target, headers, sent, length, patience)?;
        self.read(response, limit)
    }

    /// Calls; the answer's body is not read yet. `length` is that of the request's body.
    ///
    /// # Errors
    /// [`ErrorKind::BackupUnreachable`], [`ErrorKind::BackupTls`], [`ErrorKind::BackupProtocol`].
    pub(crate) fn send(
        &self,
        method: Method,
        target: &str,
        headers: &[(&'static str, HeaderValue)],
        body: SendBody<'_>,
        length: u64,
        patience: Patience,
    ) -> Result<Response<Body>> {
        let origin = self.place.url.origin();
        let mut request = Request::builder().method(method.clone()).uri(format!("{origin}{target}"));
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        let with_body = length > 0 || method == Method::POST;
        if with_body {
            request = request.header(header::CONTENT_LENGTH, length);
        }
        let unsendable = |_| Error::new(ErrorKind::Internal, format!("a call of {origin} cannot be written"));
        let agent = self.agent()?;
        let sent = if with_body {
            let request = request.body(body).map_err(unsendable)?;
            agent.run(self.patient(agent, request, patience))
        } else {
            let request = request.body(()).map_err(unsendable)?;
            agent.run(self.patient(agent, request, patience))
        };
        sent.map_err(|fault| self.fault(fault, false))
    }

    fn patient<B: ureq::AsSendBody>(
        &self,
        agent: &Agent,
        request: Request<B>,
        patience: Patience,
    ) -> Request<B> {
        agent
            .configure_request(request)
            .timeout_global(Some(patience.whole))
            .timeout_per_read(Some(patience.silence))
            .timeout_per_write(Some(patience.silence))
            .build()
    }

    /// Reads the whole body.
    ///
    /// # Errors
    /// See [`Endpoint::call`].
    pub(crate) fn read(&self, response: Response<Body>, limit: u64) -> Result<Reply> {
        let status = response.status().as_u16();
        // Taken once, so that no copy is left behind where it grew.
        let announced = response.body().content_length().unwrap_or(limits::COPY_BYTES as u64);
        let capacity = usize::try_from(announced.min(limit)).unwrap_or(0);
        let mut body = Zeroizing::new(Vec::with_capacity(capacity));
        let mut reader = response.into_body().into_reader();
        let mut piece = Zeroizing::new([0; 16 * 1024]);
        loop {
            let count = self.piece(&mut reader, piece.as_mut_slice())?;
            if count == 0 {
                return Ok(Reply { status, body });
            }
            if (body.len() + count) as u64 > limit {
                let text = format!("{} answers with more than {limit} bytes", self.place.url.origin());
                return Err(Error::new(ErrorKind::BackupProtocol, text));
            }
            grow(&mut body, count);
            body.extend_from_slice(&piece[..count]);
        }
    }

    /// Copies the body to `to`; gives its length. `first` was already read from it.
    ///
    /// # Errors
    /// See [`Endpoint::call`]; [`ErrorKind::Internal`] with the fault of `to`.
    pub(crate) fn copy(
        &self,
        mut reader: impl Read,
        first: &[u8],
        to: &mut dyn Write,
        mut goes_on: impl FnMut() -> Result<()>,
    ) -> Result<u64> {
        let write = |to: &mut dyn Write, bytes: &[u8]| {
            to.write_all(bytes).map_err(|error| {
                Error::new(ErrorKind::Internal, "the file from the server cannot be kept").with_source(error)
            })
        };
        write(to, first)?;
        let mut length = first.len() as u64;
        let mut piece = vec![0; limits::COPY_BYTES];
        loop {
            goes_on()?;
            let count = self.piece(&mut reader, &mut piece)?;
            if count == 0 {
                return Ok(length);
            }
            write(to, &piece[..count])?;
            length += count as u64;
        }
    }

    /// One piece of a body; 0 at its end.
    pub(crate) fn piece(&self, reader: &mut impl Read, piece: &mut [u8]) -> Result<usize> {
        loop {
            match reader.read(piece) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => return result.map_err(|error| self.fault(error.into(), true)),
            }
        }
    }

    fn agent(&self) -> Result<&Agent> {
        if let Some(agent) = self.agent.get() {
            return Ok(agent);
        }
        let settings = Settings {
            section: self.place.section,
            ca_file: self.place.ca_file.as_deref(),
            proxy: None,
            allow_http: false,
            secure: true,
            connect_timeout: limits::PROVIDER_CONNECT_TIME,
            timeout: limits::PROVIDER_CALL_TIME,
            connect_to: None,
        };
        // Two threads may both come here; one of the two agents is dropped unused.
        let agent = match self.place.fingerprint {
            Some(fingerprint) => agent::build_pinned(&settings, fingerprint)?,
            None => agent::build(&settings)?,
        };
        Ok(self.agent.get_or_init(|| agent))
    }

    /// What stopped a call, perhaps in the middle of the answer. What the other side sent stays out.
    fn fault(&self, fault: ureq::Error, in_answer: bool) -> Error {
        let (origin, section) = (self.place.url.origin(), self.place.section);
        let unreachable = |what: &str| {
            Error::new(ErrorKind::BackupUnreachable, format!("{origin} {what} (see [{section}] url)"))
        };
        let protocol = |what: &str| Error::new(ErrorKind::BackupProtocol, format!("{origin}: {what}"));
        match fault {
            ureq::Error::Io(error) => {
                match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
                    Some(tls) => self.tls_fault(tls),
                    None if error.kind() == io::ErrorKind::UnexpectedEof && in_answer => {
                        protocol("the answer breaks off")
                    }
                    None if error.kind() == io::ErrorKind::TimedOut => unreachable("is silent for too long"),
                    None => unreachable("cannot be reached").with_source(error),
                }
            }
            ureq::Error::Rustls(error) => self.tls_fault(&error),
            ureq::Error::Tls(_) | ureq::Error::TlsRequired => {
                Error::new(ErrorKind::BackupTls, format!("{origin} gives no TLS connection"))
            }
            ureq::Error::Timeout(Timeout::Resolve | Timeout::Connect) => {
                unreachable("gives no connection in time")
            }
            ureq::Error::Timeout(_) => unreachable("does not answer in time"),
            ureq::Error::HostNotFound => unreachable("has no address"),
            ureq::Error::ConnectionFailed => unreachable("cannot be reached"),
            ureq::Error::LargeResponseHeader(..) => protocol("the head of the answer is too large"),
            ureq::Error::Protocol(_) => protocol("the answer is not HTTP/1.1"),
            _ => protocol("the exchange failed"),
        }
    }

    fn tls_fault(&self, error: &rustls::Error) -> Error {
        use CertificateError as Fault;
        let (origin, section) = (self.place.url.origin(), self.place.section);
        let what = match error {
            rustls::Error::InvalidCertificate(fault) => match fault {
                Fault::ApplicationVerificationFailure => {
                    format!("its certificate is not the one of [{section}] fingerprint")
                }
                Fault::Expired | Fault::ExpiredContext { .. } => "its certificate has expired".to_owned(),
                Fault::NotValidForName | Fault::NotValidForNameContext { .. } => {
                    format!(
                        "its certificate is for another name: set [{section}] url to that name, or fingerprint"
                    )
                }
                Fault::UnknownIssuer | Fault::BadSignature => {
                    format!(
                        "its certificate is from nobody who is trusted here: set [{section}] ca_file or fingerprint"
                    )
                }
                other => format!("its certificate cannot be verified: {}", quote(&other.to_string())),
            },
            other => format!("no TLS connection: {}", quote(&other.to_string())),
        };
        Error::new(ErrorKind::BackupTls, format!("{origin}: {what}"))
    }
}

/// Makes room without leaving the old content behind in freed memory.
fn grow(body: &mut Zeroizing<Vec<u8>>, more: usize) {
    let wanted = body.len() + more;
    if wanted > body.capacity() {
        let mut larger = Vec::with_capacity(wanted.next_power_of_two());
        larger.extend_from_slice(body);
        *body = Zeroizing::new(larger);
    }
}

/// A header that holds a secret: no log shows it.
///
/// # Errors
/// [`ErrorKind::Config`] if it cannot stand in a header; the value is not repeated.
pub(crate) fn secret_header(section: &str, key: &str, value: &Secret) -> Result<HeaderValue> {
    let mut header = HeaderValue::from_str(value.expose())
        .map_err(|_| Error::new(ErrorKind::Config, format!("[{section}] {key} cannot stand in a header")))?;
    header.set_sensitive(true);
    Ok(header)
}

/// The value of `Authorization` for a user name and password.
///
/// # Errors
/// See [`secret_header`].
pub(crate) fn basic(section: &str, login: &str, password: &Secret) -> Result<HeaderValue> {
    use base64::Engine;
    let pair = Zeroizing::new(format!("{login}:{}", password.expose()));
    let token = base64::engine::general_purpose::STANDARD.encode(pair.as_bytes());
    secret_header(section, "password", &Secret::new(format!("Basic {token}")))
}
