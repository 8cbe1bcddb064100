//! What the builder sends through the web server: the head is decided about, then two descriptors go through to the site's worker.
//!
//! No process of root's reads, writes or polls these descriptors; the worker does, as the account.

use std::collections::HashMap;
use std::net::IpAddr;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::Duration;

use serde_json::{Value, json};

use crate::error::{Error, ErrorKind, Result};
use crate::limits;
use crate::ops::Context;
use crate::ops::endpoint::{self, Decision, Head, ManageRequest, Permit, Reply, Watch, Work};
use crate::ops::internal::Word;
use crate::ops::policy::{Operation, Principal};
use crate::publish::worker::Task;
use crate::publish::workers::{Lease, Workers};
use crate::store::SiteRow;
use crate::sys::descriptors;
use crate::types::Reference;

use super::counts::Counts;
use super::protocol::Answer;
use super::publisher::Queue;

/// Longest wait for what a worker does with the publications as a whole: the caller's own patience is a little longer.
const MANAGE_TIME: Duration = Duration::from_secs(limits::BROKER_CALL_TIME.as_secs() - 5);

/// The workers, and under which conditions they may go on.
pub(super) struct Endpoint {
    workers: Arc<Workers>,
    /// Held by whoever looks after them at this moment.
    rounds: Mutex<()>,
    /// By the number of the site's state.
    watched: Mutex<HashMap<String, Watch>>,
    /// How many requests of each client address are being decided about.
    deciding: Mutex<Counts<IpAddr>>,
    /// Threads that wait for workers because accounts look at their publications.
    looks: Places,
    /// Publications by archive that wait.
    pub(super) queue: Queue,
}

/// A request that was allowed, whose descriptors have not come yet.
pub(super) struct Promise {
    lease: Lease,
    task: Task,
    reference: Reference,
}

/// What the head of a request gets.
pub(super) enum Admission {
    /// Descriptors may come.
    Promise(Promise),
    /// An answer.
    Answer(Reply),
    /// What became of a publication by archive.
    Action(Word),
}

impl Endpoint {
    pub(super) fn new(worker_program: &Path) -> Self {
        Self {
            workers: Workers::new(worker_program),
            rounds: Mutex::default(),
            watched: Mutex::default(),
            deciding: Mutex::default(),
            looks: Places::new(limits::LOOKS_AT_PUBLICATIONS),
            queue: Queue::default(),
        }
    }

    /// All workers of the broker.
    pub(super) fn workers(&self) -> &Arc<Workers> {
        &self.workers
    }

    /// Decides about the head of a request, and has the site's worker ready. Logs what it refuses, within bounds.
    pub(super) fn admit(&self, context: &Context, principal: &Principal, head: &Head) -> Result<Admission> {
        let result = self.decide(context, principal, head);
        if let Err(error) = &result {
            let from =
                head.remote.map_or_else(|| "an unknown address".to_owned(), |remote| remote.to_string());
            let line =
                format!("{}: a publication request from {from} was refused: {error:?}", head.reference);
            // Who is told to ask again is no news.
            if error.kind() != ErrorKind::TooMany && endpoint::logs_refusal(context) {
                log::warn!("{line}")
            } else {
                log::debug!("{line}")
            }
        }
        result
    }

    fn decide(&self, context: &Context, principal: &Principal, head: &Head) -> Result<Admission> {
        let _share = self.share(head.remote)?;
        let work = match endpoint::admit(context, principal, head)? {
            Decision::Work(work) => *work,
            Decision::Answer(reply) => return Ok(Admission::Answer(reply)),
            Decision::Action(word) => {
                if matches!(word, Word::Accepted { .. }) {
                    self.queue.wake();
                }
                return Ok(Admission::Action(word));
            }
        };
        let Work { permit, task, row } = work;
        self.check_beginning(context, &permit, &row)?;
        // Threads are few, and how long a worker takes is up to its account: the endpoint's program asks again.
        let (time, most) = (limits::WORKER_WAIT, limits::WAITING_PER_ACCOUNT);
        let lease = self.workers.lease_within(&permit.assignment, time, most)?;
        self.watch(&permit);
        if lease.is_new() {
            log::info!("{}: a publication of {} begins", head.reference, row.domain);
            endpoint::record(context, principal, &row, head.reference, Operation::Publish, "ok", head.remote);
        }
        Ok(Admission::Promise(Promise { lease, task: Task::File(task), reference: head.reference }))
    }

    /// The right to give a permitted site's worker one order, for a thread that may wait for it.
    pub(super) fn lease(&self, context: &Context, permit: &Permit, row: &SiteRow) -> Result<Lease> {
        self.check_beginning(context, permit, row)?;
        let lease = self.workers.lease(&permit.assignment)?;
        self.watch(permit);
        Ok(lease)
    }

    fn check_beginning(&self, context: &Context, permit: &Permit, row: &SiteRow) -> Result<()> {
        if self.workers.has(&permit.assignment) { Ok(()) } else { endpoint::check_beginning(context, row) }
    }

    /// As long as the worker runs, the patrol looks whether it still may.
    fn watch(&self, permit: &Permit) {
        lock(&self.watched).insert(permit.assignment.state.clone(), permit.watch.clone());
    }

