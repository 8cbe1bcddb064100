//! The loop: take rows whose time has come, give each a thread, settle what has ended.

use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};

use crate::backup::directory::Directory;
use crate::backup::{Control, ProviderKind, Stop};
use crate::config::Config;
use crate::error::{Error, ErrorKind, Result};
use crate::limits;
use crate::ops::{Context, carry, published};
use crate::store::{Job, JobState, JobsLock, Store};
use crate::sys::service::Notifier;
use crate::sys::signals::{Signal, Signals};
use crate::sys::{clock, identity};

use super::{Handle, KINDS, Kind, Verdict, backoff};

/// How jobs are run.
pub struct Options {
    /// The configuration.
    pub config: PathBuf,
    /// End when nothing is left whose time has come.
    pub once: bool,
}

/// Runs jobs until it is told to stop.
///
/// # Errors
/// If another process does it already, or the configuration or the store is wrong at the start.
pub fn run(options: &Options) -> Result<()> {
    let fail =
        |what: &'static str| move |error: io::Error| Error::new(ErrorKind::Internal, what).with_source(error);
    // Before the first thread, so that all of them leave the signals to the loop.
    let signals = Signals::listen().map_err(fail("signals cannot be watched"))?;
    identity::forbid_core_dumps();
    run_with(options, Some(signals), Arc::default())
}

/// Runs jobs in a thread of a program that does something else besides, until `ending` is set.
///
/// # Errors
/// As [`run`].
#[cfg(feature = "sandbox")]
pub(crate) fn run_beside(options: &Options, ending: &Arc<AtomicBool>) -> Result<()> {
    run_with(options, None, Arc::clone(ending))
}

/// `ending`: whether to end, where no signal says it.
fn run_with(options: &Options, signals: Option<Signals>, ending: Arc<AtomicBool>) -> Result<()> {
    let fail =
        |what: &'static str| move |error: io::Error| Error::new(ErrorKind::Internal, what).with_source(error);
    let context = Arc::new(Context::new(Config::load(&options.config)?)?);
    let store = context.store()?;
    let Some(_lock) = JobsLock::take(&context.config.state_dir)? else {
        let text = "jobs are run by another process already (panelgate-jobs.service)";
        return Err(Error::new(ErrorKind::Unavailable, text));
    };
    let resumed = store.resume_jobs()?;
    if resumed > 0 {
        log::warn!("{resumed} jobs were interrupted: they are taken up again");
    }
    sweep(&context);
    sweep_homes(&context);
    let wake = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)
        .map_err(|error| fail("the loop cannot be set up")(error.into()))?;
    let notifier = Notifier::from_environment();
    log::info!("jobs are run");
    notifier.send("READY=1");
    let runner = Runner {
        options,
        context,
        signals,
        wake: Arc::new(wake),
        shutdown: ending,
        running: Arc::default(),
        outage: Arc::default(),
        swept: Instant::now(),
    };
    runner.run(&notifier)
}

/// Removes what interrupted backups and days gone by have left.
fn sweep(context: &Context) {
    let parts = if context.config.backup.directory.exists() {
        // What cannot be read goes on: the next start sweeps too.
        let goes_on = |job| {
            let job = context.store().and_then(|store| store.job(job));
            job.map_or(true, |job| job.is_some_and(|job| !job.state.is_final()))
        };
        Directory::open(&context.config.backup.directory).and_then(|directory| directory.sweep(goes_on))
    } else {
        Ok(0)
    };
    let rows = context.store().and_then(forget);
    for error in [parts.err(), rows.err()].into_iter().flatten() {
        log::error!("old files or rows cannot be removed: {error:?}");
    }
}

/// Takes projects away that are left over in homes, in a thread of its own: how long that takes is up to these accounts.
fn sweep_homes(context: &Arc<Context>) {
    let context = Arc::clone(context);
    let work = move || carry::sweep(&context);
    let thread = std::thread::Builder::new().name("sweep".into()).stack_size(limits::JOB_STACK_BYTES);
    if let Err(error) = thread.spawn(work) {
        log::error!("the system gives no thread: {error}");
    }
}

/// Jobs of a quick kind that one thread does in a row at most.
const IN_A_ROW: usize = 256;

/// How many jobs of each lane run, and how many threads there are: one whose work is done still writes down how it ended.
#[derive(Default)]
struct Running {
    lanes: HashMap<String, usize>,
    threads: usize,
}

type Lanes = Arc<Mutex<Running>>;

struct Runner<'a> {
    options: &'a Options,
    context: Arc<Context>,
    signals: Option<Signals>,
    /// Written to by a thread that has ended.
    wake: Arc<OwnedFd>,
    shutdown: Arc<AtomicBool>,
    running: Lanes,
    outage: Arc<Outage>,
    swept: Instant,
}

