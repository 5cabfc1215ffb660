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
//!   [`PolicyKind::visit_in_slots`];
//! - hand over whole requests: [`Policy::turn`].
//!
//! # Switching
//!
//! [`PolicyKind::succeed`] builds a policy that takes over from another. The old one exports its entries from
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
pub mod s3_fifo;
pub mod sieve;
pub mod two_q;
pub mod w_tinylfu;
mod weights;

pub use arc::Adaptive;
pub use fifo::Fifo;
pub use ghosts::{ByHash, InSlot, Memory};
pub use lfu::Lfu;
pub use lirs::Lirs;
pub use lru::Lru;
pub use s3_fifo::S3Fifo;
pub use sieve::Sieve;
pub use two_q::TwoQ;
pub use w_tinylfu::WTinyLfu;

use std::fmt;
use std::str::FromStr;

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
    /// remembered, or by its hash; see [`PolicyKind::visit_in_slots`].
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

/// What to do with a policy of whichever type; see [`PolicyKind::visit`].
pub trait Visitor {
    /// What comes of it.
    type Output;

    /// Does it.
    fn visit<P: Policy + 'static>(self, policy: P) -> Self::Output;
}

/// The policies that are built in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PolicyKind {
    /// Least recently used.
    Lru,
    /// First in, first out.
    Fifo,
    /// Least frequently used while resident; ties: least recently used.
    Lfu,
    /// Adaptive replacement cache (Megiddo and Modha, FAST 2003).
    Arc,
    /// A queue with one hand and a mark for what was used (Zhang et al., NSDI 2024).
    Sieve,
    /// Three FIFO queues (Yang et al., SOSP 2023).
    S3Fifo,
    /// A window, then a segmented LRU that admits by frequency (Einziger, Friedman, Manes, TOS 2017).
    WTinyLfu,
    /// Low inter-reference recency set (Jiang and Zhang, SIGMETRICS 2002).
    Lirs,
    /// A queue for newcomers before an LRU list (Johnson and Shasha, VLDB 1994): the full version.
    TwoQ,
}

/// The largest capacity in use; larger ones count as this. Twice it, which ARC's directory needs, still fits
/// 64 bits.
pub const MOST_CAPACITY: u64 = 1 << 62;

/// A policy name that is none of the built-in ones.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown policy `{name}`: expected one of {}", PolicyKind::ALL.map(PolicyKind::name).join(", "))]
pub struct UnknownPolicy {
    /// The name as given.
    pub name: String,
}

impl PolicyKind {
    /// Every built-in policy, in the order of their declaration.
    pub const ALL: [Self; 9] = [
        Self::Lru,
        Self::Fifo,
        Self::Lfu,
        Self::Arc,
        Self::Sieve,
        Self::S3Fifo,
        Self::WTinyLfu,
        Self::Lirs,
        Self::TwoQ,
    ];

    /// The policies between which a live cache chooses unless told otherwise, and which its shadows follow:
    /// they cover recency, frequency and the balance of the two, and every further one costs a shadow for each
    /// capacity followed.
    pub const BASIC: [Self; 3] = [Self::Lru, Self::Lfu, Self::Arc];

    /// The name by which the policy is written and read: lower case.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Lru => "lru",
            Self::Fifo => "fifo",
            Self::Lfu => "lfu",
            Self::Arc => "arc",
            Self::Sieve => "sieve",
            Self::S3Fifo => "s3-fifo",
            Self::WTinyLfu => "w-tinylfu",
            Self::Lirs => "lirs",
            Self::TwoQ => "2q",
        }
    }

    /// Hands an empty policy for `capacity` (in the unit of the weights) to `visitor`, as the type it is: for
    /// loops that should be compiled for each policy.
    pub fn visit<V: Visitor>(self, capacity: u64, visitor: V) -> V::Output {
        self.visit_with::<ByHash, V>(capacity, visitor)
    }

    /// The same for an owner that leaves evicted entries [in their slots](Policy::in_slots) as long as they are
    /// remembered, instead of by their hashes. The victims are the same.
    pub fn visit_in_slots<V: Visitor>(self, capacity: u64, visitor: V) -> V::Output {
        self.visit_with::<InSlot, V>(capacity, visitor)
    }

    fn visit_with<M: Memory, V: Visitor>(self, capacity: u64, visitor: V) -> V::Output {
        match self {
            Self::Lru => visitor.visit(Lru::new()),
            Self::Fifo => visitor.visit(Fifo::new()),
            Self::Lfu => visitor.visit(Lfu::new()),
            Self::Arc => visitor.visit(Adaptive::<M>::with_memory(capacity)),
            Self::Sieve => visitor.visit(Sieve::new()),
            Self::S3Fifo => visitor.visit(S3Fifo::<M>::with_memory(capacity)),
            Self::WTinyLfu => visitor.visit(WTinyLfu::new(capacity)),
            Self::Lirs => visitor.visit(Lirs::<M>::with_memory(capacity)),
            Self::TwoQ => visitor.visit(TwoQ::<M>::with_memory(capacity)),
        }
    }

    /// An empty policy for `capacity` (in the unit of the weights).
    pub fn build(self, capacity: u64) -> Box<dyn Policy> {
        struct Boxed;
        impl Visitor for Boxed {
            type Output = Box<dyn Policy>;
            fn visit<P: Policy + 'static>(self, policy: P) -> Box<dyn Policy> {
                Box::new(policy)
            }
        }
        self.visit(capacity, Boxed)
    }

    /// A policy for `capacity` that takes over `entries`, given from the coldest to the hottest. The
    /// [module](self) says how each policy reads them.
    pub fn succeed(self, capacity: u64, entries: &[Resident]) -> Box<dyn Policy> {
        let mut policy = self.build(capacity);
        policy.import(entries);
        policy
    }
}

impl fmt::Display for PolicyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for PolicyKind {
    type Err = UnknownPolicy;

    fn from_str(name: &str) -> Result<Self, UnknownPolicy> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.name().eq_ignore_ascii_case(name))
            .ok_or_else(|| UnknownPolicy { name: name.to_owned() })
    }
}

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
    use super::{PolicyKind, Resident, Slot, Standing, reconcile};

    #[test]
    fn names_are_read_and_written() {
        for kind in PolicyKind::ALL {
            assert_eq!(kind.to_string().parse(), Ok(kind));
            assert_eq!(kind.name().to_uppercase().parse(), Ok(kind));
        }
        assert_eq!(format!("{:>5}", PolicyKind::Lru), "  lru");
        let error = "clock".parse::<PolicyKind>().unwrap_err();
        assert!(
            error.to_string().starts_with("unknown policy `clock`: expected one of lru, fifo, lfu, arc, ")
        );
        for kind in PolicyKind::ALL {
            assert!(error.to_string().contains(kind.name()), "the error lists {kind}");
        }
    }

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
