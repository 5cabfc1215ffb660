//! When keys were changed last: what keeps an older value from coming after a newer one.
//!
//! A stamp is a number that only grows. Whoever moves a value takes one before it takes the value from its place. A change of a
//! key, a put or a removal, has a larger one from its begin and one from its end. A value with a smaller stamp than either is not
//! moved any more. Keys share 65,536 places by their hashes, so that now and then a value is not moved because of a change of another
//! key at just that time: that costs a miss, and nothing is ever moved that should not be.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::SeqCst};

const PLACES: usize = 1 << 16;

#[derive(Debug, Default)]
struct Place {
    begun: AtomicU64,
    ended: AtomicU64,
    /// Changes that have begun and not ended.
    under_way: AtomicU32,
}

#[derive(Debug)]
pub(super) struct Changes {
    last: AtomicU64,
    places: Vec<Place>,
    /// Of all keys.
    all: AtomicU64,
    /// Removals of all keys that have begun and not ended.
    clearing: AtomicU32,
}

impl Changes {
    pub(super) fn new() -> Self {
        let places = std::iter::repeat_with(Place::default).take(PLACES).collect();
        Self { last: AtomicU64::new(1), places, all: AtomicU64::new(0), clearing: AtomicU32::new(0) }
    }

    /// A stamp for a value that is in its place now. Every change that begins or ends later has a larger one.
    pub(super) fn stamp(&self) -> u64 {
        self.last.load(SeqCst)
    }

    fn next(&self) -> u64 {
        self.last.fetch_add(1, SeqCst) + 1
    }

    fn place(&self, hash: u64) -> Option<&Place> {
        self.places.get(usize::try_from(hash >> 32).unwrap_or(0) % PLACES)
    }

    /// A change begins. Returns its stamp.
    pub(super) fn begin(&self, hash: u64) -> u64 {
        let stamp = self.next();
        if let Some(place) = self.place(hash) {
            place.under_way.fetch_add(1, SeqCst);
            place.begun.fetch_max(stamp, SeqCst);
        }
        stamp
    }

    /// A change has reached every tier, or was given up. Once for each begin.
    pub(super) fn end(&self, hash: u64) {
        if let Some(place) = self.place(hash) {
            place.ended.fetch_max(self.next(), SeqCst);
            place.under_way.fetch_sub(1, SeqCst);
        }
    }

    /// Whether a change has begun and not ended.
    pub(super) fn is_under_way(&self, hash: u64) -> bool {
        let of_key = self.place(hash).is_none_or(|place| place.under_way.load(SeqCst) > 0);
        of_key || self.clearing.load(SeqCst) > 0
    }

    /// A removal of all keys begins.
    pub(super) fn begin_all(&self) {
        self.clearing.fetch_add(1, SeqCst);
        self.all.fetch_max(self.next(), SeqCst);
    }

    /// It has reached every tier, or was given up. Once for each begin.
    pub(super) fn end_all(&self) {
        self.all.fetch_max(self.next(), SeqCst);
        self.clearing.fetch_sub(1, SeqCst);
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
        assert!(changes.is_under_way(7) && !changes.is_under_way(7 << 32));
        changes.end(7);
        let after = changes.stamp();
        let changed = [before, during, after].map(|stamp| changes.has_changed_since(7, stamp));
        assert_eq!(changed, [true, true, false]);
        assert!(!changes.is_under_way(7));
        assert!(!changes.has_begun_since(7, change) && changes.has_begun_since(7, before));
        assert!(!changes.has_changed_since(7 << 32, before), "another key");
        changes.begin_all();
        assert!(changes.is_under_way(7) && changes.has_changed_since(7 << 32, after));
        let during = changes.stamp();
        changes.end_all();
        assert!(!changes.is_under_way(7) && changes.has_changed_since(7, during));
    }
}
