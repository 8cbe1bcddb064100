//! From a request to an answer: decode, find out who it is, let the use cases decide and act, encode.

mod call;
mod open;

use std::fs::File;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Instant;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::config::Config;
use crate::error::{Error, ErrorKind, Result};
use crate::limits;
use crate::ops::backup::{self, ProjectFile};
use crate::ops::event::{self, RefreshRequest};
use crate::ops::policy::{self, Operation};
use crate::ops::quota::Quota;
use crate::ops::{self, Context, Principal, admin, published};
use crate::store::{AuditEntry, JobFacts, JobsLock, Store};
use crate::sys::clock;
use crate::types::{Reference, Username, quote};

use super::examination::Examination;
use super::lane::Lane;
use super::protocol::{self, Answer, Request};
use super::publication::{Admission, Endpoint, Promise};
use super::shares::Shares;
use super::wire::{
    Admitted, AuditArgs, BackupArgs, ClaimArgs, ManageArgs, OverviewArgs, PublishArgs, RefreshArgs,
    RevokeArgs, WireOverview,
};
use call::{CallPlace, Calls};
pub(super) use open::Opening;

/// What all requests share.
pub(super) struct Desk {
    path: PathBuf,
    context: RwLock<Arc<Context>>,
    /// What panel users ask for, by the account that they name.
    shares: Shares,
    /// Openings, which wait for the builder.
    pub(super) openings: Lane,
    /// How often accounts say that something has changed.
    refreshes: Mutex<Quota<Username>>,
    /// Calls of the builder's that run for others than root.
    calls: Calls,
    counts: Counts,
    /// The publication endpoint's side of the broker.
    pub(super) endpoint: Endpoint,
    examination: Examination,
    started: u64,
    /// Unix seconds of the last time that old lines of the audit were removed.
    swept: AtomicU64,
}

/// What the broker counts from its start.
#[derive(Default)]
struct Counts {
    answered: AtomicU64,
    opened: AtomicU64,
    refused: AtomicU64,
    dropped: AtomicU64,
}

impl Desk {
    /// Reads the configuration and opens the panel.
    pub(super) fn open(path: &Path) -> Result<Self> {
        let context = Arc::new(Context::new(Config::load(path)?)?);
        context.watch_sites();
        context.leave_programs_to_jobs();
        let endpoint = Endpoint::new(&context.config.publish.worker_program);
        let context = RwLock::new(context);
        Ok(Self {
            path: path.to_owned(),
            context,
            shares: Shares::new(),
            openings: Lane::new(
                limits::OPENINGS_AT_ONCE,
                limits::OPENINGS_FOR_OTHERS,
                limits::QUEUED_REQUESTS,
            ),
            refreshes: Mutex::new(Quota::new(limits::REFRESH_BUCKET, limits::REFRESH_REFILL)),
            calls: Calls::default(),
            counts: Counts::default(),
            endpoint,
            examination: Examination::default(),
            started: clock::unix_seconds(),
            swept: AtomicU64::new(0),
        })
    }

    /// Reads the configuration again. Requests that are running keep the old one; if the new one is wrong, all do.
    pub(super) fn reload(&self) -> Result<()> {
        let fresh = Arc::new(Context::new(Config::load(&self.path)?)?);
        fresh.watch_sites();
        fresh.leave_programs_to_jobs();
        *self.context.write().unwrap_or_else(PoisonError::into_inner) = fresh;
        Ok(())
    }

