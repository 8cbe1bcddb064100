//! The threads that work on publications by archive: fetch, hand to the site's worker, note the end.
//!
//! The archive's content passes through this process as bytes in a file without a name and is never looked into; the worker, which is the account, checks
//! and unpacks it. What the worker reports is the account's word: it can only say how its own publication ended.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::error::{Error, ErrorKind, Result};
use crate::limits;
use crate::ops::endpoint::{self, Permit};
use crate::ops::internal;
use crate::publish::worker::Task;
use crate::store::{PublicationRow, SiteRow};
use crate::sys::spool::Spool;

use super::handler::Desk;

/// Time after which the store is looked at without anybody's word, and old publications are forgotten.
const LOOK: Duration = Duration::from_secs(30);
/// Pause before a worker is asked for again that could not be had.
const PAUSE: Duration = Duration::from_secs(1);

/// Tells the threads that there is something to do, or that they shall end.
#[derive(Default)]
pub(super) struct Queue {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// Counts what was queued.
    news: u64,
    ending: bool,
    /// What is being fetched.
    fetching: Vec<String>,
}

impl Queue {
    /// Something was queued.
    pub(super) fn wake(&self) {
        self.lock().news += 1;
        self.changed.notify_all();
    }

    fn end(&self) {
        self.lock().ending = true;
        self.changed.notify_all();
    }

    fn is_ending(&self) -> bool {
        self.lock().ending
    }

    /// Notes that a publication is being fetched, until the value is dropped.
    fn fetching(&self, id: &str) -> Fetching<'_> {
        self.lock().fetching.push(id.to_owned());
        Fetching { queue: self, id: id.to_owned() }
    }

    /// Waits for news since `seen`, the end, or the time; gives what is known now.
    fn wait(&self, seen: u64, time: Duration) -> u64 {
        let state = self.lock();
        let waiting = |state: &mut State| state.news == seen && !state.ending;
        let (state, _) =
            self.changed.wait_timeout_while(state, time, waiting).unwrap_or_else(PoisonError::into_inner);
        state.news
    }

    /// The state is whole after each step.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A publication that is being fetched.
struct Fetching<'a> {
    queue: &'a Queue,
    id: String,
}

impl Drop for Fetching<'_> {
    fn drop(&mut self) {
        self.queue.lock().fetching.retain(|id| *id != self.id);
    }
}

/// The threads.
pub(super) struct Publisher {
    desk: Arc<Desk>,
    threads: Vec<JoinHandle<()>>,
}

impl Publisher {
    /// Goes on with what the broker before this one left, and starts the threads.
    pub(super) fn start(desk: &Arc<Desk>) -> std::io::Result<Self> {
        match desk.context().store().and_then(|store| store.resume_publications()) {
            Ok((0, 0)) => {}
            Ok((resumed, failed)) => {
                log::info!("{resumed} interrupted publications begin again, {failed} have failed");
            }
            Err(error) => log::error!("interrupted publications cannot be resumed: {error:?}"),
        }
        let mut threads = Vec::new();
        for number in 0..limits::PUBLICATION_THREADS {
            let theirs = Arc::clone(desk);
            let name = format!("publication-{number}");
            threads.push(std::thread::Builder::new().name(name).spawn(move || work(&theirs))?);
        }
        Ok(Self { desk: Arc::clone(desk), threads })
    }

    /// Begins nothing more, and stops downloads; what was not finished begins again with the next broker.
    pub(super) fn end(&self) {
        self.desk.endpoint.queue.end();
    }

    /// Waits for the threads, so that they note what has ended. One that still waits for a builder is left, and what it fetches begins again with the
    /// next broker.
    pub(super) fn finish(&self, time: Duration) {
        let end = Instant::now() + time;
        while self.threads.iter().any(|thread| !thread.is_finished()) && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(10));
        }
        let left = self.desk.endpoint.queue.lock().fetching.clone();
        left.iter().for_each(|id| put_back(&self.desk, id));
    }
}

fn put_back(desk: &Desk, id: &str) {
    if let Err(error) = desk.context().store().and_then(|store| store.put_back_publication(id)) {
        log::error!("a publication is not put back: {error:?}");
    }
}

fn work(desk: &Desk) {
    let queue = &desk.endpoint.queue;
    let mut seen = 0;
    while !queue.is_ending() {
        let next = desk.context().store().and_then(|store| store.begin_publication());
        match next {
            Ok(Some(job)) => {
                one(desk, &job);
                // Its site's next one may begin now.
                queue.wake();
                continue;
            }
            Ok(None) => {}
            Err(error) => log::error!("no publication can be begun: {error:?}"),
        }
        let news = queue.wait(seen, LOOK);
        if news == seen && !queue.is_ending() {
            forget(desk);
        }
        seen = news;
    }
}

fn forget(desk: &Desk) {
    if let Err(error) = desk.context().store().and_then(|store| store.forget_publications()) {
        log::error!("old publications are not forgotten: {error:?}");
    }
}

