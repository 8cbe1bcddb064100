//! Openings wait for the builder, and how long is not up to us: they have a bounded part of the threads, and accounts take turns at it.
//!
//! Who finds no place waits in a queue, not on a thread: whoever leaves a place goes on with the first of the queue that may have it. The last places are only
//! for accounts that have none yet, so that a few that the builder is slow with do not keep it from the others.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::types::Username;

use super::counts::Counts;
use super::pool::{self, Work};

/// Whose turn it is: the account that an opening is for; `None` where root named none.
pub(super) type Whose = Option<Username>;

/// The places and who waits for one.
pub(super) struct Lane {
    state: Mutex<State>,
    /// How many places there are.
    places: usize,
    /// How many of them are only for accounts that have none yet.
    for_others: usize,
    /// How many may wait.
    room: usize,
}

#[derive(Default)]
struct State {
    taken: Counts<Whose>,
    queue: VecDeque<(Whose, Work)>,
}

impl Lane {
    pub(super) fn new(places: usize, for_others: usize, room: usize) -> Self {
        Self { state: Mutex::default(), places, for_others, room }
    }

    /// Does the work on this thread, and then that of those who had to wait; or lets it wait. Gives it back if too many wait already.
    pub(super) fn enter(&self, whose: Whose, work: Work) -> Result<(), Work> {
        let mut state = self.lock();
        if !self.may(&state, &whose) {
            if state.queue.len() >= self.room {
                return Err(work);
            }
            state.queue.push_back((whose, work));
            return Ok(());
        }
        state.taken.add(whose.clone());
        drop(state);
        let mut next = Some((whose, work));
        while let Some((whose, work)) = next {
            pool::run(work);
            next = self.leave(&whose);
        }
        Ok(())
    }

    /// How many have a place, and how many wait.
    pub(super) fn load(&self) -> (usize, usize) {
        let state = self.lock();
        (state.taken.all(), state.queue.len())
    }

    /// Gives the place back, and takes one for the first who waits and may have it.
    fn leave(&self, whose: &Whose) -> Option<(Whose, Work)> {
        let mut state = self.lock();
        state.taken.remove(whose);
        // Who has none first: a place that was just for all may leave one of the last for them, and nobody would come back to let them have it.
        let position =
            |first: &dyn Fn(&Whose) -> bool| state.queue.iter().position(|(whose, _)| first(whose));
        let position = position(&|whose| self.may(&state, whose) && state.taken.of(whose) == 0)
            .or_else(|| position(&|whose| self.may(&state, whose)))?;
        let next = state.queue.remove(position)?;
        state.taken.add(next.0.clone());
        Some(next)
    }

    fn may(&self, state: &State, whose: &Whose) -> bool {
        state.taken.has_place(whose, self.places, self.for_others)
    }

    /// The counts are whole after each step; nobody's work is done under the lock.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::mpsc::{Receiver, Sender, channel};
    use std::thread::JoinHandle;

    /// A lane, and who has begun in it, in this order.
    struct Test {
        lane: Arc<Lane>,
        begun: (Sender<String>, Receiver<String>),
        threads: Vec<JoinHandle<()>>,
    }

    fn name(name: &str) -> Whose {
        Some(Username::new(name).unwrap())
    }

    impl Test {
        fn new(places: usize, for_others: usize, room: usize) -> Self {
            let lane = Arc::new(Lane::new(places, for_others, room));
            Self { lane, begun: channel(), threads: Vec::new() }
        }

        /// An account enters; its work ends when what is returned is dropped.
        fn enter(&mut self, whose: &'static str) -> Sender<()> {
            let (go, wait) = channel::<()>();
            let (lane, begun) = (Arc::clone(&self.lane), self.begun.0.clone());
            let (busy, waiting) = lane.load();
            let theirs = Arc::clone(&lane);
            self.threads.push(std::thread::spawn(move || {
                let work = Box::new(move || {
                    begun.send(whose.to_owned()).unwrap();
                    let _ = wait.recv();
                });
                assert!(theirs.enter(name(whose), work).is_ok());
            }));
            // One after the other, so that the order is known.
            while lane.load() == (busy, waiting) {
                std::thread::yield_now();
            }
            go
        }

        fn next(&self) -> String {
            self.begun.1.recv().unwrap()
        }

        fn is_quiet(&self) -> bool {
            self.begun.1.try_recv().is_err()
        }