impl Runner<'_> {
    fn run(mut self, notifier: &Notifier) -> Result<()> {
        let tick =
            notifier.watchdog().map_or(limits::JOB_TICK, |watchdog| limits::JOB_TICK.min(watchdog / 2));
        let (mut version, mut due, mut stopped) = (None, Some(0), None::<Instant>);
        loop {
            while let Some(signal) = self.signals.as_ref().and_then(Signals::next) {
                match signal {
                    Signal::Reload => self.reload(notifier),
                    Signal::Stop => {
                        notifier.send("STOPPING=1");
                        self.shutdown.store(true, Ordering::Relaxed);
                    }
                }
            }
            if self.shutdown.load(Ordering::Relaxed) {
                stopped.get_or_insert_with(Instant::now);
            }
            if let Some(since) = stopped {
                if self.count() == 0 || since.elapsed() > limits::JOB_STOP_TIME {
                    // What still runs is taken up again at the next start, from what its row says.
                    log::info!("jobs are no longer run; {} were interrupted", self.count());
                    return Ok(());
                }
            } else {
                match self.look(&mut version, &mut due) {
                    Ok(idle) if self.options.once && idle && self.count() == 0 => return Ok(()),
                    Ok(_) => {}
                    Err(error) if self.options.once => return Err(error),
                    Err(error) => log::error!("the jobs cannot be taken: {error:?}"),
                }
                if !self.options.once {
                    published::tend(&self.context);
                }
                if self.swept.elapsed() > Duration::from_secs(24 * 60 * 60) {
                    self.swept = Instant::now();
                    sweep_homes(&self.context);
                    let rows = self.context.store().and_then(forget);
                    log::debug!("old rows that were removed: {rows:?}");
                }
            }
            notifier.send("WATCHDOG=1");
            if self.wait(tick) {
                // What one of our own threads has written does not change the version.
                version = None;
            }
        }
    }

    /// Begins what can be begun. Gives whether nothing is left whose time has come.
    fn look(&self, version: &mut Option<i64>, due: &mut Option<u64>) -> Result<bool> {
        let store = self.context.store()?;
        let kinds: Vec<&str> = KINDS.iter().map(|kind| kind.name).collect();
        let seen = store.data_version()?;
        if *version != Some(seen) || due.is_some_and(|due| due <= clock::unix_seconds()) {
            // Others have written, or a row's time has come, or one of ours has ended.
            while let Some(job) = store.claim_job(clock::unix_seconds(), &kinds, &self.full_lanes())? {
                self.begin(job);
            }
            *version = Some(seen);
            *due = store.next_job_at(&kinds)?;
        }
        Ok(due.is_none_or(|due| due > clock::unix_seconds()) || (self.options.once && self.outage.lasts()))
    }

    /// The lanes that take no more.
    fn full_lanes(&self) -> Vec<String> {
        let running = lock(&self.running);
        let backup = &self.context.config.backup;
        let providers = ProviderKind::ALL.map(ProviderKind::name);
        let of = |lane: &str| running.lanes.get(lane).copied().unwrap_or_default();
        let all: usize = providers.iter().map(|lane| of(lane)).sum();
        let mut full: Vec<String> = providers
            .into_iter()
            .filter(|lane| all >= backup.at_once || of(lane) >= backup.per_provider)
            .map(str::to_owned)
            .collect();
        let others = running
            .lanes
            .iter()
            .filter(|(lane, count)| !providers.contains(&lane.as_str()) && **count >= limits::JOBS_PER_LANE);
        full.extend(others.map(|(lane, _)| lane.clone()));
        if self.outage.lasts() {
            full.extend(KINDS.iter().filter(|kind| kind.quick).map(|kind| kind.name.to_owned()));
        }
        full
    }

    /// Gives a job its thread.
    fn begin(&self, job: Job) {
        {
            let mut running = lock(&self.running);
            *running.lanes.entry(job.lane.clone()).or_default() += 1;
            running.threads += 1;
        }
        let place = Place {
            lane: Some(job.lane.clone()),
            running: Arc::clone(&self.running),
            wake: Arc::clone(&self.wake),
        };
        let (context, shutdown) = (Arc::clone(&self.context), Arc::clone(&self.shutdown));
        let id = job.id;
        let thread =
            std::thread::Builder::new().name(format!("job {id}")).stack_size(limits::JOB_STACK_BYTES);
        let outage = Arc::clone(&self.outage);
        let spawned = thread.spawn(move || {
            let mut place = place;
            let mut next = Some(job);
            for _ in 0..IN_A_ROW {
                let Some(job) = next.take() else { return };
                work(&context, &job, &shutdown, &outage, &mut place);
                next = further(&context, &job, &shutdown, &outage);
            }
            // The rest is for a thread with the configuration of then.
            if let (Some(job), Ok(store)) = (next, context.store()) {
                let put_back = store.put_job_off(job.id, clock::unix_seconds(), None);
                log::debug!("job {} was put back: {put_back:?}", job.id);
            }
        });
        if let Err(error) = spawned {
            log::error!("job {id}: the system gives no thread: {error}");
            let later = clock::unix_seconds() + limits::JOB_PAUSE.as_secs();
            let put_off = self.context.store().and_then(|store| store.put_job_off(id, later, None));
            log::debug!("job {id} was put off: {put_off:?}");
        }
    }

    fn reload(&mut self, notifier: &Notifier) {
        notifier.send(&format!("RELOADING=1\nMONOTONIC_USEC={}", crate::sys::service::monotonic_micros()));
        match Config::load(&self.options.config).and_then(Context::new) {
            Ok(context) if context.config.state_dir == self.context.config.state_dir => {
                self.context = Arc::new(context);
                // It may name another builder, or how to reach it.
                self.outage.is_over();
                log::info!("the configuration was read again");
            }
            Ok(_) => log::error!("another [store] dir needs a restart; the old configuration stays"),
            Err(error) => log::error!("the old configuration stays: {error:?}"),
        }
        notifier.send("READY=1");
    }

    fn count(&self) -> usize {
        lock(&self.running).threads
    }

    /// Waits for a signal, for a thread that ends, or for the next look. Gives whether a thread has ended.
    fn wait(&self, tick: Duration) -> bool {
        let Ok(timeout) = Timespec::try_from(tick) else { return false };
        let mut fds = vec![PollFd::from_borrowed_fd(self.wake.as_fd(), PollFlags::IN)];
        fds.extend(
            self.signals.iter().map(|signals| PollFd::from_borrowed_fd(signals.as_fd(), PollFlags::IN)),
        );
        let woken = poll(&mut fds, Some(&timeout)).is_ok() && !fds[0].revents().is_empty();
        if woken {
            let mut count = [0_u8; 8];
            let _ = rustix::io::read(&*self.wake, &mut count);
        }
        woken
    }
}

