//! When keys were changed last: what keeps an older value from coming after a newer one.
//!
//! A stamp is a number that only grows. Whoever moves a value takes one before it takes the value from its place. A change of a
//! key, a put or a removal, has one from its begin and one from its end. A value with a smaller stamp than either is not
//! moved any more. Keys share 65,536 places by their hashes, so that now and then a value is not moved because of a change of another
//! key at just that time: that costs a miss, and nothing is ever moved that should not be.

use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

const PLACES: usize = 1 << 16;

#[derive(Debug, Default)]
struct Place {
    begun: AtomicU64,
    ended: AtomicU64,
}

#[derive(Debug)]
pub(super) struct Changes {
    next: AtomicU64,
    places: Vec<Place>,
    /// Of all keys.
    all: AtomicU64,
}

impl Changes {
    pub(super) fn new() -> Self {
        let places = std::iter::repeat_with(Place::default).take(PLACES).collect();
        Self { next: AtomicU64::new(1), places, all: AtomicU64::new(0) }
    }

    pub(super) fn stamp(&self) -> u64 {
        self.next.fetch_add(1, SeqCst)
    }

    fn place(&self, hash: u64) -> Option<&Place> {
        self.places.get(usize::try_from(hash >> 32).unwrap_or(0) % PLACES)
    }

    /// A change begins. Returns its stamp.
    pub(super) fn begin(&self, hash: u64) -> u64 {
        let stamp = self.stamp();
        if let Some(place) = self.place(hash) {
            place.begun.fetch_max(stamp, SeqCst);
        }
        stamp
    }

    /// A change has reached every tier.
    pub(super) fn end(&self, hash: u64) {
        if let Some(place) = self.place(hash) {
            place.ended.fetch_max(self.stamp(), SeqCst);
        }
    }

    /// All keys have changed.
    pub(super) fn change_all(&self) {
        self.all.fetch_max(self.stamp(), SeqCst);
    }

    /// Whether another change has begun since.
    pub(super) fn has_begun_since(&self, hash: u64, stamp: u64) -> bool {
        let begun = self.place(hash).map_or(u64::MAX, |place| place.begun.load(SeqCst));
        begun > stamp || self.all.load(SeqCst) > stamp
    }

    /// Whether a value that was in its place at this stamp may have been changed since.
    pub(super) fn has_changed_since(&self, hash: u64, stamp: u64) -> bool {
        let ended = self.place(hash).map_or(u64::MAX, |place| place.ended.load(SeqCst));
        ended > stamp || self.has_begun_since(hash, stamp)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_from_before_or_during_a_change_has_changed_and_one_from_after_it_has_not() {
        let changes = Changes::new();
        let before = changes.stamp();
        let change = changes.begin(7);
        let during = changes.stamp();
        changes.end(7);
        let after = changes.stamp();
        let changed = [before, during, after].map(|stamp| changes.has_changed_since(7, stamp));
        assert_eq!(changed, [true, true, false]);
        assert!(!changes.has_begun_since(7, change) && changes.has_begun_since(7, before));
        assert!(!changes.has_changed_since(7 << 32, before), "another key");
        changes.change_all();
        assert!(changes.has_changed_since(7 << 32, after));
    }
}
