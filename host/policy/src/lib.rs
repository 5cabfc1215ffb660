//! Eviction policies: the order of entries, and nothing else.
//!
//! This crate knows no cache, no key, no value, no clock and no random source, and uses the standard collections
//! alone, so that one source serves the live cache, its shadows, the simulator, and a WebAssembly component (it
//! builds for `wasm32-wasip2` as it is), and gives the same victims in all of them.
//!
//! A [`Policy`] sees entries as slot numbers. It never sees keys, values or a clock, so that the same rules
//! serve the live cache, a shadow and the simulator, and so that one policy can take another's place while
//! values stay where they are. Whoever owns the entries (the owner) drives it in this sequence:
//!
//! 1. a hit: [`Policy::on_hit`];
//! 2. a miss that will be stored: [`Policy::on_miss`] with the incoming id and weight, then
//!    [`Policy::victim`] as long as the entry does not fit, then [`Policy::on_insert`] with the slot it got.
//!    The announcement comes before the victims because ARC chooses the victim by what it remembers of the
//!    incoming id;
//! 3. removal by the user: [`Policy::on_remove`]; a new value under an old key: [`Policy::on_hit`] and
//!    [`Policy::on_reweigh`];
//! 4. a new capacity: [`Policy::set_capacity`], then [`Policy::victim`] as long as the entries weigh too
//!    much.
//!
//! # What a quicker owner may do besides
//!
//! Nothing of this changes a victim:
//!
//! - say what will be asked for, so that its memory is on the way: [`Policy::fetch`], [`Policy::prefetch`],
//!   [`Policy::prefetch_miss`];
//! - leave evicted entries in their slots, where the policy finds its ghosts without a hash:
//!   [`PolicyFactory::visit_in_slots`];
//! - hand over whole requests: [`Policy::turn`].
//!
//! # Switching
//!
//! [`PolicyFactory::rebuild`] builds a policy that takes over from another. The old one exports its entries from
//! coldest to hottest, by all it knows, with a frequency each: the count of uses while resident, however the policy
//! itself orders. The new one takes them in that order. So there is a rule for each policy and each direction, not
//! for each pair:
//!
//! | policy | hands over, coldest first | takes over; its next victims, while nothing is used |
//! |---|---|---|
//! | LRU | in LRU order | in the order given |
//! | FIFO | the least used first, of equals the oldest | in the order given |
//! | LFU | the least used first, of equals the least recently used | the least used first, of equals in the order given |
//! | ARC | T1, then T2, both in LRU order | used once: T1, more often: T2. T1, then T2, in the order given |
//! | SIEVE | without a mark, as the hand will meet them; then with one, the least used first | used more than once: with a mark. Those used once, then the others, in the order given |
//! | S3-FIFO | what would leave S, oldest first; M without a count; then by count | used once: S, more often: M, with differences of use as counts. S down to its share; M, the least used (up to 4) first; the rest of S |
//! | W-TinyLFU | window, probation, protected, each in LRU order | the hottest protected, the rest probation. In the order given |
//! | LIRS | Q from its front, then LIR from the bottom of S | the hottest LIR, the rest in Q. In the order given |
//! | 2Q | A1in, the least used first, of equals the oldest; then Am in LRU order | used once: A1in, more often: Am. A1in down to Kin; Am in the order given; the rest of A1in |
//!
//! So the hot set is never first, whichever the pair: it was handed over last, or is used more than the rest. What
//! is remembered of evicted entries does not cross; ghost lists start empty, and ARC with p = 0, as in its paper.
//! Uses count up to 4,095 in FIFO, SIEVE, S3-FIFO and LIRS, up to 2^30 or more elsewhere.

pub mod arc;
mod factory;
pub mod fetch;
pub mod fifo;
mod ghosts;
pub mod lfu;
pub mod lirs;
pub mod list;
pub mod lru;
mod mark;
pub mod mix;
mod part;
mod registry;
pub mod s3_fifo;
pub mod sieve;
pub mod two_q;
pub mod w_tinylfu;
mod weights;

