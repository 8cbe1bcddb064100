//! The demo's publication endpoint: where the builder sends what it publishes.
//!
//! Web server and broker are played by this process, since a broker is root's. What is real: the decision about each request, with its password and the
//! account's data; and the worker, a process of its own behind its walls, which alone touches the document root.

use std::io::{self, Read, Write};
use std::net::{IpAddr, TcpListener};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;

use super::cgi;
use crate::error::{Error, ErrorKind, Result};
use crate::gateway::Direct;
use crate::limits;
use crate::ops::Principal;
use crate::ops::endpoint::{self, Decision, Head, Work};
use crate::publish::worker::Task;
use crate::publish::workers::Workers;
use crate::sandbox::http::{self, Request, Response, Server};
use crate::sandbox::tls::{Identity, TlsSocket};
use crate::sys::identity;
use crate::types::{Reference, Secret};
use crate::web::messages::{self, Language};

/// Where the endpoint is on its server.
pub(super) const PATH: &str = "/panelgate";

/// A running endpoint.
pub(super) struct Endpoint {
    _server: Server,
    workers: Arc<Workers>,
}

struct Desk {
    direct: Direct,
    workers: Arc<Workers>,
}

impl Endpoint {
    /// Serves with TLS, by the configuration.
    pub(super) fn start(listener: TcpListener, tls: &Identity, config: &Path) -> Result<Self> {
        let direct = Direct::open(config)?;
        let workers = Workers::new(&direct.context().config.publish.worker_program);
        let desk = Desk { direct, workers: Arc::clone(&workers) };
        let tls = tls.config.clone();
        let wrap = move |socket| TlsSocket::new(&tls, socket);
        let server =
            http::serve_with(listener, http::Limits::default(), wrap, move |request| desk.answer(&request));
        let server = server.map_err(|error| {
            Error::new(ErrorKind::Internal, "the demo's endpoint cannot be started").with_source(error)
        })?;
        Ok(Self { _server: server, workers })
    }
}

impl Drop for Endpoint {
    /// Workers close what they have begun.
    fn drop(&mut self) {
        self.workers.finish(limits::DEMO_WORKER_TIME);
    }
}

impl Desk {
    fn answer(&self, request: &Request) -> Response {
        let reference = Reference::random();
        self.publish(request, reference).unwrap_or_else(|error| {
            log::warn!("{reference}: a publication request was refused: {error:?}");
            let kind = error.kind();
            let text = format!("{} ({reference})\n", messages::error(Language::En, kind));
            let response = Response::text(kind.http_status(), &text);
            match kind {
                ErrorKind::CredentialsRejected => {
                    response.header("WWW-Authenticate", "Basic realm=\"publication\"")
                }
                _ => response,
            }
        })
    }

    fn publish(&self, request: &Request, reference: Reference) -> Result<Response> {
        let context = self.direct.context();
        let head = head(request, reference)?;
        let principal = Principal::WebServer { uid: identity::uids().effective };
        let work = match endpoint::admit(context, &principal, &head)? {
            Decision::Answer(reply) => {
                return Ok(Response::with_body(reply.status, &reply.media, reply.body));
            }
            Decision::Work(work) => *work,
        };
        let Work { permit, task, row } = work;
        if !self.workers.has(&permit.assignment) {
            endpoint::check_beginning(context, &row)?;
        }
        let lease = self.workers.lease(&permit.assignment)?;
        let fail = |error: io::Error| {
            Error::new(ErrorKind::Internal, "the worker cannot be given the request").with_source(error)
        };
        // One socket for both directions, as mod_cgid has it.
        let (ours, theirs) = UnixStream::pair().map_err(fail)?;
        ours.set_read_timeout(Some(limits::SANDBOX_REQUEST_TIME)).map_err(fail)?;
        ours.set_write_timeout(Some(limits::SANDBOX_REQUEST_TIME)).map_err(fail)?;
        lease.send(Task::File(task), &[theirs.as_fd(), theirs.as_fd()])?;
        drop(theirs);
        let answer = converse(&ours, &request.body).map_err(fail)?;
        cgi::parse(&answer)
            .map_err(|what| Error::new(ErrorKind::Internal, format!("the worker's answer: {what}")))
    }
}

/// Sends the body and reads the answer to its end, both at once: either side may have to wait for the other.
fn converse(stream: &UnixStream, body: &[u8]) -> io::Result<Vec<u8>> {
    std::thread::scope(|scope| {
        // A worker that refuses may close before it has read everything.
        scope.spawn(|| {
            let mut stream = stream;
            let _ = stream.write_all(body).and_then(|()| stream.shutdown(std::net::Shutdown::Write));
        });
        let mut answer = Vec::new();
        stream.take(limits::DEMO_PAGE_BYTES).read_to_end(&mut answer)?;
        Ok(answer)
    })
}

/// The head of a request, as the endpoint's program reads it behind a web server.
fn head(request: &Request, reference: Reference) -> Result<Head> {
    let outside = || Error::new(ErrorKind::PathRefused, "the address is not the endpoint's");
    let path = request.path().strip_prefix(PATH).ok_or_else(outside)?;
    let path = super::decode(path)
        .ok_or_else(|| Error::new(ErrorKind::PathRefused, "the path is malformed or not UTF-8"))?;
    let field = |name: &str| request.headers.get(name).map(str::to_owned);
    let has_body = request.method == "POST";
    let mut head = Head {
        reference,
        method: request.method.clone(),
        path,
        query: request.query().to_owned(),
        authorization: field("Authorization").map(Secret::new),
        length: has_body.then_some(request.body.len() as u64),
        remote: Some(IpAddr::from(request.peer.ip())),
        media: field("Content-Type"),
        form: None,
    };
    if endpoint::takes_form(&head.method, &head.path) {
        head.form = Some(request.body.clone());
    }
    Ok(head)
}
