//! The read buffer of a stripe: which entries its lookups hit, and how many lookups there were.
//!
//! A hit must not wait for the policy's lock. It leaves the slot number here, in the order of the hits. The next
//! change of the shard tells the policy of them; so does the hit that fills the buffer, if nobody holds the policy
//! at the time. If somebody does, for as long as a change of policy takes, later hits are counted and not
//! buffered: a policy can miss a few of many hits.
//!
//! The buffer is emptied before any entry leaves, so it never names a slot that has a new entry.

use host_policy::{Policy, Slot};

/// How many hits wait at most. Enough to spread the policy's lock over many hits and to let it overlap their
/// cache misses, few enough to apply in about a microsecond.
const CAPACITY: usize = 64;

#[derive(Debug)]
pub(super) struct ReadBuffer {
    /// The first `len` of these wait.
    slots: [Slot; CAPACITY],
    len: usize,
    /// Lookups so far that found their entry, those included that were not buffered.
    pub(super) hits: u64,
    /// Lookups so far that did not.
    pub(super) misses: u64,
}

impl ReadBuffer {
    pub(super) const fn new() -> Self {
        Self { slots: [Slot(0); CAPACITY], len: 0, hits: 0, misses: 0 }
    }

    /// Counts a hit and buffers it. False when the buffer is now full, or was full and does not hold this hit.
    #[inline]
    pub(super) fn push(&mut self, slot: Slot) -> bool {
        self.hits += 1;
        if let Some(free) = self.slots.get_mut(self.len) {
            *free = slot;
            self.len += 1;
        }
        self.len < CAPACITY
    }

    /// Tells the policy of every hit, oldest first.
    #[inline]
    pub(super) fn apply(&mut self, policy: &mut dyn Policy) {
        if let Some(slots) = self.slots.get(..self.len)
            && !slots.is_empty()
        {
            policy.on_hits(slots);
            self.len = 0;
        }
    }
}
