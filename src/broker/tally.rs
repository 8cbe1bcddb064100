//! How many connections and running requests each uid has.

use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::counts::Counts;

/// The counts, which the loop and the pool share.
#[derive(Default)]
pub(super) struct Tally {
    counts: Mutex<Uids>,
}

#[derive(Default)]
struct Uids {
    open: Counts<u32>,
    running: Counts<u32>,
}

impl Tally {
    /// Counts a connection of a uid, unless it has `most` of them.
    pub(super) fn open(&self, uid: u32, most: usize) -> bool {
        self.lock().open.add_below(uid, most)
    }

    /// A connection of a uid is gone.
    pub(super) fn close(&self, uid: u32) {
        self.lock().open.remove(&uid);
    }

    /// Counts a running request of a uid, unless it has `most` of them.
    pub(super) fn start(&self, uid: u32, most: usize) -> bool {
        self.lock().running.add_below(uid, most)
    }

    /// How many requests of a uid are running.
    pub(super) fn running(&self, uid: u32) -> usize {
        self.lock().running.of(&uid)
    }

    fn lock(&self) -> MutexGuard<'_, Uids> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection of a uid, and the thread that works on it; both are given back when it is dropped, also when the work panics.
pub(super) struct Place {
    tally: Arc<Tally>,
    /// Written to so that the loop looks again.
    wake: Arc<OwnedFd>,
    uid: u32,
    running: bool,
}

impl Place {
    /// For a connection that was counted, and a running request if `running`.
    pub(super) fn new(tally: Arc<Tally>, wake: Arc<OwnedFd>, uid: u32, running: bool) -> Self {
        Self { tally, wake, uid, running }
    }

    /// Whose it is.
    pub(super) fn uid(&self) -> u32 {
        self.uid
    }

    /// Gives the thread back and keeps the connection.
    pub(super) fn rest(&mut self) {
        if std::mem::take(&mut self.running) {
            self.tally.lock().running.remove(&self.uid);
        }
    }

    /// A thread was counted for it again.
    pub(super) fn go_on(&mut self) {
        self.running = true;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.rest();
        self.tally.close(self.uid);
        let _ = rustix::io::write(&*self.wake, &1_u64.to_ne_bytes());
    }
}
