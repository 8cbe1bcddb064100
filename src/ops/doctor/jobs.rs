//! Whether jobs are run, and what was given up.

use std::path::Path;

use super::Finding;
use crate::error::ErrorKind;
use crate::limits;
use crate::store::{JobQuery, JobState, JobsLock, Store};
use crate::sys::clock;

/// Looks at the jobs, if there is a store already. `installed`: whether the program that runs them should be there.
pub(super) fn finding(dir: &Path, installed: bool) -> Finding {
    if !Store::exists(dir) {
        return Finding::ok("there are none yet");
    }
    let store = match Store::open(dir) {
        Ok(store) => store,
        // The check of the store says why.
        Err(_) => return Finding::unknown("the store cannot be opened"),
    };
    let facts = match store.job_facts() {
        Ok(facts) => facts,
        Err(error) => return Finding::error(&error),
    };
    let run = JobsLock::is_held(dir);
    let counts = format!("{} waiting, {} running", facts.waiting, facts.running);
    let start = "run systemctl enable --now panelgate-jobs.service";
    if !run && facts.due + facts.running > 0 {
        return Finding::fail(ErrorKind::Unavailable, format!("nobody runs the jobs: {counts}"), start);
    }
    if facts.failed > 0 {
        let advice = "panelgate jobs list says more; panelgate jobs retry NUMBER tries one again";
        let text = format!("{counts}; given up within a week: {}{}", facts.failed, reasons(&store));
        return Finding::warning(text, advice);
    }
    if !run && installed {
        return Finding::warning(format!("nobody would run jobs: {counts}"), start);
    }
    Finding::ok(counts)
}

/// Why the last ones were given up.
fn reasons(store: &Store) -> String {
    const WEEK: u64 = 7 * 24 * 60 * 60;
    let since = clock::unix_seconds().saturating_sub(WEEK);
    let query = JobQuery { open: true, limit: limits::AUDIT_LINES, ..JobQuery::default() };
    let failed = store
        .jobs(&query)
        .unwrap_or_default()
        .into_iter()
        .filter(|job| job.state == JobState::Failed && job.done.is_some_and(|done| done >= since));
    let texts: Vec<String> = failed
        .take(limits::DOCTOR_FAULTS)
        .map(|job| {
            format!("job {} ({} of {}): {}", job.id, job.kind, job.subject, job.reason.unwrap_or_default())
        })
        .collect();
    if texts.is_empty() { String::new() } else { format!(": {}", texts.join("; ")) }
}
