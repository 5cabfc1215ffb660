//! Hits that the policy has not yet been told of.
//!
//! A hit holds the store's lock shared and must not wait for the policy's. It leaves the slot number here, in
//! a small ring of atomics; whoever next holds the policy's lock applies what is there. Under one thread
//! nothing is lost and nothing is reordered. Under contention a note may be
//!
//! - lost, when the ring is full and the policy's lock is taken: a policy can miss a few of many hits;
//! - late: a thread that was stopped between claiming its place and writing it writes into a ring that was
//!   drained meanwhile. By then the slot may be empty, which policies ignore, or hold another entry, which is
//!   then taken for used once. Values are never touched through a note, so that is all that can happen.

use crate::list::NIL;
use crate::policy::Slot;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

/// How many hits wait at most. Enough to spread the policy's lock over many hits, few enough to apply in
/// under a microsecond or two.
const PLACES: usize = 64;

#[derive(Debug)]
pub(super) struct Notes {
    /// Places claimed since the last drain; runs past [`PLACES`] while the ring is full.
    claimed: AtomicUsize,
    places: [AtomicU32; PLACES],
}

impl Notes {
    pub(super) fn new() -> Self {
        Self { claimed: AtomicUsize::new(0), places: std::array::from_fn(|_| AtomicU32::new(NIL)) }
    }

    /// Notes a hit; false when the ring is full.
    #[inline]
    pub(super) fn push(&self, slot: Slot) -> bool {
        // A full ring stays full until it is drained: do not dirty the line again.
        if self.claimed.load(Ordering::Relaxed) >= PLACES {
            return false;
        }
        let place = self.claimed.fetch_add(1, Ordering::Relaxed);
        // Release and the swap's Acquire: whoever reads the note also sees the entry it was taken from.
        self.places.get(place).map(|place| place.store(slot.0, Ordering::Release)).is_some()
    }

    /// Hands every note to `apply`, oldest first. The caller holds the policy's lock, so drains do not
    /// overlap.
    pub(super) fn drain(&self, mut apply: impl FnMut(Slot)) {
        if self.claimed.load(Ordering::Relaxed) == 0 {
            return;
        }
        let claimed = self.claimed.swap(0, Ordering::Relaxed).min(PLACES);
        for place in self.places.iter().take(claimed) {
            let slot = place.swap(NIL, Ordering::Acquire);
            if slot != NIL {
                apply(Slot(slot));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Notes, PLACES, Slot};

    #[test]
    fn notes_come_back_in_order_and_a_full_ring_says_so() {
        let notes = Notes::new();
        let slots: Vec<Slot> = (0..).map(Slot).take(PLACES).collect();
        for round in 0..3 {
            assert!(slots.iter().all(|&slot| notes.push(slot)), "round {round}");
            assert!(!notes.push(Slot(7)), "full");
            let mut drained = Vec::new();
            notes.drain(|slot| drained.push(slot));
            assert_eq!(drained, slots);
        }
        notes.drain(|slot| panic!("{slot:?} came twice"));
    }
}
