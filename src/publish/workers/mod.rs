//! The workers that are running: one a site at most, started when the first request comes, ended when there has been none for a while.

mod link;

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::{Path, PathBuf};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::error::{Error, ErrorKind, Result};
use crate::limits;

use super::worker::{Assignment, Task};
use link::Link;

/// All workers of this process.
pub struct Workers {
    /// The program that is a worker, if the running one is not.
    program: PathBuf,
    times: Times,
    table: Mutex<Table>,
    /// A slot has changed.
    changed: Condvar,
    /// How many requests of each account wait for a worker. Locked by itself, or while the table is.
    waiting: Mutex<HashMap<String, usize>>,
}

/// How long workers may do nothing, or little.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    /// See [`limits::WORKER_QUIET`].
    pub quiet: Duration,
    /// See [`limits::WORKER_TASK_TIME`].
    pub task: Duration,
    /// See [`limits::WORKER_STEP_TIME`].
    pub step: Duration,
}

impl Default for Times {
    fn default() -> Self {
        Self { quiet: limits::WORKER_QUIET, task: limits::WORKER_TASK_TIME, step: limits::WORKER_STEP_TIME }
    }
}

#[derive(Default)]
struct Table {
    /// By the number of the site's state.
    slots: HashMap<String, Slot>,
    /// Nobody gets in any more.
    ending: bool,
}

/// What is known of a site.
struct Slot {
    /// Whose it is.
    account: String,
    state: State,
}

enum State {
    /// Its worker is being started.
    Starting,
    /// It takes orders.
    Ready(Arc<Link>),
    /// It was told to end, or killed, and is not gone yet.
    Ending(Arc<Link>),
}

impl Workers {
    /// No workers yet. `program` is what is started, where the running program cannot be a worker itself.
    pub fn new(program: &Path) -> Arc<Self> {
        Self::with_times(program, Times::default())
    }

    /// As [`Workers::new`], with other times.
    pub fn with_times(program: &Path, times: Times) -> Arc<Self> {
        Arc::new(Self {
            program: program.to_owned(),
            times,
            table: Mutex::default(),
            changed: Condvar::new(),
            waiting: Mutex::default(),
        })
    }

    /// The right to give a site's worker one order. Starts the worker if there is none, and waits for one that is ending.
    ///
    /// # Errors
    /// [`ErrorKind::TooMany`] if the site, the account or the server has as many as it may have; [`ErrorKind::DocumentRoot`] and others if the worker
    /// cannot work there.
    pub fn lease(self: &Arc<Self>, assignment: &Assignment) -> Result<Lease> {
        self.lease_within(assignment, limits::WORKER_START_TIME, usize::MAX)
    }

    /// As [`Workers::lease`], for callers who share threads with other accounts: how long a worker takes to start or to end is up to its account.
    ///
    /// # Errors
    /// As [`Workers::lease`]; [`ErrorKind::TooMany`] if `most` requests of the account wait already, or if the worker is not ready in time. It goes on
    /// starting, and who asks again may find it ready.
    pub fn lease_within(
        self: &Arc<Self>,
        assignment: &Assignment,
        time: Duration,
        most: usize,
    ) -> Result<Lease> {
        let end = Instant::now() + time;
        let mut place = None;
        let mut table = self.lock();
        loop {
            if table.ending {
                return Err(Error::new(ErrorKind::Unavailable, "the broker is ending"));
            }
            let slot = match table.slots.entry(assignment.state.clone()) {
                Entry::Vacant(_) => break,
                Entry::Occupied(slot) => slot.into_mut(),
            };
            if let State::Ready(link) = &slot.state {
                let link = Arc::clone(link);
                if link.assignment() == assignment && !link.is_over() {
                    let is_new = link.lease()?;
                    return Ok(Lease { link, is_new });
                }
                // Another owner or document root: the old one's work ends first.
                link.end();
                slot.state = State::Ending(link);
            }
            if place.is_none() {
                place = Some(self.wait_place(&assignment.account, most)?);
            }
            table = self.wait(table, end)?;
        }
        self.make_room(&mut table, &assignment.account)?;
        if place.is_none() {
            place = Some(self.wait_place(&assignment.account, most)?);
        }
        let slot = Slot { account: assignment.account.clone(), state: State::Starting };
        table.slots.insert(assignment.state.clone(), slot);
        drop(table);
        let started = self.start(assignment, end.saturating_duration_since(Instant::now()));
        drop(place);
        started
    }