    /// Takes the second message of a connection: one byte and exactly two descriptors, which go on to the worker.
    pub(super) fn hand_over(&self, stream: &UnixStream, promise: Promise) -> Answer {
        let reference = promise.reference;
        match take_and_send(stream, promise) {
            Ok(()) => Answer::ok(json!({ "taken": true })),
            Err(error) => {
                log::warn!(
                    "{reference}: the descriptors of a publication request were not handed over: {error:?}"
                );
                Answer::error(
                    error.kind(),
                    format!("the descriptors were not taken: see the log under {reference}"),
                )
            }
        }
    }

    /// Does something with a site's publications.
    pub(super) fn manage(
        &self,
        context: &Context,
        principal: &Principal,
        request: &ManageRequest,
    ) -> Result<Value> {
        // How long a worker takes is up to its account, and one person can have many accounts; clicks need threads too.
        let place = match principal {
            Principal::Root => None,
            _ => Some(self.looks.take().ok_or_else(|| {
                Error::new(ErrorKind::TooMany, "as many publications are looked at as may be at a time")
            })?),
        };
        self.forget_ended();
        let result = endpoint::manage(context, principal, &self.workers, request, MANAGE_TIME);
        drop(place);
        result
    }

    /// As [`Endpoint::patrol`], unless somebody is at it already: panels that are asked by running a program may take longer than from one time to the
    /// next.
    pub(super) fn make_rounds(&self, context: &Context) {
        let _alone = match self.rounds.try_lock() {
            Ok(alone) => alone,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return,
        };
        self.patrol(context);
    }

    /// Ends, at once, the workers of sites that may not be published to any more: suspended, removed, moved, revoked.
    pub(super) fn patrol(&self, context: &Context) {
        self.forget_ended();
        let assignments = self.workers.assignments();
        let watched = lock(&self.watched).clone();
        for assignment in &assignments {
            // One that only looks at what was published has no conditions.
            let Some(watch) = watched.get(&assignment.state) else { continue };
            match endpoint::check_going_on(context, watch, assignment) {
                Err(error) if endpoint::ends(error.kind()) => {
                    let killed = self.workers.kill(|other| other == assignment);
                    log::warn!(
                        "the publication by account {} was stopped ({killed} worker): {error:?}",
                        assignment.account
                    );
                }
                Err(error) => {
                    log::warn!("whether account {} may go on is not known: {error:?}", assignment.account)
                }
                Ok(()) => {}
            }
        }
    }

    /// Conditions that nobody works under any more are forgotten: a later worker of the site may be for something else.
    fn forget_ended(&self) {
        let assignments = self.workers.assignments();
        lock(&self.watched)
            .retain(|state, _| assignments.iter().any(|assignment| assignment.state == *state));
    }

    /// Many clients come through one web server: none of them has all of its share.
    fn share(&self, remote: Option<IpAddr>) -> Result<Option<Share<'_>>> {
        let Some(remote) = remote else { return Ok(None) };
        if !lock(&self.deciding).add_below(remote, limits::RUNNING_PER_ADDRESS) {
            return Err(Error::new(ErrorKind::TooMany, format!("too many requests from {remote} at once")));
        }
        Ok(Some(Share { deciding: &self.deciding, remote }))
    }
}

fn take_and_send(stream: &UnixStream, promise: Promise) -> Result<()> {
    let wrong = |what: &str| Error::new(ErrorKind::BadRequest, what);
    let mut buffer = [0_u8; 2];
    let received = descriptors::receive(stream, &mut buffer, false)
        .map_err(|error| wrong("they cannot be received").with_source(error))?;
    if received.is_cut || received.bytes != 1 {
        return Err(wrong("it is not one byte with two descriptors"));
    }
    let [input, output] = received.fds.as_slice() else {
        return Err(wrong(&format!("there are {} of them instead of two", received.fds.len())));
    };
    if !descriptors::can_be_input(input) || !descriptors::can_be_output(output) {
        return Err(wrong("they are not what a web server gives to a program"));
    }
    // Nobody has them if this fails: the worker has ended at this moment, and the client may ask for another.
    promise.lease.send(promise.task, &[input.as_fd(), output.as_fd()]).map_err(|error| match error.kind() {
        ErrorKind::Unavailable => Error::new(ErrorKind::TooMany, "ask again").with_source(error),
        _ => error,
    })
}

/// A number of places.
pub(super) struct Places {
    free: Mutex<usize>,
}

/// One of them; given back however the work ends.
pub(super) struct Taken<'a>(&'a Places);

impl Places {
    pub(super) fn new(most: usize) -> Self {
        Self { free: Mutex::new(most) }
    }

    pub(super) fn take(&self) -> Option<Taken<'_>> {
        let mut free = lock(&self.free);
        *free = free.checked_sub(1)?;
        Some(Taken(self))
    }
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        *lock(&self.0.free) += 1;
    }
}

/// A request of a client address that is being decided about.
struct Share<'a> {
    deciding: &'a Mutex<Counts<IpAddr>>,
    remote: IpAddr,
}

impl Drop for Share<'_> {
    fn drop(&mut self) {
        lock(self.deciding).remove(&self.remote);
    }
}

/// The tables are whole after each step, so that a panic elsewhere does not matter to them.
fn lock<T>(table: &Mutex<T>) -> MutexGuard<'_, T> {
    table.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_no_more_places_than_there_are_and_each_is_given_back() {
        let places = Places::new(2);
        let (one, two) = (places.take(), places.take());
        assert!(one.is_some() && two.is_some() && places.take().is_none());
        drop(one);
        let again = places.take();
        assert!(again.is_some() && places.take().is_none());
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let _two = two;
            panic!("half-way");
        }));
        assert!(panicked.is_err() && places.take().is_some());
    }
}