        fn end(self) {
            for thread in self.threads {
                thread.join().unwrap();
            }
            assert_eq!(self.lane.load(), (0, 0));
            assert!(self.lane.lock().taken.is_empty());
        }
    }

    #[test]
    fn the_last_places_are_for_those_who_have_none() {
        let mut test = Test::new(4, 2, 10);
        let mut greedy: Vec<Sender<()>> = (0..4).map(|_| test.enter("greedy")).collect();
        assert_eq!([test.next(), test.next()], ["greedy", "greedy"]);
        assert_eq!(test.lane.load(), (2, 2), "it waits for its own");
        let others = [test.enter("one"), test.enter("two")];
        assert_eq!([test.next(), test.next()], ["one", "two"]);
        let late = test.enter("late");
        assert_eq!(test.lane.load(), (4, 3));
        // A place that gets free is for whom has none, though others have waited longer.
        drop(greedy.remove(0));
        assert_eq!(test.next(), "late");
        assert!(test.is_quiet());
        drop((others, late));
        assert_eq!(test.next(), "greedy");
        drop(greedy);
        assert_eq!(test.next(), "greedy");
        test.end();
    }

    #[test]
    fn nobody_waits_for_a_place_that_is_free_for_them() {
        let mut test = Test::new(4, 2, 10);
        // The places for all are taken by two, who both want more.
        let (one, two) = (test.enter("one"), test.enter("two"));
        assert_eq!([test.next(), test.next()], ["one", "two"]);
        let (more_of_two, more_of_one) = (test.enter("two"), test.enter("one"));
        assert_eq!(test.lane.load(), (2, 2));
        // The first has none any more: it gets the place, and not the one that has waited longer and has one.
        drop(one);
        assert_eq!(test.next(), "one");
        assert_eq!(test.lane.load(), (2, 1));
        drop(two);
        assert_eq!(test.next(), "two");
        drop((more_of_one, more_of_two));
        test.end();
    }

    /// Whatever the order in which they come and go: nobody is left in the queue who may have a place.
    #[test]
    fn no_order_leaves_somebody_waiting_who_may_have_a_place() {
        let lane = Lane::new(5, 2, usize::MAX);
        let mut running: Vec<Whose> = Vec::new();
        for _ in 0..20_000 {
            let [action, who, which, _] = crate::sys::random::bytes::<4>();
            if action % 2 == 0 && lane.load().1 < 20 {
                // As in `enter`, without its work.
                let (mut state, whose) = (lane.lock(), name(&format!("a{}", who % 5)));
                if lane.may(&state, &whose) {
                    state.taken.add(whose.clone());
                    running.push(whose);
                } else {
                    state.queue.push_back((whose, Box::new(|| {})));
                }
            } else if !running.is_empty() {
                let whose = running.swap_remove(usize::from(which) % running.len());
                running.extend(lane.leave(&whose).map(|(whose, _)| whose));
            }
            let state = lane.lock();
            assert_eq!(state.taken.all(), running.len());
            assert!(!state.queue.iter().any(|(whose, _)| lane.may(&state, whose)), "{running:?}");
        }
    }

    #[test]
    fn who_waits_holds_no_thread_and_too_many_are_told_so() {
        let lane = Arc::new(Lane::new(1, 0, 1));
        let (theirs, (done, seen)) = (Arc::clone(&lane), channel());
        let work: Work = Box::new(move || {
            // The place is taken: this one waits, and this thread goes on at once.
            let first = done.clone();
            assert!(theirs.enter(name("a"), Box::new(move || first.send("waited").unwrap())).is_ok());
            assert!(theirs.enter(name("b"), Box::new(|| {})).is_err(), "there is room for one");
            done.send("worked").unwrap();
        });
        assert!(lane.enter(name("a"), work).is_ok());
        assert_eq!([seen.recv().unwrap(), seen.recv().unwrap()], ["worked", "waited"]);
        assert_eq!(lane.load(), (0, 0));
    }

    #[test]
    fn a_panic_takes_neither_the_place_nor_those_who_wait() {
        let lane = Arc::new(Lane::new(1, 0, 9));
        let (theirs, (done, seen)) = (Arc::clone(&lane), channel());
        let work: Work = Box::new(move || {
            assert!(theirs.enter(None, Box::new(move || done.send(()).unwrap())).is_ok());
            panic!("a fault on purpose");
        });
        assert!(lane.enter(name("a"), work).is_ok());
        assert_eq!((seen.recv(), lane.load()), (Ok(()), (0, 0)));
    }
}