/// A thread's place; given back also when the work panics.
struct Place {
    /// The lane that it takes a place in.
    lane: Option<String>,
    running: Lanes,
    wake: Arc<OwnedFd>,
}

impl Place {
    /// The work is done: the next job of the lane may begin.
    fn leave_lane(&mut self) {
        let Some(lane) = self.lane.take() else { return };
        let mut running = lock(&self.running);
        if let Some(count) = running.lanes.get_mut(&lane) {
            *count -= 1;
            if *count == 0 {
                running.lanes.remove(&lane);
            }
        }
        drop(running);
        let _ = rustix::io::write(&*self.wake, &1_u64.to_ne_bytes());
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.leave_lane();
        let mut running = lock(&self.running);
        running.threads -= 1;
        drop(running);
        // The row may wait for its next attempt since the place was left, and what this process writes changes no version.
        let _ = rustix::io::write(&*self.wake, &1_u64.to_ne_bytes());
    }
}

/// The table is whole after each step.
fn lock<T>(table: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    table.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Removes rows that are too old or too many.
fn forget(store: &Store) -> Result<usize> {
    Ok(store.forget_jobs(limits::JOB_DAYS)? + store.forget_looks()?)
}

/// The next job of a quick kind, for the thread that has done one: very many of them may wait.
fn further(context: &Context, job: &Job, shutdown: &AtomicBool, outage: &Outage) -> Option<Job> {
    let kind = KINDS.iter().find(|kind| kind.quick && kind.name == job.kind)?;
    if shutdown.load(Ordering::Relaxed) || outage.lasts() {
        return None;
    }
    let claimed = context.store().and_then(|store| store.claim_job(clock::unix_seconds(), &[kind.name], &[]));
    claimed.inspect_err(|error| log::error!("the jobs cannot be taken: {error:?}")).ok().flatten()
}

/// A builder that cannot be worked with: jobs of the quick kinds wait until one of them finds it in order again, instead of failing one after the other.
#[derive(Default)]
struct Outage {
    state: Mutex<Option<(Instant, Duration)>>,
}

impl Outage {
    /// Whether it was found so a short time ago.
    fn lasts(&self) -> bool {
        lock(&self.state).is_some_and(|(until, _)| Instant::now() < until)
    }

    /// It was found so now.
    fn found(&self) {
        let mut state = lock(&self.state);
        let pause = state.map_or(limits::OUTAGE_PAUSE, |(_, pause)| pause);
        // Those that were at it at the same time have found the same outage.
        if state.is_none_or(|(until, _)| Instant::now() >= until) {
            *state = Some((Instant::now() + pause, (pause * 2).min(limits::OUTAGE_LONGEST_PAUSE)));
        }
    }

    /// The builder has answered. Gives whether it did not before.
    fn is_over(&self) -> bool {
        lock(&self.state).take().is_some()
    }
}

/// Whether an error says that the builder works for nobody at the moment.
fn is_outage(error: &Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::BuilderUnreachable
            | ErrorKind::BuilderTls
            | ErrorKind::BuilderAuth
            | ErrorKind::BuilderLicence
    )
}

