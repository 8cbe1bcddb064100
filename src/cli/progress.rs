//! A sign of life on standard error, for what takes longer than a second.

use std::io::{IsTerminal, Write};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(1);
const STEP: Duration = Duration::from_millis(250);

/// Shows what is going on until it is dropped. Nothing is shown in the first second, nor where standard error is not a terminal.
pub(super) struct Progress {
    ended: Option<(Sender<()>, JoinHandle<()>)>,
}

impl Progress {
    /// Starts; `what` is a constant of ours such as `asking the builder`.
    pub(super) fn start(what: &'static str) -> Self {
        if !std::io::stderr().is_terminal() {
            return Self { ended: None };
        }
        let (sender, ended) = mpsc::channel::<()>();
        let begin = Instant::now();
        let show = move || {
            let mut stderr = std::io::stderr();
            let mut wait = PATIENCE;
            while ended.recv_timeout(wait) == Err(RecvTimeoutError::Timeout) {
                wait = STEP;
                let _ = write!(stderr, "\r\x1b[K{what} ... {} s", begin.elapsed().as_secs());
                let _ = stderr.flush();
            }
            if wait == STEP {
                let _ = write!(stderr, "\r\x1b[K");
                let _ = stderr.flush();
            }
        };
        // Without a thread there is no sign of life, and nothing else is lost.
        let thread = std::thread::Builder::new().name("progress".into()).spawn(show);
        Self { ended: thread.ok().map(|thread| (sender, thread)) }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some((sender, thread)) = self.ended.take() {
            drop(sender);
            let _ = thread.join();
        }
    }
}

/// How far something is, on standard error, for what says so itself. Nothing is shown where standard error is not a terminal.
pub(super) struct Bar {
    shown: bool,
    terminal: bool,
}

impl Bar {
    const WIDTH: usize = 24;

    pub(super) fn new() -> Self {
        Self { shown: false, terminal: std::io::stderr().is_terminal() }
    }

    /// Shows a line in place of the last one. `text` has passed through `printable`.
    pub(super) fn show(&mut self, percent: Option<u8>, text: &str) {
        if !self.terminal {
            return;
        }
        let bar = percent.map_or_else(String::new, |percent| {
            let filled = usize::from(percent.min(100)) * Self::WIDTH / 100;
            format!("[{}{}] {percent:3} % ", "#".repeat(filled), ".".repeat(Self::WIDTH - filled))
        });
        let mut stderr = std::io::stderr();
        let _ = write!(stderr, "\r\x1b[K{bar}{text}");
        let _ = stderr.flush();
        self.shown = true;
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        if self.shown {
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        }
    }
}
