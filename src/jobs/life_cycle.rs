//! What follows from events: a look at one key (`sync-site`), the end of a key whose site stays gone (`remove-site`), and the comparison of all keys with the panel
//! (`reconcile`).

use std::time::Duration;

use serde_json::Value;

use crate::broker;
use crate::error::{Error, ErrorKind, Result};
use crate::ops::lifecycle::{self, Removed};
use crate::ops::reconcile::{self, Wish};
use crate::ops::{Context, Principal};
use crate::store::Job;
use crate::types::SiteKey;

use super::{Handle, Verdict};

/// Longest wait for the broker, which ends workers; it would find out by itself a little later.
const TELL_TIME: Duration = Duration::from_secs(2);

/// Brings a key into line with the panel.
pub(super) fn sync(context: &Context, job: &Job, _handle: &Handle<'_>) -> Result<Verdict> {
    let done = lifecycle::sync(context, key(job)?)?;
    if done["revoked"] == Value::Bool(true) {
        broker::tell_of_event(&context.config, TELL_TIME);
    }
    Ok(Verdict::Done(done))
}

/// Closes a key whose site has been gone for the grace time.
pub(super) fn remove(context: &Context, job: &Job, _handle: &Handle<'_>) -> Result<Verdict> {
    match lifecycle::remove(context, key(job)?)? {
        Removed::Done(done) => Ok(Verdict::Done(done)),
        Removed::Later(due) => Ok(Verdict::Later(due)),
    }
}

/// Compares panel and store, within the usual limits.
pub(super) fn compare(context: &Context, _job: &Job, _handle: &Handle<'_>) -> Result<Verdict> {
    let report = reconcile::run(context, &Principal::Root, Wish::default())?;
    let counts = serde_json::json!({
        "sites": report.sites, "found": report.findings.len(), "held": report.held, "unreadable": report.unreadable,
    });
    Ok(Verdict::Done(counts))
}

fn key(job: &Job) -> Result<&SiteKey> {
    job.key.as_ref().ok_or_else(|| Error::new(ErrorKind::Internal, "the job names no key"))
}
