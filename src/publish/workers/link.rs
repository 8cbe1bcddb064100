//! One running worker, seen from the process that started it.

use std::collections::HashMap;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::process::Child;
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::{Shutdown, shutdown};
use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};
use serde_json::Value;

use crate::error::{Error, ErrorKind, Result};
use crate::limits;
use crate::publish::worker::{self, Assignment, Order, Report, Task};
use crate::sys::descriptors;
use crate::types::quote;

use super::Times;

/// Time after which a worker that says nothing is looked at.
const LOOK: Duration = Duration::from_secs(5);

/// A worker process and what it was told.
pub(super) struct Link {
    assignment: Assignment,
    socket: OwnedFd,
    state: Mutex<State>,
}

struct State {
    child: Child,
    /// The last number given to an order.
    last: u64,
    orders: HashMap<u64, Given>,
    /// Leases that are out.
    leases: usize,
    /// Whether nobody has had a lease yet.
    is_new: bool,
    /// The last time that there was something to do.
    busy: Instant,
    phase: Phase,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Working,
    /// It was told to end, at that moment.
    Ending(Instant),
    Killed,
    Gone,
}

/// An order that has no result yet.
struct Given {
    at: Instant,
    /// Whether it must go on by itself ([`Task::must_go_on`]).
    must_go_on: bool,
    /// How many steps the worker has done since.
    steps: u64,
    /// Who waits for the result; nobody for requests that the worker answers itself.
    tell: Option<Sender<Result<Value>>>,
}

impl Given {
    /// When the worker hangs if there is no result by then. Who does nothing has little time; nobody has for ever.
    fn end(&self, times: &Times) -> Instant {
        if !self.must_go_on {
            return self.at + limits::PUT_TIME + limits::PUT_SILENCE;
        }
        let steps = u32::try_from(self.steps).unwrap_or(u32::MAX);
        let time = times.task.saturating_add(times.step.saturating_mul(steps));
        self.at + time.min(limits::PUBLICATION_TIME)
    }
}

impl Link {
    /// Starts a worker, of which nobody knows yet whether it can work: that is [`Link::introduce`].
    pub(super) fn start(program: &Path, assignment: &Assignment) -> Result<Arc<Self>> {
        let (child, socket) = worker::start(program)?;
        let now = Instant::now();
        let state = State {
            child,
            last: 0,
            orders: HashMap::new(),
            leases: 0,
            is_new: true,
            busy: now,
            phase: Phase::Working,
        };
        Ok(Arc::new(Self { assignment: assignment.clone(), socket, state: Mutex::new(state) }))
    }

    /// Tells the worker what it is for, and hears whether it can be. It is as slow as the account likes.
    pub(super) fn introduce(&self) -> Result<()> {
        let text = serde_json::to_vec(&self.assignment).map_err(|error| {
            Error::new(ErrorKind::DocumentRoot, "the home or document root has a name that is not UTF-8")
                .with_source(error)
        })?;
        descriptors::send(&self.socket, &text, &[], false).map_err(|error| self.lost().with_source(error))?;
        // What a worker that was killed has left comes first, and may be much.
        let end = Instant::now() + limits::WORKER_CLOSE_TIME;
        while !self.is_readable(end.min(Instant::now() + LOOK)) {
            if Instant::now() >= end || self.is_stopped() {
                return Err(self.lost().context("it was not ready in time"));
            }
        }
        match self.report()? {
            Some(report) if report.id == 0 => {
                let ready = report.into_result()?;
                if ready["recovered"].as_array().is_some_and(|left| !left.is_empty()) {
                    let left = quote(&ready["recovered"].to_string());
                    log::warn!("the worker of account {} found half-done: {left}", self.assignment.account);
                }
                Ok(())
            }
            _ => Err(self.lost()),
        }
    }

    fn lost(&self) -> Error {
        Error::new(
            ErrorKind::Unavailable,
            format!("the worker of account {} is gone", self.assignment.account),
        )
    }

    pub(super) fn assignment(&self) -> &Assignment {
        &self.assignment
    }

    /// Whether it takes no more orders.
    pub(super) fn is_over(&self) -> bool {
        self.lock().phase != Phase::Working
    }

    /// Whether the process has ended and was waited for.
    pub(super) fn is_gone(&self) -> bool {
        self.lock().phase == Phase::Gone
    }

    /// Counts a lease, unless there are as many requests as there may be. Gives whether it is the first one.
    pub(super) fn lease(&self) -> Result<bool> {
        let mut state = self.lock();
        if state.phase != Phase::Working {
            return Err(self.lost());
        }
        if state.leases + state.orders.len() >= limits::REQUESTS_PER_WORKER {
            return Err(Error::new(
                ErrorKind::TooMany,
                "the site has as many requests at once as it may have",
            ));
        }
        state.leases += 1;
        state.busy = Instant::now();
        Ok(std::mem::take(&mut state.is_new))
    }

