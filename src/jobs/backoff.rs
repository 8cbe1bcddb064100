//! When a job is tried again.

use std::time::Duration;

use crate::error::{Error, ErrorKind};
use crate::limits;
use crate::sys::random;

use super::Kind;

/// The pause after the given number of attempts: it doubles, up to [`limits::JOB_LONGEST_PAUSE`], and is up to a tenth longer by chance, so that many jobs that failed
/// together do not all come back together.
pub(super) fn pause(attempts: u32) -> Duration {
    let doubled = limits::JOB_PAUSE.saturating_mul(1 << attempts.saturating_sub(1).min(16));
    let pause = doubled.min(limits::JOB_LONGEST_PAUSE);
    let chance = u32::from(random::bytes::<1>()[0]);
    pause + pause * chance / (10 * 256)
}

/// Whether a job that failed in this way is tried again.
pub(super) fn passes(kind: &Kind, error: &Error) -> bool {
    let by_hand = matches!(
        error.kind(),
        ErrorKind::Config
            | ErrorKind::BuilderTls
            | ErrorKind::BuilderAuth
            | ErrorKind::BuilderLicence
            | ErrorKind::BuilderRefused
            | ErrorKind::BuilderUrl
    );
    error.kind().is_retryable() || (kind.persistent && by_hand)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_up_to_a_bound() {
        let mut last = Duration::ZERO;
        for attempts in 1..40 {
            let pause = pause(attempts);
            let most = limits::JOB_LONGEST_PAUSE + limits::JOB_LONGEST_PAUSE / 10;
            assert!(pause >= limits::JOB_PAUSE && pause <= most, "{attempts}: {pause:?}");
            assert!(attempts > 8 || pause > last, "{attempts}: {pause:?} after {last:?}");
            last = pause;
        }
        assert!(last >= limits::JOB_LONGEST_PAUSE);
    }
}
