//! What a policy offers to a replay beside [`Policy`].
//!
//! A replay knows the requests that come next, so that it can prefetch what the policy will read for them; it keeps
//! every key anyway, so that ghosts can stay in their slots; and it runs the policy in a loop that is compiled for it,
//! so that a hit and a miss can be one call. A live cache has none of this, and a policy need not offer any of it: every
//! method has a default. Nothing here changes a victim, only the time until it is named.
//!
//! What each part buys of a whole `host sim TRACE --policy P --capacity C`, as the time without it over the time with it,
//! on 20 million Zipf requests (2 cores, 150,000 objects unless said, medians of 5 to 9 turns). Parts that bought a policy
//! less than a tenth were left out of it.
//!
//! | part | LRU | FIFO | LFU | ARC | S3-FIFO | SIEVE | LIRS |
//! |---|---|---|---|---|---|---|---|
//! | prefetches in stages | 1.20 | | | 1.28 | 1.10 | 1.20 | 1.39 |
//! | ghosts in slots | - | - | - | 1.91 | 1.92 | - | 2.20 |
//! | `serve`, 15,000 objects | 1.15 | 1.34 | 0.96 | - | - | 0.96 (left out) | - |
//! | `serve`, 150,000 objects | 1.08 | 1.26 | 1.15 | - | - | 0.98 (left out) | - |

use crate::{InSlot, Policy, Slot};

/// A [`Policy`] with what makes a replay of it fast.
pub trait ReplayPolicy: Policy {
    /// Prefetches the entry itself: what [`prefetch_neighbours`](Self::prefetch_neighbours), called later, reads.
    #[inline]
    fn prefetch_entry(&self, _slot: Slot) {}

    /// Prefetches what [`on_hit`](Policy::on_hit) will need. Does nothing for a slot that the policy does not hold.
    #[inline]
    fn prefetch_neighbours(&self, _slot: Slot) {}

    /// Prefetches what [`on_miss`](Policy::on_miss) will need for this id.
    #[inline]
    fn prefetch_miss(&self, _id: u64) {}

    /// Whether [`serve`](Self::serve) is implemented, and faster than the calls that it stands for.
    #[inline]
    fn serves(&self) -> bool {
        false
    }

    /// A whole request to a full cache whose entries weigh 1: a hit on `slot`, or a miss whose entry takes the slot of
    /// its victim. Returns the slot of the requested entry. `None`, and nothing changed, where the caller has to
    /// use [`on_hit`](Policy::on_hit), or the calls for a miss.
    ///
    /// A processor cannot predict whether a request hits. A policy that does nearly the same for both needs no branch.
    #[inline]
    fn serve(&mut self, _hit: bool, _slot: Slot) -> Option<Slot> {
        None
    }

    /// The ghosts that stay in their slots. `None` where the policy keeps no ghosts, or keeps them by hash.
    #[inline]
    fn ghost_slots(&mut self) -> Option<&mut InSlot> {
        None
    }

    /// A [duplicate](Policy::duplicate) for an owner that forgets evicted keys: its ghosts are by hash. `ids` has the hash of
    /// the entry in each slot, evicted ones that are [remembered there](Self::ghost_slots) included. What was announced and
    /// not inserted is left out.
    fn by_hash(&self, _ids: &[u64]) -> Option<Box<dyn Policy>> {
        self.duplicate()
    }
}

/// [`Policy::on_hits`] for a policy that prefetches: the memory of all is prefetched before the first is applied.
#[inline]
pub(crate) fn hit_in_stages<P: ReplayPolicy>(policy: &mut P, slots: &[Slot]) {
    for &slot in slots {
        policy.prefetch_entry(slot);
    }
    for &slot in slots {
        policy.prefetch_neighbours(slot);
    }
    for &slot in slots {
        policy.on_hit(slot);
    }
}