    pub(super) fn give_back(&self) {
        let mut state = self.lock();
        state.leases = state.leases.saturating_sub(1);
        state.busy = Instant::now();
    }

    /// Gives an order; `tell` hears its result.
    pub(super) fn order(
        &self,
        task: Task,
        fds: &[BorrowedFd<'_>],
        tell: Option<Sender<Result<Value>>>,
    ) -> Result<()> {
        let mut state = self.lock();
        if !matches!(state.phase, Phase::Working) {
            return Err(self.lost());
        }
        let (id, must_go_on) = (state.last + 1, task.must_go_on());
        let text = serde_json::to_vec(&Order { id, task }).map_err(|error| {
            Error::new(ErrorKind::Internal, "an order cannot be written").with_source(error)
        })?;
        if text.len() > limits::WORKER_MESSAGE_BYTES {
            return Err(Error::new(ErrorKind::TooLarge, "the order is too long"));
        }
        // Under the lock, so that the report cannot come before the order is in the table.
        descriptors::send(&self.socket, &text, fds, false).map_err(|error| self.lost().with_source(error))?;
        state.last = id;
        state.orders.insert(id, Given { at: Instant::now(), must_go_on, steps: 0, tell });
        Ok(())
    }

    /// Since when it has had nothing to do; `None` while it has.
    pub(super) fn idle_since(&self) -> Option<Instant> {
        let state = self.lock();
        state.is_idle().then_some(state.busy)
    }

    /// Tells it to end if it has nothing to do.
    pub(super) fn end_if_idle(&self) -> bool {
        let mut state = self.lock();
        let idle = state.is_idle();
        if idle {
            self.close(&mut state);
        }
        idle
    }

    /// Tells it to end when it has done what it was told.
    pub(super) fn end(&self) {
        let mut state = self.lock();
        if state.phase == Phase::Working {
            self.close(&mut state);
        }
    }

    fn close(&self, state: &mut State) {
        state.phase = Phase::Ending(Instant::now());
        // It reads the end of its orders.
        let _ = shutdown(&self.socket, Shutdown::Write);
    }

    /// Ends it now.
    pub(super) fn kill(&self) {
        let mut state = self.lock();
        if state.phase != Phase::Gone {
            state.phase = Phase::Killed;
            // Whoever waits for a result need not wait until the kernel lets the process go.
            state.orders.clear();
            if let Err(error) = state.child.kill() {
                log::error!("the worker of account {} cannot be killed: {error}", self.assignment.account);
            }
        }
    }

    /// Hears what the worker says until it is gone. `ask_to_end` is called when it has been quiet for that long; it says whether it was told to end.
    pub(super) fn watch(&self, times: &Times, ask_to_end: impl Fn() -> bool) {
        let quiet = times.quiet;
        loop {
            let now = Instant::now();
            let next = {
                let state = self.lock();
                let stuck = state.orders.values().map(|given| given.end(times)).min();
                match state.phase {
                    // What it was doing when it was told to end comes first.
                    Phase::Ending(since) => {
                        stuck.unwrap_or(since.max(state.busy) + limits::WORKER_CLOSE_TIME)
                    }
                    Phase::Working if state.is_idle() => state.busy + quiet,
                    Phase::Working => stuck.unwrap_or(now + quiet),
                    Phase::Killed | Phase::Gone => now + limits::WORKER_CLOSE_TIME,
                }
            };
            // Leases change without a word from the worker: looked at from time to time.
            let readable = self.is_readable(next.min(now + quiet.min(LOOK)));
            if self.is_stopped() {
                log::warn!(
                    "the worker of account {} was stopped by somebody and is killed",
                    self.assignment.account
                );
                self.kill();
                break;
            } else if readable {
                match self.report() {
                    Ok(Some(report)) => self.take(report),
                    Ok(None) => break,
                    Err(error) => {
                        log::warn!("the worker of account {}: {error:?}", self.assignment.account);
                        self.kill();
                        break;
                    }
                }
            } else if Instant::now() >= next {
                let idle = self.idle_since().is_some_and(|since| since.elapsed() >= quiet);
                let working = !self.is_over();
                if working && idle {
                    ask_to_end();
                } else if !working || self.is_stuck(times) {
                    log::warn!(
                        "the worker of account {} had to be killed: it hangs",
                        self.assignment.account
                    );
                    self.kill();
                    break;
                }
            }
        }
        self.reap();
    }

    /// Whether the account has stopped it (SIGSTOP), or had since it was started: it would keep its place for as long as the account likes.
    fn is_stopped(&self) -> bool {
        let state = self.lock();
        let options = WaitIdOptions::STOPPED | WaitIdOptions::CONTINUED;
        // Looking takes nothing away: its end is waited for elsewhere.
        let options = options | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        waitid(WaitId::Pid(Pid::from_child(&state.child)), options)
            .is_ok_and(|status| status.is_some_and(|status| status.stopped() || status.continued()))
    }

    fn is_stuck(&self, times: &Times) -> bool {
        let now = Instant::now();
        self.lock().orders.values().any(|given| now >= given.end(times))
    }

    /// Waits for the process's end, and tells everybody who waits for it. One that the kernel keeps makes that long.
    pub(super) fn reap(&self) {
        // It has closed its socket, or was killed: it ends now, or is stopped and must be killed.
        let end = Instant::now() + Duration::from_secs(2);
        let mut pause = Duration::from_millis(1);
        let status = loop {
            let mut state = self.lock();
            match state.child.try_wait() {
                Ok(None) if Instant::now() >= end => drop(state.child.kill()),
                Ok(None) => {}
                Ok(Some(status)) => break Ok(status),
                Err(error) => break Err(error),
            }
            // Without the lock: one that the kernel keeps, as on a dead file server, holds nobody else up.
            drop(state);
            std::thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_secs(1));
        };
        let mut state = self.lock();
        let unexpected = matches!(state.phase, Phase::Working);
        state.phase = Phase::Gone;
        let account = &self.assignment.account;
        match status {
            Ok(status) if unexpected => {
                log::error!(
                    "the worker of account {account} ended unexpectedly ({status}) with {} requests",
                    state.orders.len()
                );
            }
            Err(error) => log::error!("the worker of account {account} cannot be waited for: {error}"),
            Ok(_) => {}
        }
        // Dropping the senders tells those who wait.
        state.orders.clear();
    }

