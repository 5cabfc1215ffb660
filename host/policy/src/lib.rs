//! Eviction policies: the order of entries, and nothing else.
//!
//! This crate knows no cache, key, value, clock or random source, and uses the standard collections alone. So one source
//! serves the live cache, its shadows, the simulator and a WebAssembly component (it builds for `wasm32-wasip2` as it
//! is), and names the same victims in all of them.
//!
//! A [`Policy`] sees entries as slot numbers. So values stay where they are when one policy replaces another. The owner
//! of the entries calls it in this sequence:
//!
//! 1. a hit: [`Policy::on_hit`];
//! 2. a miss that will be stored: [`Policy::on_miss`] with the incoming id and weight, then
//!    [`Policy::victim`] as long as the entry does not fit, then [`Policy::on_insert`] with its slot.
//!    `on_miss` comes before the victims because ARC chooses the victim by its ghost of the incoming id;
//! 3. removal by the user: [`Policy::on_remove`]; a new value under an old key: [`Policy::on_hit`] and
//!    [`Policy::on_reweigh`];
//! 4. a new capacity: [`Policy::set_capacity`], then [`Policy::victim`] as long as the entries weigh too
//!    much.
//!
//! [`ReplayPolicy`] is what the built-in policies offer to the simulator and to the shadows besides.
//!
//! Some policies have [parameters](Parameter), whose defaults are their papers'. [`Registry::parse`] reads them from a text
//! such as `lirs(hir=0.1, ghosts=4)`.
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
//! | SIEVE | visited bit clear, as the hand will meet them; then set, the least used first | used more than once: visited bit set. Those used once, then the others, in the order given |
//! | S3-FIFO, S4-FIFO | what would leave S, oldest first; M without a count; then by count; of S4-FIFO's S also by hits that did not count | used once: S, more often: M, with differences of use as counts. S down to its share; M, the least used (up to 4) first; the rest of S |
//! | Clock2Q+ | what would leave S if every hit counted, oldest first; M without a bit; then the least used first | used once: S, more often: M. S down to its share; M in the order given; the rest of S |
//! | W-TinyLFU, climbing too | window, probation, protected, each in LRU order | the hottest protected, the rest probation. In the order given |
//! | LIRS | Q from its front, then LIR from the bottom of S | the hottest LIR, the rest in Q. In the order given |
//! | 2Q | A1in, the least used first, of equals the oldest; then Am in LRU order | used once: A1in, more often: Am. A1in down to Kin; Am in the order given; the rest of A1in |
//!
//! So the hot set is never first, whichever the pair: it was handed over last, or is used more than the rest. What
//! is remembered of evicted entries does not cross; ghost lists start empty, ARC with p = 0, as in its paper, and a
//! window that climbs where it begins. Uses count up to 4,095 in FIFO, SIEVE, LIRS and those with three queues, up to 2^30 or more elsewhere.

mod access_bits;
pub mod arc;
pub mod batched;
pub mod builtin;
pub mod clock2q_plus;
mod factory;
mod fetch;
pub mod fifo;
mod ghosts;
pub mod lfu;
pub mod lirs;
mod list;
pub mod lru;
mod mix;
mod parameters;
mod registry;
mod replay;
pub mod s3_fifo;
pub mod s4_fifo;
mod segment;
pub mod sieve;
pub mod three_queues;
pub mod two_q;
pub mod w_tinylfu;
mod weights;

pub use arc::Adaptive;
pub use batched::Deferred;
pub use clock2q_plus::Clock2QPlus;
pub use factory::{PolicyFactory, Visitor};
pub use fifo::Fifo;
pub use ghosts::{ByHash, GhostStore, InSlot};
pub use lfu::Lfu;
pub use lirs::Lirs;
pub use lru::Lru;
pub use parameters::{BadParameter, Decimal, NotDecimal, Parameter, Problem, Values, split_list};
pub use registry::{RegisterError, Registry, UnknownPolicy};
pub use replay::ReplayPolicy;
pub use s3_fifo::S3Fifo;
pub use s4_fifo::S4Fifo;
pub use sieve::Sieve;
pub use two_q::TwoQ;
pub use w_tinylfu::WTinyLfu;
pub use weights::Weights;