    /// A place among those who wait for a worker of an account. Each of them has a thread of the caller's, and the account decides how long.
    fn wait_place(&self, account: &str, most: usize) -> Result<Waits<'_>> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let count = waiting.entry(account.to_owned()).or_default();
        if *count >= most {
            return Err(Error::new(ErrorKind::TooMany, "the account's workers are starting or ending"));
        }
        *count += 1;
        Ok(Waits { workers: self, account: account.to_owned() })
    }

    /// Starts the worker of a slot that is marked so, in a thread of its own, and waits for it so long.
    fn start(self: &Arc<Self>, assignment: &Assignment, time: Duration) -> Result<Lease> {
        let (tell, told) = std::sync::mpsc::channel();
        let marked = Marked { workers: Arc::clone(self), site: assignment.state.clone(), kept: false };
        let theirs = assignment.clone();
        let work = move || marked.workers.clone().run(&theirs, marked, &tell);
        std::thread::Builder::new().name("worker-link".into()).stack_size(256 * 1024).spawn(work).map_err(
            |error| Error::new(ErrorKind::Internal, "a thread cannot be started").with_source(error),
        )?;
        let link = told
            .recv_timeout(time)
            .unwrap_or_else(|_| Err(Error::new(ErrorKind::TooMany, "the site's worker is starting")))?;
        let is_new = link.lease()?;
        Ok(Lease { link, is_new })
    }

    /// A worker's life, from its start until it is gone. `tell` hears whether it is ready.
    fn run(&self, assignment: &Assignment, mut marked: Marked, tell: &Sender<Result<Arc<Link>>>) {
        let link = match Link::start(super::worker::program(&self.program), assignment) {
            Ok(link) => link,
            Err(error) => {
                drop(marked);
                return drop(tell.send(Err(error)));
            }
        };
        if let Err(error) = link.introduce() {
            link.kill();
            // Whoever asked need not wait for its end; its slot is taken until then.
            let _ = tell.send(Err(error));
            return link.reap();
        }
        let mut table = self.lock();
        let ending = table.ending;
        if let Some(slot) = table.slots.get_mut(&assignment.state) {
            slot.state = State::Ready(Arc::clone(&link));
        }
        drop(table);
        marked.kept = true;
        self.changed.notify_all();
        let _ = tell.send(Ok(Arc::clone(&link)));
        if ending {
            link.end();
        }
        link.watch(&self.times, || self.mark_ending(&link));
        self.forget(&link);
    }

    /// Makes sure that one more worker of an account may be started; the one that has been quiet longest ends for it.
    fn make_room(&self, table: &mut Table, account: &str) -> Result<()> {
        let of_account = table.slots.values().filter(|slot| slot.account == account).count();
        let (full, what) = if of_account >= limits::WORKER_PROCESSES_PER_ACCOUNT {
            (true, format!("account {account} publishes as many sites at once as it may"))
        } else {
            (
                table.slots.len() >= limits::WORKER_PROCESSES,
                "as many sites are published at once as may be".into(),
            )
        };
        if !full {
            return Ok(());
        }
        let own = of_account >= limits::WORKER_PROCESSES_PER_ACCOUNT;
        let candidates = table.slots.values().filter(|slot| !own || slot.account == account);
        let idle = candidates.filter_map(|slot| match &slot.state {
            State::Ready(link) => link.idle_since().map(|since| (since, Arc::clone(link))),
            _ => None,
        });
        if let Some((_, link)) = idle.min_by_key(|(since, _)| *since)
            && link.end_if_idle()
            && let Some(slot) = table.slots.get_mut(&link.assignment().state)
        {
            slot.state = State::Ending(link);
        }
        // Whoever asks again finds the room.
        Err(Error::new(ErrorKind::TooMany, what))
    }

    /// The worker has nothing to do and is told to end, unless somebody came first.
    fn mark_ending(&self, link: &Arc<Link>) -> bool {
        let mut table = self.lock();
        if !link.end_if_idle() {
            return false;
        }
        if let Some(slot) = table.slots.get_mut(&link.assignment().state) {
            slot.state = State::Ending(Arc::clone(link));
        }
        true
    }

    /// The worker is gone.
    fn forget(&self, link: &Arc<Link>) {
        let mut table = self.lock();
        let site = &link.assignment().state;
        let is_its = |slot: &Slot| match &slot.state {
            State::Ready(other) | State::Ending(other) => Arc::ptr_eq(other, link),
            State::Starting => false,
        };
        if table.slots.get(site).is_some_and(is_its) {
            table.slots.remove(site);
        }
        drop(table);
        self.changed.notify_all();
    }

    /// Kills the workers that are meant, at once, and waits until they are gone. What they were writing is dropped. Gives how many there were.
    pub fn kill(&self, is_meant: impl Fn(&Assignment) -> bool) -> usize {
        let mut table = self.lock();
        let mut killed = Vec::new();
        for slot in table.slots.values_mut() {
            if let State::Ready(link) | State::Ending(link) = &slot.state
                && is_meant(link.assignment())
            {
                let link = Arc::clone(link);
                link.kill();
                slot.state = State::Ending(Arc::clone(&link));
                killed.push(link);
            }
        }
        let end = Instant::now() + limits::WORKER_START_TIME;
        while killed.iter().any(|link| !link.is_gone()) {
            match self.wait(table, end) {
                Ok(woken) => table = woken,
                Err(_) => break,
            }
        }
        killed.len()
    }

    /// Whether a site has a worker that takes orders.
    pub fn has(&self, assignment: &Assignment) -> bool {
        let table = self.lock();
        matches!(table.slots.get(&assignment.state), Some(Slot { state: State::Ready(link), .. }) if link.assignment() == assignment)
    }

    /// What the workers are assigned to.
    pub fn assignments(&self) -> Vec<Assignment> {
        let table = self.lock();
        let ready = table.slots.values().filter_map(|slot| match &slot.state {
            State::Ready(link) => Some(link.assignment().clone()),
            _ => None,
        });
        ready.collect()
    }

    /// How many workers there are.
    pub fn count(&self) -> usize {
        self.lock().slots.len()
    }

    /// Takes no more leases, lets every worker finish what it does and close its publication, and waits for that. False: some had to be killed.
    pub fn finish(&self, time: Duration) -> bool {
        let end = Instant::now() + time;
        let mut table = self.lock();
        table.ending = true;
        for slot in table.slots.values_mut() {
            if let State::Ready(link) = &slot.state {
                let link = Arc::clone(link);
                link.end();
                slot.state = State::Ending(link);
            }
        }
        while !table.slots.is_empty() {
            match self.wait(table, end) {
                Ok(woken) => table = woken,
                Err(_) => {
                    self.kill(|_| true);
                    return false;
                }
            }
        }
        true
    }

    /// Waits for a change.
    fn wait<'a>(&'a self, table: MutexGuard<'a, Table>, end: Instant) -> Result<MutexGuard<'a, Table>> {
        let Some(left) = end.checked_duration_since(Instant::now()) else {
            return Err(Error::new(ErrorKind::TooMany, "the site's worker is busy ending or starting"));
        };
        Ok(self.changed.wait_timeout(table, left).unwrap_or_else(PoisonError::into_inner).0)
    }

    /// The table is whole after each step.
    fn lock(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request that waits for a worker of an account.
struct Waits<'a> {
    workers: &'a Workers,
    account: String,
}

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        let mut waiting = self.workers.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = waiting.get_mut(&self.account) {
            *count -= 1;
            if *count == 0 {
                waiting.remove(&self.account);
            }
        }
    }
}

