//! The program that runs jobs: `panelgate jobs`.
//!
//! It takes rows from the store ([`crate::store::Job`]), works on several at a time, and tries again what may pass, with growing pauses, until it is done or given up
//! for a stated reason. It has no socket: whoever wants something queues a row. One of it runs at a time, which a lock beside the store makes sure of, so that
//! a row found running at its start is one that was interrupted.
//!
//! It may be killed at any point. What a job needs to go on is in its row before anything else happens ([`Handle::keep`]), and each kind of work is such that
//! doing a step twice does no harm.

mod backoff;
mod backup;
mod close_site;
mod ftp_account;
mod handle;
mod life_cycle;
mod runner;

use std::time::Duration;

use crate::config::Config;
use crate::error::Result;
use crate::limits;
use crate::ops::{self, Context, FTP_ACCOUNT};
use crate::store::{END_FTP_ACCOUNT, Job, REMOVE_SITE, SYNC_SITE};

pub use handle::Handle;
#[cfg(feature = "sandbox")]
pub(crate) use runner::run_beside;
pub use runner::{Options, run};

/// Project of a site that is gone, or has gone to another account: back it up, then delete it at the builder.
pub const CLOSE_SITE: &str = "close-site";

/// How work has ended that did not fail.
pub(crate) enum Verdict {
    /// It is done; JSON.
    Done(serde_json::Value),
    /// Its time has not come: Unix seconds.
    Later(u64),
    /// It has ended early, because [`crate::backup::Control::stop`] said so.
    Stopped,
}

/// A kind of jobs.
struct Kind {
    /// Its name in the store.
    name: &'static str,
    /// How often it is begun at most.
    attempts: u32,
    /// Whether an attempt follows also where an administrator must change something first, such as the builder's credentials.
    persistent: bool,
    /// Longest time of one attempt.
    time: fn(&Config) -> Duration,
    /// Whether a thread that has done one takes the next one itself, and the end of one may be forgotten in a power cut: there may be very many, and each may be done twice.
    quick: bool,
    /// What is done.
    work: fn(&Context, &Job, &Handle<'_>) -> Result<Verdict>,
}

/// All kinds. A row of another kind waits for a version that knows it.
const KINDS: [Kind; 7] = [
    Kind {
        name: CLOSE_SITE,
        attempts: limits::JOB_ATTEMPTS,
        persistent: true,
        time: |config| config.backup.timeout,
        quick: false,
        work: close_site::run,
    },
    // Somebody is waiting for it: whoever tries again queues another one.
    Kind {
        name: FTP_ACCOUNT,
        attempts: 1,
        persistent: false,
        time: |_| limits::FTP_JOB_TIME,
        quick: false,
        work: ftp_account::run,
    },
    Kind {
        name: END_FTP_ACCOUNT,
        attempts: limits::JOB_ATTEMPTS,
        persistent: true,
        time: |_| limits::FTP_JOB_TIME,
        quick: false,
        work: ftp_account::end,
    },
    Kind {
        name: ops::backup::JOB,
        attempts: limits::BACKUP_ATTEMPTS,
        persistent: false,
        time: |config| config.backup.timeout,
        quick: false,
        work: backup::run,
    },
    Kind {
        name: SYNC_SITE,
        attempts: limits::JOB_ATTEMPTS,
        persistent: true,
        time: |_| limits::EVENT_LOOK_TIME,
        quick: true,
        work: life_cycle::sync,
    },
    Kind {
        name: REMOVE_SITE,
        attempts: limits::JOB_ATTEMPTS,
        persistent: true,
        time: |_| limits::EVENT_LOOK_TIME,
        quick: false,
        work: life_cycle::remove,
    },
    // The next one comes with the timer.
    Kind {
        name: ops::reconcile::JOB,
        attempts: 3,
        persistent: false,
        time: |_| limits::RECONCILE_TIME,
        quick: false,
        work: life_cycle::compare,
    },
];
