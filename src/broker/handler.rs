//! From a request to an answer: decode, find out who it is, let the use cases decide and act, encode.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Instant;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::config::Config;
use crate::error::{Error, ErrorKind, Result};
use crate::ops::policy::{self, Operation};
use crate::ops::{self, Context, Principal, admin};
use crate::sys::clock;
use crate::types::{Reference, Username, quote};

use super::protocol::{self, Answer, Request};
use super::quota::Quota;
use super::wire::{AuditArgs, ClaimArgs, OpenArgs, Opened, OverviewArgs, RevokeArgs, WireOverview};

/// What all requests share.
pub(super) struct Desk {
    path: PathBuf,
    context: RwLock<Arc<Context>>,
    named: Mutex<Quota<Username>>,
    counts: Counts,
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
        let context = RwLock::new(Arc::new(Context::new(Config::load(path)?)?));
        let (named, counts) = (Mutex::new(Quota::new()), Counts::default());
        Ok(Self {
            path: path.to_owned(),
            context,
            named,
            counts,
            started: clock::unix_seconds(),
            swept: AtomicU64::new(0),
        })
    }

    /// Reads the configuration again. Requests that are running keep the old one; if the new one is wrong, all do.
    pub(super) fn reload(&self) -> Result<()> {
        let fresh = Arc::new(Context::new(Config::load(&self.path)?)?);
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

    /// Answers a request of the uid that the kernel named. `load`: requests queued and running.
    pub(super) fn answer(&self, uid: u32, request: Request, load: (usize, usize)) -> Answer {
        let reference =
            request.reference.as_deref().and_then(|text| text.parse().ok()).unwrap_or_else(Reference::random);
        let context = self.context();
        let result =
            ops::principal_of_uid(uid, &context).map_err(|error| (None, error)).and_then(|principal| {
                self.operate(&context, &principal, reference, request, load)
                    .map_err(|error| (Some(principal), error))
            });
        self.counts.answered.fetch_add(1, Ordering::Relaxed);
        self.sweep_audit(&context);
        match result {
            Ok(value) => Answer::ok(value),
            Err((principal, error)) => {
                self.counts.refused.fetch_add(1, Ordering::Relaxed);
                Answer::error(error.kind(), told(principal.as_ref(), reference, &error))
            }
        }
    }

    fn operate(
        &self,
        context: &Context,
        principal: &Principal,
        reference: Reference,
        request: Request,
        load: (usize, usize),
    ) -> Result<Value> {
        if request.v != protocol::VERSION {
            return Err(protocol::upgrade(request.v));
        }
        let Some(operation) = Operation::by_name(&request.op) else {
            return Err(Error::new(
                ErrorKind::BadRequest,
                format!("there is no operation {}", quote(&request.op)),
            ));
        };
        // Who may not do it at all learns nothing from its arguments.
        logged(principal, reference, operation, policy::allow(principal, operation, context.panel.kind()))?;
        match operation {
            Operation::ViewAccount => {
                let args: OverviewArgs = args(request.args)?;
                self.within_share(principal, args.account())?;
                let from = args.from();
                let overview = ops::overview(context, principal, &args.into_request()?);
                value(&WireOverview::of(&logged(principal, reference, operation, overview)?, from))
            }
            Operation::OpenSite => {
                let args: OpenArgs = args(request.args)?;
                self.within_share(principal, args.account())?;
                let session = ops::open(context, principal, &args.into_request(reference)?)?;
                self.counts.opened.fetch_add(1, Ordering::Relaxed);
                value(&Opened::of(&session))
            }
            Operation::ViewStatus => Ok(self.status(load)),
            Operation::ViewAudit => {
                let args: AuditArgs = args(request.args)?;
                value(&logged(
                    principal,
                    reference,
                    operation,
                    admin::audit(context, principal, &args.into_query()),
                )?)
            }
            Operation::Revoke => {
                let target = args::<RevokeArgs>(request.args)?.into_target()?;
                value(&logged(principal, reference, operation, admin::revoke(context, principal, &target))?)
            }
            Operation::ClaimSite => {
                let site = args::<ClaimArgs>(request.args)?.into_site()?;
                let row = logged(principal, reference, operation, admin::claim(context, principal, &site))?;
                Ok(json!({ "site": row.domain, "key": row.key.as_str() }))
            }
        }
    }

    /// Once a day, whoever comes first, old lines of the audit are removed.
    fn sweep_audit(&self, context: &Context) {
        const DAY: u64 = 24 * 60 * 60;
        let (now, last) = (clock::unix_seconds(), self.swept.load(Ordering::Relaxed));
        let due = now.saturating_sub(last) >= DAY;
        if !due || self.swept.compare_exchange(last, now, Ordering::Relaxed, Ordering::Relaxed).is_err() {
            return;
        }
        match context.store().and_then(|store| store.forget_audit(context.config.audit_days)) {
            Ok(0) => {}
            Ok(lines) => log::info!(
                "{lines} lines of the audit were older than {} days and are gone",
                context.config.audit_days
            ),
            Err(error) => log::error!("old lines of the audit could not be removed: {error:?}"),
        }
    }

    /// One account that a panel user acts for must not use up the panel user's share of everybody.
    fn within_share(&self, principal: &Principal, named: Option<&Username>) -> Result<()> {
        let (Principal::PanelUser { .. }, Some(name)) = (principal, named) else { return Ok(()) };
        let mut quota = self.named.lock().unwrap_or_else(PoisonError::into_inner);
        if quota.take(name, Instant::now()) {
            return Ok(());
        }
        Err(Error::new(ErrorKind::TooMany, format!("too many requests for account {name} at once")))
    }

    fn status(&self, (queued, running): (usize, usize)) -> Value {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        json!({
            "version": crate::VERSION,
            "panel": self.context().panel.kind().name(),
            "uptime": clock::unix_seconds().saturating_sub(self.started),
            "queued": queued,
            "running": running,
            "answered": count(&self.counts.answered),
            "opened": count(&self.counts.opened),
            "refused": count(&self.counts.refused),
            "dropped": count(&self.counts.dropped),
        })
    }
}

/// What the caller reads. Only root is told names of files and of other accounts; the log has it for everybody.
fn told(principal: Option<&Principal>, reference: Reference, error: &Error) -> String {
    match principal {
        Some(Principal::Root) => error.chain(),
        // Nothing of it is about this server.
        _ if error.kind() == ErrorKind::Upgrade => error.to_string(),
        _ => format!("{}: the system log has the reason under {reference}", error.kind()),
    }
}

fn logged<T>(
    principal: &Principal,
    reference: Reference,
    operation: Operation,
    result: Result<T>,
) -> Result<T> {
    if let Err(error) = &result {
        log::warn!("{reference}: {principal} could not do \"{}\": {error:?}", operation.name());
    }
    result
}

fn args<T: DeserializeOwned + Default>(args: Value) -> Result<T> {
    if args.is_null() {
        return Ok(T::default());
    }
    serde_json::from_value(args).map_err(|error| {
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