pub use arc::Adaptive;
pub use factory::{PolicyFactory, Visitor, builtin};
pub use fifo::Fifo;
pub use ghosts::{ByHash, InSlot, Memory};
pub use lfu::Lfu;
pub use lirs::Lirs;
pub use lru::Lru;
pub use registry::{RegisterError, Registry, UnknownPolicy};
pub use s3_fifo::S3Fifo;
pub use sieve::Sieve;
pub use two_q::TwoQ;
pub use w_tinylfu::WTinyLfu;

/// An entry, as a policy sees it: the number its owner gave it. Numbers are dense and used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot(pub u32);

/// Where an entry stands in a policy that hands over; see [`Policy::export`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// The entry.
    pub slot: Slot,
    /// How often it was used, 1 for an entry that was inserted and never hit.
    pub frequency: u32,
}

/// An entry that a policy takes over; see [`Policy::import`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resident {
    /// The entry.
    pub slot: Slot,
    /// The hash of its key.
    pub id: u64,
    /// Its weight in the owner's unit, at least 1.
    pub weight: u64,
    /// How often it was used, at least 1.
    pub frequency: u32,
}

/// The order of a cache's entries. See the [module](self) for the sequence of calls.
///
/// An implementation has to tolerate [`on_hit`](Policy::on_hit) and [`on_remove`](Policy::on_remove) for a
/// slot it does not hold, by ignoring it: a hit noted by another thread may arrive after the entry has gone.
pub trait Policy: Send {
    /// The entry was used.
    fn on_hit(&mut self, slot: Slot);

    /// The entries were used, in this order. The same as [`on_hit`](Policy::on_hit) for each; one call, so that
    /// the loop runs inside the policy, and that the memory of all is asked for before the first is applied.
    fn on_hits(&mut self, slots: &[Slot]) {
        for &slot in slots {
            self.fetch(slot);
        }
        for &slot in slots {
            self.prefetch(slot);
        }
        for &slot in slots {
            self.on_hit(slot);
        }
    }

    /// The entry will be used soon: a policy may ask for what [`prefetch`](Policy::prefetch), called before, will
    /// read.
    #[inline]
    fn fetch(&self, _slot: Slot) {}

    /// The entry will be used soon: a policy may ask for what [`on_hit`](Policy::on_hit) will need. Changes nothing
    /// but the time that takes, and tolerates a slot that it does not hold.
    #[inline]
    fn prefetch(&self, _slot: Slot) {}

    /// An entry with this id will probably be missed soon: a policy may fetch what [`on_miss`](Policy::on_miss) will
    /// need. Changes nothing but the time that takes.
    #[inline]
    fn prefetch_miss(&self, _id: u64) {}

    /// An entry with this `id` (key hash) and `weight` will be inserted next; victims may be asked for in
    /// between.
    fn on_miss(&mut self, id: u64, weight: u64);

    /// Takes the next victim out of the order: its owner evicts it, and does not report that again. `None`
    /// when the policy holds no entry.
    fn victim(&mut self) -> Option<Slot>;

    /// The entry that [`victim`](Policy::victim) would probably name next, for an owner that wants to have it at
    /// hand by then. A hint: it may be wrong, and `None` where finding out costs more than a few steps.
    fn next_victim(&self) -> Option<Slot> {
        None
    }

    /// The entry announced last by [`on_miss`](Policy::on_miss) now has `slot`.
    fn on_insert(&mut self, slot: Slot, id: u64, weight: u64);

    /// The entry was removed by its user. It leaves no trace in the policy.
    fn on_remove(&mut self, slot: Slot);

    /// The entry's weight changed because its value was replaced.
    fn on_reweigh(&mut self, slot: Slot, weight: u64);

