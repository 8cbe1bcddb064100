//! Reading the configuration again, beside the loop: a panel's database that hangs must not keep the loop from answering, nor the watchdog waiting.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::handler::Desk;
use crate::sys::service::{self, Notifier};

/// Does one reading at a time; wishes that come meanwhile are one more reading after it.
pub(super) struct Reloader {
    desk: Arc<Desk>,
    notifier: Arc<Notifier>,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    wanted: AtomicBool,
    running: AtomicBool,
}

impl Reloader {
    pub(super) fn new(desk: &Arc<Desk>, notifier: &Arc<Notifier>) -> Self {
        Self { desk: Arc::clone(desk), notifier: Arc::clone(notifier), state: Arc::default() }
    }

    /// Has the configuration read again, soon.
    pub(super) fn want(&self) {
        let (desk, notifier, state) =
            (Arc::clone(&self.desk), Arc::clone(&self.notifier), Arc::clone(&self.state));
        state.wanted.store(true, Ordering::SeqCst);
        if state.running.swap(true, Ordering::SeqCst) {
            return;
        }
        notifier.send(&format!("RELOADING=1\nMONOTONIC_USEC={}", service::monotonic_micros()));
        let theirs = Arc::clone(&self.state);
        let work = move || {
            loop {
                while theirs.wanted.swap(false, Ordering::SeqCst) {
                    read(&desk);
                }
                notifier.send("READY=1");
                theirs.running.store(false, Ordering::SeqCst);
                // A wish that came between the two lines was told that somebody is at it.
                if !theirs.wanted.load(Ordering::SeqCst) || theirs.running.swap(true, Ordering::SeqCst) {
                    return;
                }
            }
        };
        if let Err(error) = std::thread::Builder::new().name("reload".into()).spawn(work) {
            log::error!("the configuration cannot be read again now: {error}");
            self.notifier.send("READY=1");
            state.running.store(false, Ordering::SeqCst);
        }
    }
}

fn read(desk: &Desk) {
    match desk.reload() {
        Ok(()) => log::info!("the configuration was read again"),
        Err(error) => log::error!("the configuration was not taken over, the old one stays: {error:?}"),
    }
}
