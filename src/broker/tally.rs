//! How many connections and running requests each uid has.

use std::collections::HashMap;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The counts, which the loop and the pool share.
#[derive(Default)]
pub(super) struct Tally {
    counts: Mutex<Counts>,
}

#[derive(Default)]
struct Counts {
    open: HashMap<u32, usize>,
    running: HashMap<u32, usize>,
}

impl Tally {
    /// Counts a connection of a uid, unless it has `most` of them.
    pub(super) fn open(&self, uid: u32, most: usize) -> bool {
        more(&mut self.lock().open, uid, most)
    }

    /// A connection of a uid is gone.
    pub(super) fn close(&self, uid: u32) {
        less(&mut self.lock().open, uid);
    }

    /// Counts a running request of a uid, unless it has `most` of them.
    pub(super) fn start(&self, uid: u32, most: usize) -> bool {
        more(&mut self.lock().running, uid, most)
    }

    /// How many requests of a uid are running.
    pub(super) fn running(&self, uid: u32) -> usize {
        self.lock().running.get(&uid).copied().unwrap_or_default()
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn more(table: &mut HashMap<u32, usize>, uid: u32, most: usize) -> bool {
    let count = table.entry(uid).or_default();
    let room = *count < most;
    if room {
        *count += 1;
    } else if *count == 0 {
        table.remove(&uid);
    }
    room
}

fn less(table: &mut HashMap<u32, usize>, uid: u32) {
    if let Some(count) = table.get_mut(&uid) {
        *count -= 1;
        if *count == 0 {
            table.remove(&uid);
        }
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
            less(&mut self.tally.lock().running, self.uid);
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