    pub(super) fn context(&self) -> Arc<Context> {
        Arc::clone(&self.context.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Counts a connection that was closed without an answer.
    pub(super) fn count_dropped(&self) {
        self.counts.dropped.fetch_add(1, Ordering::Relaxed);
    }

    /// Answers a frame of the uid that the kernel named; `load`: requests queued and running; `stream`: where more of the request may come from.
    pub(super) fn answer(
        &self,
        uid: u32,
        frame: &[u8],
        load: (usize, usize),
        stream: &UnixStream,
    ) -> Heard<'_> {
        self.counts.answered.fetch_add(1, Ordering::Relaxed);
        let Ok(request) = serde_json::from_slice::<Request>(frame) else {
            let text = "the request is not what the protocol says";
            return Heard::Answer(self.refused(Answer::error(ErrorKind::BadRequest, text)), Further::Nothing);
        };
        let reference =
            request.reference.as_deref().and_then(|text| text.parse().ok()).unwrap_or_else(Reference::random);
        let context = self.context();
        let result = match ops::principal_of_uid(uid, &context) {
            Ok(principal) => self
                .operate(&context, &principal, reference, request, load, stream)
                .map_err(|error| told(&principal, reference, &error)),
            Err(error) => {
                log::warn!("{reference}: uid {uid} may be anybody: {error:?}");
                Err(Answer::error(error.kind(), in_the_log(error.kind(), reference)))
            }
        };
        self.sweep_audit(&context);
        published::tend(&context);
        match result {
            Ok(Done::Value(value)) => Heard::Answer(Answer::ok(value), Further::Nothing),
            Ok(Done::Promise(promise)) => {
                Heard::Answer(Answer::ok(json!({ "go": true })), Further::Promise(promise))
            }
            Ok(Done::File(value, file)) => Heard::Answer(Answer::ok(value), Further::File(file)),
            Ok(Done::Text(text, place)) => {
                Heard::Answer(Answer::long(text.len()), Further::Text(text, place))
            }
            Ok(Done::Opening(opening)) => Heard::Opening(opening),
            Err(refusal) => Heard::Answer(self.refused(refusal), Further::Nothing),
        }
    }

    fn refused(&self, refusal: Answer) -> Answer {
        self.counts.refused.fetch_add(1, Ordering::Relaxed);
        refusal
    }

    fn operate(
        &self,
        context: &Arc<Context>,
        principal: &Principal,
        reference: Reference,
        request: Request,
        load: (usize, usize),
        stream: &UnixStream,
    ) -> Result<Done<'_>> {
        let logged = Logged { principal, reference, op: &request.op };
        if request.v != protocol::VERSION {
            return logged.end(Err(protocol::upgrade(request.v)));
        }
        let operation = logged.end(Operation::by_name(&request.op).ok_or_else(|| {
            Error::new(ErrorKind::BadRequest, format!("there is no operation {}", quote(&request.op)))
        }))?;
        // Who may not do it at all learns nothing from its arguments.
        logged.end(policy::allow(principal, operation, context.panel.kind()))?;
        let args = request.args.as_deref();
        if operation == Operation::Publish {
            let head = logged.end(read::<PublishArgs>(args).and_then(|args| args.into_head(reference)))?;
            // This one logs itself: anybody on the net can make it fail.
            return match self.endpoint.admit(context, principal, &head)? {
                Admission::Promise(promise) => Ok(Done::Promise(Box::new(promise))),
                Admission::Answer(reply) => {
                    value(&Admitted { answer: Some(reply), ..Admitted::default() }).map(Done::Value)
                }
                Admission::Action(word) => {
                    value(&Admitted { action: Some(word), ..Admitted::default() }).map(Done::Value)
                }
            };
        }
        if operation == Operation::DownloadProject {
            let taken = logged.end(self.take_project(context, principal, args))?;
            log::info!("{reference}: {principal} takes the backup {} away", taken.about.name);
            return value(&taken.about).map(|about| Done::File(about, taken.file));
        }
        if operation == Operation::CallBuilder {
            return self.call_builder(context, &logged, args, stream);
        }
        if operation == Operation::OpenSite {
            return self.prepare_opening(context, &logged, args);
        }
        let asked = Asked { operation, args, reference, load };
        logged.end(self.look_or_manage(context, principal, &asked)).map(Done::Value)
    }

