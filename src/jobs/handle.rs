//! What work has of the job that it does.

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::backup::{Control, Progress, Stop};
use crate::error::Result;
use crate::store::{Job, Store};

/// How often the row is looked at, and written to, at most.
const OFTEN: Duration = Duration::from_millis(500);

/// The job's row, for its work.
pub struct Handle<'a> {
    store: &'a Store,
    job: u64,
    shutdown: &'a AtomicBool,
    end: Instant,
    cancelled: Cell<bool>,
    looked: Cell<Instant>,
    reported: Cell<Option<Instant>>,
}

impl<'a> Handle<'a> {
    pub(super) fn new(store: &'a Store, job: &Job, shutdown: &'a AtomicBool, time: Duration) -> Self {
        Self {
            store,
            job: job.id,
            shutdown,
            end: Instant::now() + time,
            cancelled: Cell::new(job.cancelled),
            looked: Cell::new(Instant::now()),
            reported: Cell::new(None),
        }
    }

    /// Writes down what is needed to go on after an interruption. It is on the disk when this returns.
    ///
    /// # Errors
    /// [`crate::error::ErrorKind::Store`].
    pub fn keep(&self, task: Option<&str>) -> Result<()> {
        self.store.keep_job_task(self.job, task)
    }

    fn is_cancelled(&self) -> bool {
        if !self.cancelled.get() && self.looked.get().elapsed() >= OFTEN {
            self.looked.set(Instant::now());
            // A store that cannot be read at this moment cancels nothing.
            if let Ok(Some(job)) = self.store.job(self.job) {
                self.cancelled.set(job.cancelled);
            }
        }
        self.cancelled.get()
    }
}

impl Control for Handle<'_> {
    fn report(&self, progress: &Progress) {
        if self.reported.get().is_some_and(|last| last.elapsed() < OFTEN) {
            return;
        }
        self.reported.set(Some(Instant::now()));
        let percent = progress.percent.map(|percent| percent.min(100));
        if let Err(error) = self.store.report_job(self.job, percent, progress.step.as_deref()) {
            log::debug!("job {}: {error:?}", self.job);
        }
    }

    fn stop(&self) -> Option<Stop> {
        if self.is_cancelled() {
            Some(Stop::Cancelled)
        } else if self.shutdown.load(Ordering::Relaxed) {
            Some(Stop::Shutdown)
        } else if Instant::now() >= self.end {
            Some(Stop::Deadline)
        } else {
            None
        }
    }
}