/// Works on one publication and notes its end. A panic is an end too.
fn one(desk: &Desk, job: &PublicationRow) {
    let (begin, reference) = (Instant::now(), job.reference);
    log::info!("{reference}: the publication of {} by archive begins (attempt {})", job.key, job.attempts);
    let result = catch_unwind(AssertUnwindSafe(|| publish(desk, job, begin)))
        .unwrap_or_else(|_| Err(Error::new(ErrorKind::Panic, "a function stopped half-way")));
    if result.is_err() && desk.endpoint.queue.is_ending() {
        log::info!(
            "{reference}: the broker ends; the publication of {} begins again with the next one",
            job.key
        );
        return put_back(desk, &job.id);
    }
    let seconds = begin.elapsed().as_secs_f32();
    match &result {
        Ok(report) => log::info!("{reference}: {} is published after {seconds:.1} s: {report}", job.key),
        Err(error) => log::warn!("{reference}: {} was not published: {error:?}", job.key),
    }
    let end = result.map(drop).map_err(|error| error.kind());
    if let Err(error) = desk.context().store().and_then(|store| store.end_publication(&job.id, end)) {
        log::error!("{reference}: the end of the publication is not noted: {error:?}");
    }
}

/// What the worker says in the end.
fn publish(desk: &Desk, job: &PublicationRow, begin: Instant) -> Result<String> {
    let (row, permit) = internal::permit(&desk.context(), job)?;
    let looked = Mutex::new(begin);
    let go_on = || {
        if desk.endpoint.queue.is_ending() {
            return Err(Error::new(ErrorKind::Unavailable, "the broker is ending"));
        }
        if begin.elapsed() >= limits::PUBLICATION_TIME {
            return Err(Error::new(ErrorKind::PublicationInterrupted, "its time was up"));
        }
        let mut looked = looked.lock().unwrap_or_else(PoisonError::into_inner);
        if looked.elapsed() < limits::WORKER_PATROL {
            return Ok(());
        }
        *looked = Instant::now();
        still(desk, &permit)
    };
    let fetching = desk.endpoint.queue.fetching(&job.id);
    let spool = internal::fetch(&desk.context(), job, &go_on)?;
    drop(fetching);
    // The download may have been long.
    let (_, now) = internal::permit(&desk.context(), job)?;
    if now.assignment != permit.assignment {
        return Err(Error::new(ErrorKind::Forbidden, "the site has another document root or owner now"));
    }
    hand_over(desk, &row, &permit, &spool, &go_on, begin).map_err(|error| {
        // A worker that was killed does not know why.
        still(desk, &permit).err().unwrap_or(error)
    })
}

/// Whether the site may still be published to; what cannot be found out at the moment stops nobody.
fn still(desk: &Desk, permit: &Permit) -> Result<()> {
    match endpoint::check_going_on(&desk.context(), &permit.watch, &permit.assignment) {
        Err(error) if endpoint::ends(error.kind()) => Err(error),
        _ => Ok(()),
    }
}

/// Gives the archive to the site's worker and waits for its word.
fn hand_over(
    desk: &Desk,
    row: &SiteRow,
    permit: &Permit,
    spool: &Spool,
    go_on: &dyn Fn() -> Result<()>,
    begin: Instant,
) -> Result<String> {
    let file = spool.reader().map_err(|error| {
        Error::new(ErrorKind::Internal, "the archive cannot be handed over").with_source(error)
    })?;
    // The account can keep its worker from being ready for as long as it likes, and the others wait for this thread.
    let end = Instant::now() + limits::PUBLICATION_WAIT;
    let lease = loop {
        match desk.endpoint.lease(&desk.context(), permit, row) {
            Err(error) if error.kind() == ErrorKind::TooMany && Instant::now() < end => {
                log::debug!("a publication waits for a worker: {error:?}");
                go_on()?;
                std::thread::sleep(PAUSE);
            }
            result => break result?,
        }
    };
    let left = limits::PUBLICATION_TIME.saturating_sub(begin.elapsed());
    let result = lease.call_with(Task::Apply, &file, left);
    if result.is_err() && begin.elapsed() >= limits::PUBLICATION_TIME {
        desk.endpoint.workers().kill(|assignment| *assignment == permit.assignment);
        return Err(Error::new(ErrorKind::PublicationInterrupted, "its time was up"));
    }
    result.map(|report| crate::types::quote(&report.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn news_that_came_before_the_wait_are_not_missed() {
        let queue = Queue::default();
        assert_eq!(queue.wait(0, Duration::ZERO), 0);
        queue.wake();
        let begin = Instant::now();
        assert_eq!(queue.wait(0, Duration::from_secs(60)), 1);
        queue.end();
        assert_eq!(queue.wait(1, Duration::from_secs(60)), 1);
        assert!(begin.elapsed() < Duration::from_secs(30) && queue.is_ending());
    }
}