/// Works on a job in its thread.
fn work(context: &Context, job: &Job, shutdown: &AtomicBool, outage: &Outage, place: &mut Place) {
    let Ok(store) = context.store() else { return };
    let Some(kind) = KINDS.iter().find(|kind| kind.name == job.kind) else { return };
    let handle = Handle::new(store, job, shutdown, (kind.time)(&context.config));
    log::info!("job {}: {} of {} begins (attempt {})", job.id, job.kind, job.subject, job.attempts);
    let result = catch_unwind(AssertUnwindSafe(|| (kind.work)(context, job, &handle)))
        .unwrap_or_else(|_| Err(Error::new(ErrorKind::Internal, "a fault of Panelgate stopped the work")));
    match &result {
        Err(error) if kind.quick && is_outage(error) => outage.found(),
        Ok(Verdict::Done(done)) if kind.quick && done["told"] == true && outage.is_over() => {
            let hastened = store.hasten_jobs(kind.name);
            log::info!("the builder can be worked with again: {hastened:?} jobs need not wait any longer");
        }
        _ => {}
    }
    let end = settle(kind, job, result, handle.stop());
    if !kind.quick {
        // The thread of a quick one may go on with the next of its lane.
        place.leave_lane();
    }
    // A row that cannot be written now would look as if it ran until the next start.
    for pause in [0, 1, 5, 30] {
        std::thread::sleep(Duration::from_secs(pause));
        match end.write(context, kind, job) {
            Ok(()) => return,
            Err(error) => log::error!("job {}: {error:?}", job.id),
        }
        if shutdown.load(Ordering::Relaxed) {
            return;
        }
    }
}

/// What becomes of a job's row.
#[derive(Debug, PartialEq)]
enum End {
    /// It has ended.
    Final { state: JobState, reason: Option<String>, result: Option<String> },
    /// It waits until then; with a reason, the attempt counts.
    Wait { next: u64, again: Option<String> },
}

impl End {
    fn write(&self, context: &Context, kind: &Kind, job: &Job) -> Result<()> {
        let store = context.store()?;
        match self {
            Self::Final { state, reason, result } => {
                log::info!(
                    "job {}: {}{}",
                    job.id,
                    state.name(),
                    reason.as_deref().map(|text| format!(": {text}")).unwrap_or_default()
                );
                match (kind.quick, state, result) {
                    (true, JobState::Done, Some(result)) => store.end_job_soon(job.id, result),
                    _ => store.end_job(job.id, *state, reason.as_deref(), result.as_deref()),
                }
            }
            Self::Wait { next, again } => {
                if let Some(reason) = again {
                    log::warn!("job {}: tried again later: {reason}", job.id);
                }
                store.put_job_off(job.id, *next, again.as_deref())
            }
        }
    }
}

/// Decides what becomes of a job whose work has ended.
fn settle(kind: &Kind, job: &Job, result: Result<Verdict>, stop: Option<Stop>) -> End {
    let now = clock::unix_seconds();
    let result = match stop {
        Some(Stop::Deadline) => result.map_err(|error| error.context("it took longer than it may")),
        _ => result,
    };
    let ended = |state, reason: Option<String>| End::Final { state, reason, result: None };
    match (result, stop) {
        (Ok(Verdict::Done(result)), _) => {
            End::Final { state: JobState::Done, reason: None, result: Some(result.to_string()) }
        }
        (_, Some(Stop::Cancelled)) => ended(JobState::Cancelled, Some("it was cancelled".into())),
        (Ok(Verdict::Later(next)), _) => End::Wait { next, again: None },
        (_, Some(Stop::Shutdown)) => End::Wait { next: now, again: None },
        (Ok(Verdict::Stopped), _) => ended(JobState::Failed, Some("it took longer than it may".into())),
        (Err(error), _) if !backoff::passes(kind, &error) => ended(JobState::Failed, Some(error.chain())),
        (Err(error), _) if job.attempts >= kind.attempts => {
            let text = format!("given up after {} attempts: {}", job.attempts, error.chain());
            ended(JobState::Failed, Some(text))
        }
        (Err(error), _) => {
            End::Wait { next: now + backoff::pause(job.attempts).as_secs(), again: Some(error.chain()) }
        }
    }
}

#[cfg(test)]
mod tests;