    fn is_readable(&self, end: Instant) -> bool {
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let Ok(timeout) = Timespec::try_from(left) else { return false };
            match poll(&mut [PollFd::from_borrowed_fd(self.socket.as_fd(), PollFlags::IN)], Some(&timeout)) {
                Ok(count) => return count > 0,
                Err(rustix::io::Errno::INTR) => {}
                Err(_) => return true,
            }
        }
    }

    /// The next report; `None` at the worker's end.
    fn report(&self) -> Result<Option<Report>> {
        let mut buffer = vec![0; limits::WORKER_MESSAGE_BYTES];
        let received = match descriptors::receive(&self.socket, &mut buffer, false) {
            Ok(received) => received,
            // Its last words were not all heard, because some of ours were not either.
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => return Ok(None),
            Err(error) => return Err(self.lost().with_source(error)),
        };
        if received.bytes == 0 && !received.is_cut {
            return Ok(None);
        }
        let wrong =
            |what: &str| Error::new(ErrorKind::Internal, format!("it says what nobody asked: {what}"));
        if received.is_cut || !received.fds.is_empty() {
            return Err(wrong("descriptors, or too much at once"));
        }
        match serde_json::from_slice(&buffer[..received.bytes]) {
            Ok(report) => Ok(Some(report)),
            Err(error) => Err(wrong(&quote(&error.to_string()))),
        }
    }

    fn take(&self, report: Report) {
        let account = &self.assignment.account;
        if report.id == 0 {
            // Its last words.
            return match report.into_result() {
                Ok(last) => {
                    log::info!("the worker of account {account} has ended: {}", quote(&last.to_string()))
                }
                Err(error) => log::error!("the worker of account {account}: {error:?}"),
            };
        }
        let mut state = self.lock();
        if state.phase == Phase::Killed {
            // Nobody waits for it any more.
            return;
        }
        if let (Some(steps), Some(given)) = (report.steps, state.orders.get_mut(&report.id)) {
            given.steps = given.steps.max(steps);
            return log::debug!("publication of account {account}: {steps} steps so far");
        }
        state.busy = Instant::now();
        let Some(given) = state.orders.remove(&report.id) else {
            drop(state);
            log::warn!("the worker of account {account} reports what it was not told to do");
            return self.kill();
        };
        drop(state);
        let result = report.into_result();
        match given.tell {
            // Nobody may wait any more.
            Some(tell) => drop(tell.send(result)),
            None => match result {
                Ok(done) => log::debug!("publication of account {account}: {}", quote(&done.to_string())),
                Err(error) => log::info!("publication of account {account}: {error:?}"),
            },
        }
    }

    /// The state is whole after each step.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn is_idle(&self) -> bool {
        self.phase == Phase::Working && self.leases == 0 && self.orders.is_empty()
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        let state = self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
        if state.phase != Phase::Gone {
            let _ = state.child.kill();
            let _ = state.child.wait();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_goes_on_has_more_time_and_nobody_has_for_ever() {
        let (at, times) = (Instant::now(), Times::default());
        let given = |must_go_on, steps| Given { at, must_go_on, steps, tell: None }.end(&times) - at;
        assert_eq!(given(false, 0), limits::PUT_TIME + limits::PUT_SILENCE);
        assert_eq!(given(true, 0), limits::WORKER_TASK_TIME);
        assert_eq!(given(true, 3000), limits::WORKER_TASK_TIME + limits::WORKER_STEP_TIME * 3000);
        for steps in [1_000_000, u64::MAX] {
            assert_eq!(given(true, steps), limits::PUBLICATION_TIME);
        }
    }
}
