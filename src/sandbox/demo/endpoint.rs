//! The demo's publication endpoint: where the builder sends what it publishes.
//!
//! Web server and broker are played by this process, since a broker is root's. What is real: the decision about each request, with its password and the
//! account's data; and the worker, a process of its own behind its walls, which alone touches the document root.

use std::io::{self, Read, Write};
use std::net::TcpListener;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use super::cgi;
use crate::error::{Error, ErrorKind, Result};
use crate::gateway::Direct;
use crate::limits;
use crate::ops::Principal;
use crate::ops::endpoint::{self, Decision, Head, Permit, Work};
use crate::ops::internal::{self, Word};
use crate::publish::worker::Task;
use crate::publish::workers::{Lease, Workers};
use crate::sandbox::http::{self, Request, Response, Server};
use crate::sandbox::tls::{Identity, TlsSocket};
use crate::store::{PublicationRow, SiteRow, Store};
use crate::sys::identity;
use crate::types::{Reference, Secret};
use crate::web::{self, messages, messages::Language};

/// Where the endpoint is on its server.
pub(super) const PATH: &str = "/panelgate";

/// A running endpoint.
pub(super) struct Endpoint {
    server: Server,
    desk: Arc<Desk>,
}

struct Desk {
    direct: Direct,
    workers: Arc<Workers>,
    /// Publications by archive that are being worked on.
    running: Mutex<Vec<JoinHandle<()>>>,
    ending: AtomicBool,
}

impl Endpoint {
    /// Serves with TLS, by the configuration.
    pub(super) fn start(listener: TcpListener, tls: &Identity, config: &Path) -> Result<Self> {
        let direct = Direct::open(config)?;
        let workers = Workers::new(&direct.context().config.publish.worker_program);
        let desk =
            Arc::new(Desk { direct, workers, running: Mutex::default(), ending: AtomicBool::new(false) });
        let theirs = Arc::clone(&desk);
        let tls = tls.config.clone();
        let wrap = move |socket| TlsSocket::new(&tls, socket);
        let answer = move |request: Request| theirs.answer(&request);
        let server = http::serve_with(listener, http::Limits::default(), wrap, answer);
        let server = server.map_err(|error| {
            Error::new(ErrorKind::Internal, "the demo's endpoint cannot be started").with_source(error)
        })?;
        Ok(Self { server, desk })
    }
}

impl Drop for Endpoint {
    /// Workers close what they have begun.
    fn drop(&mut self) {
        self.server.stop();
        self.desk.ending.store(true, Ordering::Release);
        let running = std::mem::take(&mut *lock(&self.desk.running));
        for thread in running {
            let _ = thread.join();
        }
        self.desk.workers.finish(limits::DEMO_WORKER_TIME);
    }
}

impl Desk {
    fn answer(self: &Arc<Self>, request: &Request) -> Response {
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

    fn publish(self: &Arc<Self>, request: &Request, reference: Reference) -> Result<Response> {
        let context = self.direct.context();
        let head = head(request, reference)?;
        let principal = Principal::WebServer { uid: identity::uids().effective };
        let work = match endpoint::admit(context, &principal, &head)? {
            Decision::Answer(reply) => {
                return Ok(Response::with_body(reply.status, &reply.media, reply.body));
            }
            Decision::Work(work) => *work,
            Decision::Action(word) => {
                if matches!(word, Word::Accepted { .. }) {
                    self.begin();
                }
                return Ok(Response::with_body(200, "application/json", web::action(&word)));
            }
        };
        let Work { permit, task, row } = work;
        let lease = self.lease(&permit, &row)?;
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

impl Desk {
    fn lease(&self, permit: &Permit, row: &SiteRow) -> Result<Lease> {
        if !self.workers.has(&permit.assignment) {
            endpoint::check_beginning(self.direct.context(), row)?;
        }
        self.workers.lease(&permit.assignment)
    }

    /// Works on what is queued, beside the requests.
    fn begin(self: &Arc<Self>) {
        let desk = Arc::clone(self);
        let work = move || {
            while let Ok(Some(job)) = desk.direct.context().store().and_then(Store::begin_publication) {
                let result = desk.fetch_and_apply(&job);
                if let Err(error) = &result {
                    log::warn!("{}: {} was not published: {error:?}", job.reference, job.key);
                }
                let end = result.map_err(|error| error.kind());
                let noted =
                    desk.direct.context().store().and_then(|store| store.end_publication(&job.id, end));
                if let Err(error) = noted {
                    log::error!("{}: the end of the publication is not noted: {error:?}", job.reference);
                }
            }
        };
        match std::thread::Builder::new().name("publication".into()).spawn(work) {
            Ok(thread) => lock(&self.running).push(thread),
            Err(error) => log::error!("no thread can be started: {error}"),
        }
    }

    /// What the broker does with a publication by archive.
    fn fetch_and_apply(&self, job: &PublicationRow) -> Result<()> {
        let context = self.direct.context();
        let (row, permit) = internal::permit(context, job)?;
        let go_on = || match self.ending.load(Ordering::Acquire) {
            true => Err(Error::new(ErrorKind::Unavailable, "the demo is ending")),
            false => Ok(()),
        };
        let spool = internal::fetch(context, job, &go_on)?;
        let file = spool.reader().map_err(|error| {
            Error::new(ErrorKind::Internal, "the archive cannot be handed over").with_source(error)
        })?;
        self.lease(&permit, &row)?.call_with(Task::Apply, &file, limits::SANDBOX_PUBLISH_TIME).map(drop)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
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
        remote: Some(request.peer.ip()),
        media: field("Content-Type"),
        form: None,
    };
    if endpoint::takes_form(&head.method, &head.path) {
        head.form = Some(request.body.clone());
    }
    Ok(head)
}
