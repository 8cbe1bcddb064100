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
use crate::ops::{self, Context, Principal};
use crate::sys::clock;
use crate::types::{Reference, Username, quote};

use super::protocol::{self, Answer, Request};
use super::quota::Quota;
use super::wire::{OpenArgs, Opened, OverviewArgs, WireOverview};

/// What all requests share.
pub(super) struct Desk {
    path: PathBuf,
    context: RwLock<Arc<Context>>,
    named: Mutex<Quota<Username>>,
    counts: Counts,
    started: u64,
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
        Ok(Self { path: path.to_owned(), context, named, counts, started: clock::unix_seconds() })
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
        match request.op.as_str() {
            "overview" => {
                let args: OverviewArgs = args(request.args)?;
                self.within_share(principal, args.account())?;
                let from = args.from();
                let overview = logged(
                    principal,
                    reference,
                    "see the account",
                    ops::overview(context, principal, &args.into_request()?),
                )?;
                value(&WireOverview::of(&overview, from))
            }
            "open" => {
                let args: OpenArgs = args(request.args)?;
                self.within_share(principal, args.account())?;
                let wanted = args.into_request(reference)?;
                let session = ops::open(context, principal, &wanted)?;
                self.counts.opened.fetch_add(1, Ordering::Relaxed);
                value(&Opened::of(&session))
            }
            "status" => self.status(principal, load),
            other => {
                Err(Error::new(ErrorKind::BadRequest, format!("there is no operation {}", quote(other))))
            }
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

    fn status(&self, principal: &Principal, (queued, running): (usize, usize)) -> Result<Value> {
        if !matches!(principal, Principal::Root | Principal::PanelUser { .. }) {
            return Err(Error::new(
                ErrorKind::Forbidden,
                format!("{principal} may not see the broker's state"),
            ));
        }
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Ok(json!({
            "version": crate::VERSION,
            "panel": self.context().panel.kind().name(),
            "uptime": clock::unix_seconds().saturating_sub(self.started),
            "queued": queued,
            "running": running,
            "answered": count(&self.counts.answered),
            "opened": count(&self.counts.opened),
            "refused": count(&self.counts.refused),
            "dropped": count(&self.counts.dropped),
        }))
    }
}

/// What the caller reads. Only root is told names of files and of other accounts; the log has it for everybody.
fn told(principal: Option<&Principal>, reference: Reference, error: &Error) -> String {
    match principal {
        Some(Principal::Root) => error.chain(),
        _ => format!("{}: the system log has the reason under {reference}", error.kind()),
    }
}

fn logged<T>(principal: &Principal, reference: Reference, what: &str, result: Result<T>) -> Result<T> {
    if let Err(error) = &result {
        log::warn!("{reference}: {principal} could not {what}: {error:?}");
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