/// A slot that is marked as starting, and is free again unless it is kept: a panic on the way must not leave it for ever.
struct Marked {
    workers: Arc<Workers>,
    site: String,
    kept: bool,
}

impl Drop for Marked {
    fn drop(&mut self) {
        if !self.kept {
            self.workers.lock().slots.remove(&self.site);
            self.workers.changed.notify_all();
        }
    }
}

/// The right to give a worker one order. While there is one, the worker does not end by itself.
pub struct Lease {
    link: Arc<Link>,
    is_new: bool,
}

impl Lease {
    /// Whether the worker was started for it: a publication begins.
    pub fn is_new(&self) -> bool {
        self.is_new
    }

    /// Gives the order and does not wait for its end; whatever the descriptors are for, the worker does. This process keeps no copy of them.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`] if the worker is gone.
    pub fn send(self, task: Task, fds: &[BorrowedFd<'_>]) -> Result<()> {
        self.link.order(task, fds, None)
    }

    /// Gives the order and waits for its result, which is the account's word.
    ///
    /// # Errors
    /// What the worker says; [`ErrorKind::Unavailable`] if it ended or the time is up.
    pub fn call(&self, task: Task, fds: &[BorrowedFd<'_>], time: Duration) -> Result<Value> {
        let (tell, told) = std::sync::mpsc::channel();
        self.link.order(task, fds, Some(tell))?;
        told.recv_timeout(time).unwrap_or_else(|_| {
            Err(Error::new(
                ErrorKind::Unavailable,
                "the worker ended, or its time was up, before its work was done",
            ))
        })
    }

    /// As [`Lease::call`], with an open file.
    ///
    /// # Errors
    /// As [`Lease::call`].
    pub fn call_with(&self, task: Task, file: impl AsFd, time: Duration) -> Result<Value> {
        self.call(task, &[file.as_fd()], time)
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.link.give_back();
    }
}