/// An entry, as a policy sees it: the number its owner gave it. Numbers are dense and used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot(pub u32);

/// An entry that a policy hands over; see [`Policy::export`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExportedEntry {
    /// The entry.
    pub slot: Slot,
    /// How often it was used, 1 for an entry that was inserted and never hit.
    pub frequency: u32,
}

/// An entry that a policy takes over; see [`Policy::import`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImportedEntry {
    /// The entry.
    pub slot: Slot,
    /// The hash of its key.
    pub id: u64,
    /// Its weight in the owner's unit, at least 1.
    pub weight: u64,
    /// How often it was used, at least 1.
    pub frequency: u32,
}

/// The order of a cache's entries. See the [crate](self) for the sequence of calls.
///
/// An implementation ignores [`on_hit`](Policy::on_hit) and [`on_remove`](Policy::on_remove) for a slot that it does not
/// hold: a hit that another thread noted may arrive after the entry was removed.
pub trait Policy: Send {
    /// The entry was used.
    fn on_hit(&mut self, slot: Slot);

    /// The entries were used, in this order: [`on_hit`](Policy::on_hit) for each. A policy may prefetch the memory of
    /// all before it applies the first.
    fn on_hits(&mut self, slots: &[Slot]) {
        for &slot in slots {
            self.on_hit(slot);
        }
    }

    /// Prefetches what the policy keeps of the entry, which [`on_hit`](Policy::on_hit) will need. A hint, that changes nothing.
    fn prepare_hit(&self, _slot: Slot) {}

    /// Prefetches what the calls from [`on_miss`](Policy::on_miss) with this `id` to [`on_insert`](Policy::on_insert) will
    /// need. A hint, that changes nothing.
    fn prepare_miss(&self, _id: u64) {}

    /// An entry with this `id` (key hash) and `weight` will be inserted next. Calls for victims may come in between.
    fn on_miss(&mut self, id: u64, weight: u64);

    /// Takes the next victim out of the order. Its owner evicts it, and reports no removal. `None` when the policy holds
    /// no entry.
    fn victim(&mut self) -> Option<Slot>;

    /// Takes up to `most` victims out of the order and appends them to `victims`, the first to go first; fewer when the
    /// policy holds fewer.
    fn victims(&mut self, most: usize, victims: &mut Vec<Slot>) {
        victims.extend(std::iter::from_fn(|| self.victim()).take(most));
    }

    /// The entry that [`victim`](Policy::victim) would probably return next, so that its owner can prefetch it; the policy
    /// prefetches what it keeps of it. A hint: it may be wrong, and is `None` where finding out costs more than a few
    /// steps.
    fn next_victim(&self) -> Option<Slot> {
        None
    }

    /// The entry announced last by [`on_miss`](Policy::on_miss) now has `slot`.
    fn on_insert(&mut self, slot: Slot, id: u64, weight: u64);

    /// The user removed the entry. It leaves no trace in the policy.
    fn on_remove(&mut self, slot: Slot);

    /// The entry's weight changed because its value was replaced.
    fn on_reweigh(&mut self, slot: Slot, weight: u64);

    /// The capacity, in the unit of the weights, changed.
    fn set_capacity(&mut self, capacity: u64);

    /// All entries from the coldest (first to go) to the hottest. Among entries of one frequency, a later one was used
    /// more recently, as far as the policy knows.
    fn export(&self) -> Vec<ExportedEntry>;

    /// Takes over the entries of another policy, in the order of its export. Called once, on a policy just built.
    fn import(&mut self, entries: &[ImportedEntry]);

