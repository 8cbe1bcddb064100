//! How much one caller may ask for.
//!
//! A bucket a caller: it holds so many requests and gets one back every so often. Full buckets are forgotten, so that the table holds only who asked
//! lately, and it has a bound of its own.

use std::collections::HashMap;
use std::hash::Hash;
use std::time::{Duration, Instant};

use crate::limits;

/// The buckets of all callers of one kind.
pub(crate) struct Quota<K> {
    buckets: HashMap<K, Bucket>,
    size: u32,
    refill: Duration,
}

struct Bucket {
    /// Requests left, in nanoseconds of refilling.
    left: u128,
    seen: Instant,
}

impl<K: Eq + Hash + Clone> Quota<K> {
    /// No buckets yet. Each will hold `size` requests and get one back every `refill`.
    pub(crate) fn new(size: u32, refill: Duration) -> Self {
        Self { buckets: HashMap::new(), size, refill }
    }

    /// Takes one request out of the caller's bucket; false if it is empty.
    pub(crate) fn take(&mut self, caller: &K, now: Instant) -> bool {
        let one = self.refill.as_nanos();
        let full = one * u128::from(self.size);
        if self.buckets.len() >= limits::BUCKETS && !self.buckets.contains_key(caller) {
            self.buckets.retain(|_, bucket| bucket.left + now.duration_since(bucket.seen).as_nanos() < full);
            if self.buckets.len() >= limits::BUCKETS {
                return false;
            }
        }
        let bucket = self.buckets.entry(caller.clone()).or_insert(Bucket { left: full, seen: now });
        bucket.left = (bucket.left + now.duration_since(bucket.seen).as_nanos()).min(full);
        bucket.seen = now;
        let enough = bucket.left >= one;
        if enough {
            bucket.left -= one;
        }
        enough
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quota() -> Quota<u32> {
        Quota::new(limits::BUCKET_SIZE, limits::BUCKET_REFILL)
    }

    #[test]
    fn a_burst_then_a_steady_rate_and_nobody_pays_for_another() {
        let (mut quota, start) = (quota(), Instant::now());
        let taken = (0..1000).filter(|_| quota.take(&1, start)).count();
        assert_eq!(taken, limits::BUCKET_SIZE as usize);
        assert!(quota.take(&2, start));
        assert!(!quota.take(&1, start + limits::BUCKET_REFILL / 2));
        assert!(quota.take(&1, start + limits::BUCKET_REFILL));
        assert!(!quota.take(&1, start + limits::BUCKET_REFILL));
        let later = start + limits::BUCKET_REFILL * 10_000;
        assert_eq!((0..1000).filter(|_| quota.take(&1, later)).count(), limits::BUCKET_SIZE as usize);
    }

    #[test]
    fn the_table_is_bounded_and_forgets_full_buckets() {
        let (mut quota, start) = (quota(), Instant::now());
        for caller in 0..limits::BUCKETS as u32 {
            assert!(quota.take(&caller, start));
        }
        assert!(!quota.take(&u32::MAX, start), "full of callers who asked just now");
        assert!(quota.take(&u32::MAX, start + limits::BUCKET_REFILL * 2));
        assert_eq!(quota.buckets.len(), 1);
    }
}