    /// The capacity, in the unit of the weights, changed.
    fn set_capacity(&mut self, capacity: u64);

    /// All entries from the coldest (first to go) to the hottest. Between entries of one frequency the later
    /// one was used more recently, as far as the policy knows.
    fn export(&self) -> Vec<Standing>;

    /// Takes over the entries of another policy, given as it exported them. Called once, on a policy just
    /// built.
    fn import(&mut self, entries: &[Resident]);

    /// Whether there is a [`turn`](Policy::turn), which takes less time than the calls it stands for.
    #[inline]
    fn turns(&self) -> bool {
        false
    }

    /// A whole request of an owner whose entries weigh 1 and fill the cache: a hit on `slot`, or a miss whose entry takes
    /// the slot of its victim. Gives the slot of what was asked for; `None`, and nothing changed, where it has to be done
    /// by [`on_hit`](Policy::on_hit), or by the calls for a miss. Whether a request hits is what a processor cannot
    /// guess: a policy that does nearly the same for both can do it without asking.
    #[inline]
    fn turn(&mut self, _hit: bool, _slot: Slot) -> Option<Slot> {
        None
    }

    /// What an owner that leaves evicted entries in their slots has to ask and to tell. `None` where nothing evicted is
    /// remembered, or by its hash; see [`PolicyFactory::visit_in_slots`].
    #[inline]
    fn in_slots(&mut self) -> Option<&mut InSlot> {
        None
    }

    /// Number of entries in the order.
    fn len(&self) -> usize;

    /// Whether the order holds no entry.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// The largest capacity in use; larger ones count as this. Twice it, which ARC's directory needs, still fits
/// 64 bits.
pub const MOST_CAPACITY: u64 = 1 << 62;

/// Joins what a policy exported with its owner's registry.
///
/// The owner is right about which entries there are: a slot that it does not know, or that was exported
/// twice, is left out; an entry that was not exported comes first, as coldest, with frequency 1. `resident`
/// gives id and weight of the slot if it is occupied, and `slots` is the number of slots to look at.
pub fn reconcile(
    standings: &[Standing],
    slots: u32,
    resident: impl Fn(Slot) -> Option<(u64, u64)>,
) -> Vec<Resident> {
    let mut seen = vec![false; list::at(slots)];
    let mut known = Vec::with_capacity(standings.len());
    for &Standing { slot, frequency } in standings {
        let Some(seen) = seen.get_mut(list::at(slot.0)) else { continue };
        if !*seen && let Some((id, weight)) = resident(slot) {
            *seen = true;
            known.push(Resident { slot, id, weight, frequency: frequency.max(1) });
        }
    }
    let forgotten = (0..slots).zip(&seen).filter(|&(_, &seen)| !seen).filter_map(|(index, _)| {
        let slot = Slot(index);
        resident(slot).map(|(id, weight)| Resident { slot, id, weight, frequency: 1 })
    });
    let mut entries: Vec<Resident> = forgotten.collect();
    entries.append(&mut known);
    entries
}

#[cfg(test)]
mod tests {
    use super::{Resident, Slot, Standing, reconcile};

    #[test]
    fn the_owner_decides_what_is_resident() {
        let told = [(3, 7), (9, 1), (1, 0), (3, 2), (0, 4)]
            .map(|(slot, frequency)| Standing { slot: Slot(slot), frequency });
        // Slots 0, 1, 2 and 3 are occupied; 9 is out of range, 3 is told twice, 2 is not told.
        let entries = reconcile(&told, 5, |slot| (slot.0 < 4).then_some((u64::from(slot.0) + 10, 1)));
        let want = [(2, 1), (3, 7), (1, 1), (0, 4)].map(|(slot, frequency)| Resident {
            slot: Slot(slot),
            id: u64::from(slot) + 10,
            weight: 1,
            frequency,
        });
        assert_eq!(entries, want);
    }
}
