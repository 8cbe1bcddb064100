//! How many of something each has: of connections, of running requests, of places.

use std::collections::HashMap;
use std::hash::Hash;

/// Numbers by whose they are. Who has none takes no memory.
pub(super) struct Counts<K> {
    each: HashMap<K, usize>,
    all: usize,
}

impl<K> Default for Counts<K> {
    fn default() -> Self {
        Self { each: HashMap::new(), all: 0 }
    }
}

impl<K: Eq + Hash> Counts<K> {
    /// How many one has.
    pub(super) fn of(&self, whose: &K) -> usize {
        self.each.get(whose).copied().unwrap_or_default()
    }

    /// How many all have together.
    pub(super) fn all(&self) -> usize {
        self.all
    }

    /// Whether one of so many places is free for it. The last ones, `for_others`, are only for those who have none.
    pub(super) fn has_place(&self, whose: &K, places: usize, for_others: usize) -> bool {
        let kept = if self.of(whose) > 0 { for_others } else { 0 };
        self.all + kept < places
    }

    /// One more.
    pub(super) fn add(&mut self, whose: K) {
        *self.each.entry(whose).or_default() += 1;
        self.all += 1;
    }

    /// One more, unless it has `most`. Gives whether it was counted.
    pub(super) fn add_below(&mut self, whose: K, most: usize) -> bool {
        let room = self.of(&whose) < most;
        if room {
            self.add(whose);
        }
        room
    }

    /// One less of those that were added.
    pub(super) fn remove(&mut self, whose: &K) {
        if let Some(count) = self.each.get_mut(whose) {
            self.all -= 1;
            *count -= 1;
            if *count == 0 {
                self.each.remove(whose);
            }
        }
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.each.is_empty() && self.all == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_added_can_be_removed_and_no_more() {
        let mut counts = Counts::default();
        assert!(counts.add_below("a", 2) && counts.add_below("a", 2) && !counts.add_below("a", 2));
        assert!(!counts.add_below("b", 0) && counts.add_below("b", 1));
        assert_eq!((counts.of(&"a"), counts.of(&"b"), counts.of(&"c"), counts.all()), (2, 1, 0, 3));
        for whose in ["a", "b", "c", "a", "a"] {
            counts.remove(&whose);
        }
        assert!(counts.is_empty());
    }

    #[test]
    fn the_last_places_are_for_those_who_have_none() {
        let mut counts = Counts::default();
        assert!(counts.has_place(&"a", 3, 1));
        counts.add("a");
        counts.add("a");
        assert!(!counts.has_place(&"a", 3, 1) && counts.has_place(&"b", 3, 1));
        counts.add("b");
        assert!(!counts.has_place(&"c", 3, 1));
    }
}
