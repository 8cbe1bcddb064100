//! Threads that work, behind a queue with an end.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// One piece of work.
pub(super) type Work = Box<dyn FnOnce() + Send>;

/// A fixed number of threads.
pub(super) struct Pool {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
    room: usize,
}

struct Shared {
    state: Mutex<State>,
    /// There is work, or there will be none any more.
    work: Condvar,
    /// Somebody has finished after the stop.
    done: Condvar,
}

#[derive(Default)]
struct State {
    queue: VecDeque<Work>,
    running: usize,
    stopping: bool,
}

impl Pool {
    /// Starts `threads` threads behind a queue of `room`.
    pub(super) fn start(threads: usize, room: usize) -> std::io::Result<Self> {
        let shared = Arc::new(Shared { state: Mutex::default(), work: Condvar::new(), done: Condvar::new() });
        let threads = (0..threads)
            .map(|number| {
                let shared = Arc::clone(&shared);
                std::thread::Builder::new().name(format!("worker-{number}")).spawn(move || shared.serve())
            })
            .collect::<std::io::Result<Vec<JoinHandle<()>>>>()?;
        Ok(Self { shared, threads, room })
    }

    /// Queues work; gives it back if the queue is full.
    pub(super) fn submit(&self, work: Work) -> Result<(), Work> {
        let mut state = self.shared.lock();
        if state.queue.len() >= self.room {
            return Err(work);
        }
        state.queue.push_back(work);
        drop(state);
        self.shared.work.notify_one();
        Ok(())
    }

    /// How much is queued and running.
    pub(super) fn load(&self) -> (usize, usize) {
        let state = self.shared.lock();
        (state.queue.len(), state.running)
    }

    /// Waits until all work is done, then ends the threads. False: the time was up first, and the threads are left to the end of the process.
    pub(super) fn finish(self, time: Duration) -> bool {
        let end = Instant::now() + time;
        let mut state = self.shared.lock();
        state.stopping = true;
        self.shared.work.notify_all();
        while !(state.queue.is_empty() && state.running == 0) {
            let Some(left) = end.checked_duration_since(Instant::now()) else { return false };
            state = self.shared.done.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        drop(state);
        self.threads.into_iter().all(|thread| thread.join().is_ok())
    }
}

impl Shared {
    /// The lock guards plain counters, which a panic of somebody's work cannot leave half-changed.
    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn serve(&self) {
        let mut state = self.lock();
        loop {
            if let Some(work) = state.queue.pop_front() {
                state.running += 1;
                drop(state);
                run(work);
                state = self.lock();
                state.running -= 1;
                if state.stopping {
                    self.done.notify_all();
                }
            } else if state.stopping {
                return;
            } else {
                state = self.work.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
        }
    }
}

/// Does a piece of work. A panic ends that work alone.
pub(super) fn run(work: Work) {
    if catch_unwind(AssertUnwindSafe(work)).is_err() {
        log::error!("a fault of Panelgate ended a request half-way; the request got no answer");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn all_work_is_done_and_a_panic_takes_no_thread() {
        let done = Arc::new(AtomicUsize::new(0));
        let pool = Pool::start(2, 100).unwrap();
        for number in 0..50 {
            let done = Arc::clone(&done);
            let work: Work = Box::new(move || {
                assert!(number % 10 != 0, "a fault on purpose");
                done.fetch_add(1, Ordering::SeqCst);
            });
            assert!(pool.submit(work).is_ok());
        }
        assert!(pool.finish(Duration::from_secs(20)));
        assert_eq!(done.load(Ordering::SeqCst), 45);
    }

    #[test]
    fn a_full_queue_gives_work_back_and_a_stop_has_an_end() {
        let pool = Pool::start(1, 1).unwrap();
        let (go, wait) = std::sync::mpsc::channel::<()>();
        assert!(
            pool.submit(Box::new(move || {
                let _ = wait.recv();
            }))
            .is_ok()
        );
        while pool.load().1 == 0 {
            std::thread::yield_now();
        }
        assert!(pool.submit(Box::new(|| {})).is_ok());
        assert!(pool.submit(Box::new(|| {})).is_err());
        assert_eq!(pool.load(), (1, 1));
        drop(go);
        assert!(pool.finish(Duration::from_secs(20)));

        let pool = Pool::start(1, 1).unwrap();
        let (go, wait) = std::sync::mpsc::channel::<()>();
        assert!(
            pool.submit(Box::new(move || {
                let _ = wait.recv();
            }))
            .is_ok()
        );
        assert!(!pool.finish(Duration::from_millis(50)));
        drop(go);
    }
}
