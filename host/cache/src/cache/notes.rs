//! What the lookups of one lane leave for the policy: which entries were hit, and how many lookups there were.
//!
//! A hit must not wait for the policy's lock. It leaves the slot number here, in the order of the hits; whoever
//! next changes the shard applies what is there, and so does the hit that fills the buffer, if nobody holds the
//! policy at the time. If somebody does, for as long as a change of policy takes, later hits are counted and not
//! noted: a policy can miss a few of many hits.
//!
//! A note is applied before any entry leaves, so it never names a slot that has changed hands.

use host_policy::{Policy, Slot};

/// How many hits wait at most. Enough to spread the policy's lock over many hits and to let it overlap their
/// cache misses, few enough to apply in about a microsecond.
const PLACES: usize = 64;

#[derive(Debug)]
pub(super) struct Notes {
    /// The first `noted` of these wait.
    slots: [Slot; PLACES],
    noted: usize,
    /// Lookups so far that found their entry, those included that were not noted.
    pub(super) hits: u64,
    /// Lookups so far that did not.
    pub(super) misses: u64,
}

impl Notes {
    pub(super) const fn new() -> Self {
        Self { slots: [Slot(0); PLACES], noted: 0, hits: 0, misses: 0 }
    }

    /// Counts a hit and notes it. False when the buffer is now full, or was and has no note of this hit.
    #[inline]
    pub(super) fn push(&mut self, slot: Slot) -> bool {
        self.hits += 1;
        if let Some(place) = self.slots.get_mut(self.noted) {
            *place = slot;
            self.noted += 1;
        }
        self.noted < PLACES
    }

    /// Tells the policy of every note, oldest first.
    #[inline]
    pub(super) fn apply(&mut self, policy: &mut dyn Policy) {
        if let Some(slots) = self.slots.get(..self.noted)
            && !slots.is_empty()
        {
            policy.on_hits(slots);
            self.noted = 0;
        }
    }
}