    /// The same policy with the same state, which goes its own way from here. `None`, the default, where it cannot be
    /// copied; a cache then takes over the entries of a shadow that runs it, and not what else the shadow has learnt.
    fn duplicate(&self) -> Option<Box<dyn Policy>> {
        None
    }

    /// Work that is due and that the owner is to do without its lock, to be [put back](Policy::put_back) after it. `None`, the
    /// default, for a policy that does all of its work in its calls.
    fn take_deferred(&mut self) -> Option<Deferred> {
        None
    }

    /// Takes in what came of work. Gives it back where it is not this policy's, or nothing is to be done with it any more:
    /// the owner drops it without its lock.
    fn put_back(&mut self, work: Deferred) -> Option<Deferred> {
        Some(work)
    }

    /// To be called before an [export](Policy::export) by an owner that can wait, until it answers
    /// [`Preparation::Ready`]. What is exported without it is complete, and may be in no good order.
    fn prepare_export(&mut self) -> Preparation {
        Preparation::Ready
    }

    /// Why the policy names no victim any more; `None` while it works.
    fn fault(&self) -> Option<&str> {
        None
    }

    /// Number of entries in the order.
    fn len(&self) -> usize;

    /// Whether the order holds no entry.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// How far a policy is with its export; see [`Policy::prepare_export`].
#[derive(Debug)]
pub enum Preparation {
    /// The export may begin.
    Ready,
    /// The owner is to do this work first, without its lock, and put it back.
    Work(Deferred),
    /// Another thread does work of the policy now.
    Away,
}

/// The largest capacity in use; larger ones count as this. Twice it, which ARC's directory needs, still fits
/// 64 bits.
pub const MOST_CAPACITY: u64 = 1 << 62;

/// Joins what a policy exported with its owner's table of entries.
///
/// The owner is right about which entries there are: a slot that it does not know, or that was exported
/// twice, is left out; an entry that was not exported comes first, as coldest, with frequency 1. `resident`
/// gives id and weight of the slot if it is occupied, and `slots` is the number of slots to look at.
pub fn reconcile(
    exported: &[ExportedEntry],
    slots: u32,
    resident: impl Fn(Slot) -> Option<(u64, u64)>,
) -> Vec<ImportedEntry> {
    let mut seen = vec![false; list::at(slots)];
    let mut known = Vec::with_capacity(exported.len());
    for &ExportedEntry { slot, frequency } in exported {
        let Some(seen) = seen.get_mut(list::at(slot.0)) else { continue };
        if !*seen && let Some((id, weight)) = resident(slot) {
            *seen = true;
            known.push(ImportedEntry { slot, id, weight, frequency: frequency.max(1) });
        }
    }
    let forgotten = (0..slots).zip(&seen).filter(|&(_, &seen)| !seen).filter_map(|(index, _)| {
        let slot = Slot(index);
        resident(slot).map(|(id, weight)| ImportedEntry { slot, id, weight, frequency: 1 })
    });
    let mut entries: Vec<ImportedEntry> = forgotten.collect();
    entries.append(&mut known);
    entries
}

#[cfg(test)]
mod tests {
    use super::{ExportedEntry, ImportedEntry, Slot, reconcile};

    #[test]
    fn the_owner_decides_what_is_resident() {
        let told = [(3, 7), (9, 1), (1, 0), (3, 2), (0, 4)]
            .map(|(slot, frequency)| ExportedEntry { slot: Slot(slot), frequency });
        // Slots 0, 1, 2 and 3 are occupied; 9 is out of range, 3 is told twice, 2 is not told.
        let entries = reconcile(&told, 5, |slot| (slot.0 < 4).then_some((u64::from(slot.0) + 10, 1)));
        let want = [(2, 1), (3, 7), (1, 1), (0, 4)].map(|(slot, frequency)| ImportedEntry {
            slot: Slot(slot),
            id: u64::from(slot) + 10,
            weight: 1,
            frequency,
        });
        assert_eq!(entries, want);
    }
}
