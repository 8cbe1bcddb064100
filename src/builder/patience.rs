//! How long a builder is waited for that does not answer.
//!
//! Behind each session call somebody waits for a page, and a thread of the broker. After [`limits::BUILDER_UNANSWERED`] calls in a row that the builder let
//! wait in vain, nobody expects that it answers the next one: it gets [`limits::BUILDER_IMPATIENCE`] instead of `[builder] timeout`, and who clicked is told
//! soon. One call at a time keeps the usual time, so that a builder that is only slow is found to answer again; any answer ends it all.
//!
//! Nobody is refused unasked: sites that the builder is slow with cannot keep it from others.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::config::BuilderConfig;
use crate::error::{Error, ErrorKind};
use crate::limits;

/// What the last session calls say about the next one.
#[derive(Default)]
pub(super) struct Patience(Mutex<State>);

#[derive(Default)]
struct State {
    /// Calls since the last answer that were waited for in vain.
    unanswered: u32,
    /// Whether the one call is under way that has the usual time all the same.
    is_tried: bool,
}

/// One call, from before it is made until it has ended.
pub(super) struct Turn<'a> {
    patience: &'a Patience,
    begun: Instant,
    time: Duration,
    /// Whether it is the one that has the usual time all the same.
    is_trial: bool,
}

/// What a call says about the builder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// It answered, whatever.
    Answered,
    /// It was waited for in vain.
    Waited,
    /// Nobody waited: there was no way to it, or no call at all.
    Neither,
}

impl Patience {
    /// A call begins.
    pub(super) fn begin(&self, config: &BuilderConfig) -> Turn<'_> {
        let mut state = self.state();
        let is_patient = state.unanswered < limits::BUILDER_UNANSWERED;
        let is_trial = !is_patient && !state.is_tried;
        state.is_tried |= is_trial;
        let usual = config.timeout;
        let time = if is_patient || is_trial { usual } else { usual.min(limits::BUILDER_IMPATIENCE) };
        Turn { patience: self, begun: Instant::now(), time, is_trial }
    }

    /// Calls since the last answer that were waited for in vain.
    pub(super) fn unanswered(&self) -> u32 {
        self.state().unanswered
    }

    fn note(&self, end: End) {
        let mut state = self.state();
        let before = state.unanswered;
        match end {
            End::Neither => {}
            End::Waited => state.unanswered = before.saturating_add(1),
            End::Answered => state.unanswered = 0,
        }
        if before < limits::BUILDER_UNANSWERED && state.unanswered == limits::BUILDER_UNANSWERED {
            log::warn!(
                "the builder has let {} session calls in a row wait in vain: until it answers it is waited for {} s",
                state.unanswered,
                limits::BUILDER_IMPATIENCE.as_secs()
            );
        } else if before >= limits::BUILDER_UNANSWERED && state.unanswered == 0 {
            log::info!("the builder answers again, after {before} session calls that waited in vain");
        }
    }

    /// Two plain values, which are whole after each step.
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Turn<'_> {
    /// How long this call may take.
    pub(super) fn time(&self) -> Duration {
        self.time
    }

    /// The call has ended.
    pub(super) fn end<T>(self, result: &Result<T, Error>, config: &BuilderConfig) {
        let kind = result.as_ref().err().map(Error::kind);
        self.patience.note(end_of(kind, self.begun.elapsed(), self.time.min(config.connect_timeout)));
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        if self.is_trial {
            self.patience.state().is_tried = false;
        }
    }
}

/// What a call says that ended like this after so much time; whoever was kept for `long` has waited.
fn end_of(error: Option<ErrorKind>, after: Duration, long: Duration) -> End {
    match error {
        Some(ErrorKind::BuilderUnreachable) if after >= long => End::Waited,
        Some(ErrorKind::BuilderUnreachable | ErrorKind::Config) => End::Neither,
        _ => End::Answered,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    const SHORT: Duration = limits::BUILDER_IMPATIENCE;

    fn config(more: &str) -> BuilderConfig {
        let text = format!("[builder]\nurl = https://b.example/\n{more}");
        Config::parse("panelgate.ini".as_ref(), text.as_bytes()).unwrap().builder
    }

    fn waited(patience: &Patience, times: u32) {
        (0..times).for_each(|_| patience.note(End::Waited));
    }

    #[test]
    fn a_builder_that_does_not_answer_is_waited_for_less_long_but_by_one() {
        let (patience, config) = (Patience::default(), config(""));
        let usual = config.timeout;
        assert!(usual > SHORT);
        waited(&patience, limits::BUILDER_UNANSWERED - 1);
        let calls: Vec<Duration> = (0..3).map(|_| patience.begin(&config).time()).collect();
        assert_eq!(calls, [usual; 3], "not yet");

        waited(&patience, 1);
        let trial = patience.begin(&config);
        let (second, third) = (patience.begin(&config), patience.begin(&config));
        assert_eq!([trial.time(), second.time(), third.time()], [usual, SHORT, SHORT]);
        drop((second, third));
        assert_eq!(patience.begin(&config).time(), SHORT, "the one is still under way");
        drop(trial);
        assert_eq!(patience.begin(&config).time(), usual, "the next one is it");
    }

    #[test]
    fn any_answer_ends_it_and_what_nobody_waited_for_changes_nothing() {
        let (patience, config) = (Patience::default(), config(""));
        waited(&patience, 100);
        patience.note(End::Neither);
        assert_eq!(patience.unanswered(), 100);
        patience.begin(&config).end(&Err::<(), _>(Error::new(ErrorKind::BuilderRefused, "no")), &config);
        assert_eq!(patience.unanswered(), 0);
        assert_eq!(patience.begin(&config).time(), config.timeout);
        // In a row: an answer between them begins anew.
        waited(&patience, limits::BUILDER_UNANSWERED - 1);
        patience.begin(&config).end(&Ok(()), &config);
        waited(&patience, limits::BUILDER_UNANSWERED - 1);
        assert_eq!(patience.begin(&config).time(), config.timeout);
    }

    #[test]
    fn what_a_call_says_about_the_builder() {
        let (soon, late, long) = (Duration::from_millis(10), Duration::from_secs(5), Duration::from_secs(5));
        for (error, after, want) in [
            (None, late, End::Answered),
            (Some(ErrorKind::BuilderUnreachable), late, End::Waited),
            (Some(ErrorKind::BuilderUnreachable), soon, End::Neither),
            (Some(ErrorKind::Config), soon, End::Neither),
            (Some(ErrorKind::BuilderAuth), late, End::Answered),
            (Some(ErrorKind::BuilderProtocol), soon, End::Answered),
        ] {
            assert_eq!(end_of(error, after, long), want, "{error:?} after {after:?}");
        }
    }

    #[test]
    fn a_configuration_with_less_time_keeps_it() {
        let (patience, config) = (Patience::default(), config("timeout = 2\n"));
        waited(&patience, limits::BUILDER_UNANSWERED);
        let _trial = patience.begin(&config);
        assert_eq!(patience.begin(&config).time(), Duration::from_secs(2));
    }
}