    /// All operations but those that log themselves.
    fn look_or_manage(&self, context: &Context, principal: &Principal, asked: &Asked<'_>) -> Result<Value> {
        let Asked { operation, args, reference, load } = *asked;
        match operation {
            Operation::ViewAccount => {
                let args: OverviewArgs = read(args)?;
                let _share = self.shares.take(principal, args.account())?;
                let from = args.from();
                let overview = ops::overview(context, principal, &args.into_request()?)?;
                value(&WireOverview::of(&overview, from))
            }
            Operation::ViewAudit => {
                let query = read::<AuditArgs>(args)?.into_query();
                fitting(admin::audit(context, principal, &query)?)
            }
            Operation::Revoke => {
                let target = read::<RevokeArgs>(args)?.into_target()?;
                let sites = admin::revoke(context, principal, &target)?;
                self.endpoint.patrol(context);
                value(&sites)
            }
            Operation::ClaimSite => {
                let site = read::<ClaimArgs>(args)?.into_site()?;
                let row = admin::claim(context, principal, &site)?;
                Ok(json!({ "site": row.domain, "key": row.key.as_str() }))
            }
            Operation::ViewStatus => Ok(self.status(load)),
            Operation::Examine => self.examination.report(&self.path),
            Operation::BackupProject => {
                let args: BackupArgs = read(args)?;
                let _share = self.shares.take(principal, args.account())?;
                value(&backup::queue_project(context, principal, &args.into_wish()?)?)
            }
            Operation::ViewBackups => {
                let args: BackupArgs = read(args)?;
                let _share = self.shares.take(principal, args.account())?;
                if let Some(job) = args.job() {
                    return value(&backup::job(context, principal, job)?);
                }
                value(&backup::Seen::of(&backup::project_backups(context, principal, &args.into_wish()?)?))
            }
            Operation::ManageJobs | Operation::ManageBackups => {
                Err(Error::new(ErrorKind::BadRequest, "this is done on the command line, by root"))
            }
            Operation::ViewPublication | Operation::ChangePublication => {
                let args: ManageArgs = read(args)?;
                let _share = self.shares.take(principal, args.account())?;
                let request = args.into_request(operation, reference)?;
                self.endpoint.manage(context, principal, &request)
            }
            Operation::TellEvents => {
                // It is in the store already: what may not go on ends now.
                self.endpoint.patrol(context);
                Ok(json!({}))
            }
            Operation::Refresh => {
                // What an account says is not looked at: it is about itself, whatever it says.
                let request = match principal {
                    Principal::Account { .. } => RefreshRequest::default(),
                    _ => read::<RefreshArgs>(args)?.into_request(),
                };
                let _share = self.shares.take(principal, request.account.as_ref())?;
                self.take_refresh(principal)?;
                let answer = event::refresh(context, principal, &request)?;
                if answer.job.is_some() {
                    self.endpoint.make_rounds(context);
                }
                value(&answer)
            }
            Operation::OpenSite
            | Operation::Publish
            | Operation::DownloadProject
            | Operation::CallBuilder => {
                Err(Error::new(ErrorKind::Internal, "this operation is done elsewhere"))
            }
        }
    }

    fn take_project(
        &self,
        context: &Context,
        principal: &Principal,
        args: Option<&RawValue>,
    ) -> Result<ProjectFile> {
        let args: BackupArgs = read(args)?;
        let _share = self.shares.take(principal, args.account())?;
        let name = args.name();
        backup::take_project(context, principal, &args.into_wish()?, name.as_deref())
    }

    /// Once a day, whoever comes first, old lines of the audit are removed.
    fn sweep_audit(&self, context: &Context) {
        const DAY: u64 = 24 * 60 * 60;
        let (now, last) = (clock::unix_seconds(), self.swept.load(Ordering::Relaxed));
        let due = now.saturating_sub(last) >= DAY;
        if !due || self.swept.compare_exchange(last, now, Ordering::Relaxed, Ordering::Relaxed).is_err() {
            return;
        }
        match context
            .store()
            .and_then(|store| store.forget_audit(context.config.audit_days, limits::AUDIT_KEPT))
        {
            Ok(0) => {}
            Ok(lines) => log::info!(
                "{lines} lines of the audit were older than {} days or too many and are gone",
                context.config.audit_days
            ),
            Err(error) => log::error!("old lines of the audit could not be removed: {error:?}"),
        }
    }

    /// An account may say now and then that something has changed: each time the panel is asked.
    fn take_refresh(&self, principal: &Principal) -> Result<()> {
        let Some(name) = principal.own_account() else { return Ok(()) };
        if lock(&self.refreshes).take(name, Instant::now()) {
            return Ok(());
        }
        let text = format!("account {name} has said too often that something has changed about it");
        Err(Error::new(ErrorKind::TooMany, text))
    }

    /// What waits and runs in the other program. Where there is no store yet, there are no jobs.
    fn jobs(&self) -> Value {
        let context = self.context();
        let dir = &context.config.state_dir;
        let facts = if Store::exists(dir) {
            context.store().and_then(Store::job_facts)
        } else {
            Ok(JobFacts::default())
        };
        match facts {
            Ok(JobFacts { waiting, due, running, failed }) => json!({
                "run": JobsLock::is_held(dir), "waiting": waiting, "due": due, "running": running, "failed": failed,
            }),
            Err(error) => {
                log::warn!("the jobs cannot be counted: {error:?}");
                Value::Null
            }
        }
    }

