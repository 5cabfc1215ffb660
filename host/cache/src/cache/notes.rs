//! Hits that the policy has not yet been told of.
//!
//! A hit holds the store's lock shared and must not wait for the policy's. It leaves the slot number here, in
//! a small ring of atomics; whoever next holds the policy's lock applies what is there. The number that gives
//! a hit its place in the ring also counts the hits, so that counting costs a lookup no atomic step of its own.
//!
//! Under one thread nothing is lost and nothing is reordered. Under contention a note may be
//!
//! - lost, when the ring is full and the policy's lock is taken, or when its place is drained while it is
//!   written: a policy can miss a few of many hits;
//! - late: a thread that was stopped just before it wrote into its place writes into a ring that was drained
//!   meanwhile. By then the slot may be empty, which policies ignore, or hold another entry, which is then
//!   taken for used once. Values are never touched through a note, so that is all that can happen.

use host_policy::Slot;
use host_policy::list::NIL;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// How many hits wait at most. Enough to spread the policy's lock over many hits, few enough to apply in
/// under a microsecond or two.
const PLACES: u64 = 64;

#[derive(Debug)]
pub(super) struct Notes {
    /// Hits so far. The number of a hit, modulo [`PLACES`], is its place.
    hits: AtomicU64,
    /// How many of them the last drain found.
    drained: AtomicU64,
    #[expect(clippy::as_conversions, reason = "a constant")]
    places: [AtomicU32; PLACES as usize],
}

impl Notes {
    pub(super) fn new() -> Self {
        let places = std::array::from_fn(|_| AtomicU32::new(NIL));
        Self { hits: AtomicU64::new(0), drained: AtomicU64::new(0), places }
    }

    /// Hits so far, those included whose note was lost.
    pub(super) fn hits(&self) -> u64 {
        self.hits.load(Ordering::Acquire)
    }

    /// Counts a hit and notes it; false when the ring is full, and it is only counted.
    #[inline]
    pub(super) fn push(&self, slot: Slot) -> bool {
        let hit = self.hits.fetch_add(1, Ordering::Relaxed);
        // Wraps to a large number, as if the ring were full, when a drain has passed this hit already.
        if hit.wrapping_sub(self.drained.load(Ordering::Relaxed)) >= PLACES {
            return false;
        }
        // Pairs with the Acquire of a drain: whoever reads the note also sees the entry it was taken from.
        self.place(hit).store(slot.0, Ordering::Release);
        true
    }

    /// Hands every note to `apply`, oldest first. The caller holds the policy's lock, so drains do not
    /// overlap.
    pub(super) fn drain(&self, mut apply: impl FnMut(Slot)) {
        let (from, to) = (self.drained.load(Ordering::Relaxed), self.hits.load(Ordering::Relaxed));
        if from == to {
            return;
        }
        // First, so that hits that come meanwhile find room behind this drain.
        self.drained.store(to, Ordering::Relaxed);
        for hit in from..to.min(from + PLACES) {
            let place = self.place(hit);
            let slot = place.load(Ordering::Acquire);
            if slot != NIL {
                // Not one atomic step with the load: that would cost every hit more than a rare lost note is
                // worth.
                place.store(NIL, Ordering::Relaxed);
                apply(Slot(slot));
            }
        }
    }

    #[inline]
    #[expect(clippy::indexing_slicing, clippy::as_conversions, reason = "less than PLACES")]
    const fn place(&self, hit: u64) -> &AtomicU32 {
        &self.places[(hit % PLACES) as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::{Notes, PLACES, Slot};

    #[test]
    fn notes_come_back_in_order_and_a_full_ring_says_so() {
        let notes = Notes::new();
        let slots: Vec<Slot> = (0..64).map(Slot).collect();
        assert_eq!(u64::try_from(slots.len()), Ok(PLACES));
        for round in 0..3 {
            assert!(slots.iter().all(|&slot| notes.push(slot)), "round {round}");
            assert!(!notes.push(Slot(7)), "full");
            let mut drained = Vec::new();
            notes.drain(|slot| drained.push(slot));
            assert_eq!(drained, slots);
        }
        notes.drain(|slot| panic!("{slot:?} came twice"));
        assert_eq!(notes.hits(), 3 * (PLACES + 1), "what found the ring full is counted");
    }

    #[test]
    fn a_drain_begins_where_the_last_one_ended() {
        let notes = Notes::new();
        for length in [1, 40, 40, 63, 64, 2] {
            let slots: Vec<Slot> = (0..length).map(Slot).collect();
            assert!(slots.iter().all(|&slot| notes.push(slot)));
            let mut drained = Vec::new();
            notes.drain(|slot| drained.push(slot));
            assert_eq!(drained, slots);
        }
        assert_eq!(notes.hits(), 210);
    }

    /// Two threads note while a third drains: all is counted, and nothing comes that was not noted, or more
    /// often than it was.
    #[test]
    fn under_contention_nothing_is_made_up() {
        const EACH: u32 = 20_000;
        let notes = Notes::new();
        let mut drained = std::thread::scope(|scope| {
            let notes = &notes;
            let noting = [0, EACH].map(|first| {
                scope.spawn(move || (first..first + EACH).filter(|&slot| notes.push(Slot(slot))).count())
            });
            let mut drained = Vec::new();
            while noting.iter().any(|thread| !thread.is_finished()) {
                notes.drain(|slot| drained.push(slot.0));
            }
            notes.drain(|slot| drained.push(slot.0));
            drained
        });
        assert_eq!(notes.hits(), u64::from(2 * EACH));
        let came = drained.len();
        drained.sort_unstable();
        drained.dedup();
        assert_eq!(drained.len(), came, "a note came twice");
        assert!(came > 0 && drained.iter().all(|&slot| slot < 2 * EACH));
    }
}