    fn status(&self, (queued, running): (usize, usize)) -> Value {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let (opening, waiting) = self.openings.load();
        json!({
            "version": crate::VERSION,
            "panel": self.context().panel.kind().name(),
            "uptime": clock::unix_seconds().saturating_sub(self.started),
            "workers": self.endpoint.workers().count(),
            "queued": queued,
            "running": running,
            "threads": limits::WORKERS,
            "opening": opening,
            "waiting": waiting,
            "unanswered": self.context().builder.unanswered(),
            "answered": count(&self.counts.answered),
            "opened": count(&self.counts.opened),
            "refused": count(&self.counts.refused),
            "dropped": count(&self.counts.dropped),
            "jobs": self.jobs(),
        })
    }
}

/// What an operation gave.
enum Done<'a> {
    /// Its result.
    Value(Value),
    /// It may be done once the descriptors have come.
    Promise(Box<Promise>),
    /// Its result, and a file for the caller.
    File(Value, File),
    /// Its result as JSON that does not fit into a frame, and what it holds until that is sent.
    Text(Vec<u8>, Option<CallPlace<'a>>),
    /// It takes its turn.
    Opening(Box<Opening>),
}

/// What became of a frame.
pub(super) enum Heard<'a> {
    /// The answer, and what follows it.
    Answer(Answer, Further<'a>),
    /// It is an opening, which takes its turn with the others: [`Desk::openings`], then [`Desk::open_site`].
    Opening(Box<Opening>),
}

/// What follows the answer.
pub(super) enum Further<'a> {
    /// The connection's end.
    Nothing,
    /// Descriptors of the caller's, and then another answer.
    Promise(Box<Promise>),
    /// A file for the caller to read.
    File(File),
    /// As many bytes as the answer says, and what is held until they are sent.
    Text(Vec<u8>, Option<CallPlace<'a>>),
}

/// An operation with what belongs to it.
#[derive(Clone, Copy)]
struct Asked<'a> {
    operation: Operation,
    args: Option<&'a RawValue>,
    reference: Reference,
    load: (usize, usize),
}

/// The tables are whole after each step, so that a panic elsewhere does not matter to them.
pub(super) fn lock<T>(table: &Mutex<T>) -> MutexGuard<'_, T> {
    table.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What the caller reads. Only root is told names of files and of other accounts, and which names are other accounts'; the log has it for everybody.
fn told(principal: &Principal, reference: Reference, error: &Error) -> Answer {
    match (principal, error.kind()) {
        (Principal::Root, kind) => Answer::error(kind, error.chain()),
        (_, ErrorKind::Upgrade) => Answer::error(ErrorKind::Upgrade, error.chain()),
        (_, ErrorKind::SiteNotYours) => {
            Answer::error(ErrorKind::SiteNotFound, in_the_log(ErrorKind::SiteNotFound, reference))
        }
        (_, kind) => Answer::error(kind, in_the_log(kind, reference)),
    }
}

fn in_the_log(kind: ErrorKind, reference: Reference) -> String {
    format!("{kind}: the system log has the reason under {reference}")
}

/// Writes refusals to the log.
struct Logged<'a> {
    principal: &'a Principal,
    reference: Reference,
    op: &'a str,
}

impl Logged<'_> {
    fn end<T>(&self, result: Result<T>) -> Result<T> {
        if let Err(error) = &result {
            let (reference, principal) = (self.reference, self.principal);
            log::warn!("{reference}: {principal} could not do {}: {error:?}", quote(self.op));
        }
        result
    }
}

/// The newest lines that fit into a frame.
fn fitting(lines: Vec<AuditEntry>) -> Result<Value> {
    let (mut fit, mut bytes) = (Vec::new(), 0);
    for line in lines {
        let line = value(&line)?;
        bytes += line.to_string().len() + 1;
        if bytes > limits::FRAME_BYTES - 1024 {
            break;
        }
        fit.push(line);
    }
    Ok(Value::Array(fit))
}

fn read<T: DeserializeOwned + Default>(args: Option<&RawValue>) -> Result<T> {
    let Some(args) = args else { return Ok(T::default()) };
    serde_json::from_str(args.get()).map_err(|error| {
        Error::new(
            ErrorKind::BadRequest,
            format!("the arguments are malformed: {}", quote(&error.to_string())),
        )
    })
}

fn value<T: Serialize>(result: &T) -> Result<Value> {
    serde_json::to_value(result)
        .map_err(|error| Error::new(ErrorKind::Internal, "the answer cannot be written").with_source(error))
}
