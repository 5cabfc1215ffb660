//! S3-FIFO: a small queue that newcomers must survive, a main queue, and a queue of ghosts.
//!
//! Yang, Zhang, Qiu, Yue and Rashmi, "FIFO Queues are All You Need for Cache Eviction", SOSP 2023, algorithm 1.
//! A newcomer enters S, or M if G remembers it. A hit only counts, up to [`MOST_FREQUENCY`]. While S holds
//! a tenth of the cache or more, its oldest entry leaves: to M, its count cleared, if it was hit more
//! than once, else out and into G. Otherwise the oldest entry of M is looked at: one with a count loses one of
//! it and goes to M's end, one without goes out. G holds as much as M may ("the same number of ghost entries as
//! M"). Ties: none, queues are total orders.
//!
//! Two steps are those of the authors' simulator (libCacheSim, their revision of December 2024) instead of the
//! algorithm as printed:
//! - until the first eviction, a newcomer that finds S at its share enters M. As printed ("insert x to head of
//!   S") the whole cache fills as S, and its first content is then sifted by a queue ten times too long: a loop
//!   of twice the cache misses always instead of every other time;
//! - the paper evicts from M inside the move from S to M once M is full; here S and M are looked at anew for
//!   every victim, so that one miss of one unit costs one victim.
//!
//! Sizes are weights, and S's share is at least 1. More capacity starts a new filling.
//!
//! When not to use it: on reuse that comes just after an entry left S, or twice within S and never again; and in
//! very small caches, where a tenth is an entry or two.

use crate::access_bits::{AccessBits, AccessTable};
use crate::ghosts::{ByHash, GhostStore, InSlot};
use crate::list::{Nodes, at};
use crate::parameters::{BadParameter, Decimal, Parameter, Tunable};
use crate::replay::hit_in_stages;
use crate::segment::Segment;
use crate::weights::Weights;
use crate::{ExportedEntry, ImportedEntry, Policy, ReplayPolicy, Slot};

/// The most hits that are counted: two bits.
pub const MOST_FREQUENCY: u16 = 3;

/// Hits in S from which an entry moves to M: "accessed more than once".
pub const MOVE_TO_MAIN: u16 = 2;

/// S's share (section 4.2 of the paper).
const SMALL: Parameter =
    Parameter::share("small", Decimal::percent(10), "the small queue's share of the capacity");
const GHOSTS: Parameter =
    Parameter::ghosts(Decimal::percent(90), "what is remembered of evicted entries, in capacities");

/// S3-FIFO's parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parameters {
    small: Decimal,
    ghosts: Decimal,
}

impl Parameters {
    /// S's share of the capacity, and what G may remember, in capacities.
    ///
    /// # Errors
    /// [`BadParameter`]: one is out of range.
    pub fn new(small: Decimal, ghosts: Decimal) -> Result<Self, BadParameter> {
        Self { small, ghosts }.checked("s3-fifo")
    }
}

impl Default for Parameters {
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl Tunable for Parameters {
    const KNOWN: &'static [Parameter] = &[SMALL, GHOSTS];
    const DEFAULT: Self = Self { small: SMALL.default, ghosts: GHOSTS.default };

    fn values(&mut self) -> Vec<&mut Decimal> {
        vec![&mut self.small, &mut self.ghosts]
    }
}

/// The flags of the access bits: the count of hits in the low two bits, and whether the entry is in M.
const FREQUENCY: u16 = 3;
const MAIN: u16 = 4;

/// The policy; see the [module](self).
#[derive(Debug)]
pub struct S3Fifo<G: GhostStore = ByHash> {
    parameters: Parameters,
    capacity: u64,
    /// The share of S, in the unit of the weights.
    small_target: u64,
    /// What G may weigh.
    ghost_limit: u64,
    access: AccessTable,
    links: Nodes<()>,
    store: G,
    weights: Weights,
    small: Segment,
    main: Segment,
    ghosts: G::Queue<()>,
    /// Nothing was evicted since the capacity last grew.
    filling: bool,
    /// The fingerprint of the entry announced last, and whether it was a ghost.
    incoming: Option<(G::Fingerprint, bool)>,
}

impl S3Fifo {
    /// A policy that holds no entry, for `capacity` in the unit of the weights.
    #[must_use]
    pub fn new(capacity: u64) -> Self {
        Self::with(capacity, Parameters::DEFAULT)
    }
}

impl<G: GhostStore> S3Fifo<G> {
    /// The same with other parameters, and ghosts in either way.
    #[must_use]
    pub fn with(capacity: u64, parameters: Parameters) -> Self {
        let mut policy = Self {
            parameters,
            capacity: 0,
            small_target: 0,
            ghost_limit: 0,
            access: AccessTable::new(),
            links: Nodes::new(),
            store: G::new(),
            weights: Weights::new(),
            small: Segment::new(),
            main: Segment::new(),
            ghosts: G::queue(),
            filling: true,
            incoming: None,
        };
        policy.set_capacity(capacity);
        policy
    }

    #[inline]
    fn push(&mut self, slot: Slot, fingerprint: G::Fingerprint, weight: u64, bits: AccessBits) {
        self.on_remove(slot);
        self.links.reach(slot.0, &());
        self.store.hold(slot.0, fingerprint);
        self.weights.set(slot.0, weight);
        self.access.set(slot, bits);
        self.segment(bits).push(slot.0, weight);
    }

    /// The segment that an entry with these bits is in, ready to be changed.
    #[inline]
    const fn segment(&mut self, bits: AccessBits) -> Linked<'_> {
        let segment = if bits.flags() & MAIN == 0 { &mut self.small } else { &mut self.main };
        Linked { segment, links: &mut self.links }
    }

    #[inline]
    fn limit(&mut self) {
        self.store.limit(&mut self.ghosts, &mut self.links, &self.weights, self.ghost_limit);
    }

    /// Looks at the oldest entry of S: a victim, or one more in M.
    #[inline]
    fn leave_small(&mut self) -> Option<Slot> {
        let slot = Slot(self.small.list.front());
        let weight = self.weights.get(slot.0);
        let bits = self.access.held(slot)?;
        if bits.flags() & FREQUENCY >= MOVE_TO_MAIN {
            *bits = bits.with_flags(MAIN);
            self.small.remove(&mut self.links, slot.0, weight);
            self.main.push_back(&mut self.links, slot.0, weight);
            return None;
        }
        self.on_remove(slot);
        self.store.remember(&mut self.ghosts, &mut self.links, slot.0, weight, ());
        self.limit();
        Some(slot)
    }

    /// Looks at the oldest entry of M: a victim, or once more around.
    #[inline]
    fn leave_main(&mut self) -> Option<Slot> {
        let slot = Slot(self.main.list.front());
        let bits = self.access.held(slot)?;
        if bits.flags() & FREQUENCY > 0 {
            *bits = bits.with_flags(bits.flags() - 1);
            self.main.renew(&mut self.links, slot.0);
            return None;
        }
        self.on_remove(slot);
        Some(slot)
    }
}

/// A segment and the slab that its list runs through.
struct Linked<'a> {
    segment: &'a mut Segment,
    links: &'a mut Nodes<()>,
}

impl Linked<'_> {
    #[inline]
    fn push(self, index: u32, weight: u64) {
        self.segment.push_back(self.links, index, weight);
    }

    fn remove(self, index: u32, weight: u64) {
        self.segment.remove(self.links, index, weight);
    }
}

impl<G: GhostStore> Policy for S3Fifo<G> {
    #[inline]
    fn on_hit(&mut self, slot: Slot) {
        if let Some(bits) = self.access.held(slot) {
            let flags = bits.flags();
            *bits = bits.used().with_flags(flags + u16::from(flags & FREQUENCY < MOST_FREQUENCY));
        }
    }

    #[inline]
    fn on_hits(&mut self, slots: &[Slot]) {
        hit_in_stages(self, slots);
    }

    #[inline]
    fn on_miss(&mut self, id: u64, _weight: u64) {
        let fingerprint = self.store.fingerprint(id);
        let returns = self
            .store
            .forget(&mut self.ghosts, &mut self.links, &self.weights, fingerprint, |()| true)
            .is_some();
        self.incoming = Some((fingerprint, returns));
    }

    #[inline]
    fn victim(&mut self) -> Option<Slot> {
        self.filling = false;
        self.store.choose();
        // The loops end: a look at S leaves S with one entry less, and M's counts fall by one a round.
        if self.small.weight >= self.small_target || self.main.list.is_empty() {
            while !self.small.list.is_empty() {
                let victim = self.leave_small();
                if victim.is_some() {
                    return victim;
                }
            }
        }
        while !self.main.list.is_empty() {
            let victim = self.leave_main();
            if victim.is_some() {
                return victim;
            }
        }
        None
    }

    #[inline]
    fn on_insert(&mut self, slot: Slot, id: u64, weight: u64) {
        let fingerprint = self.store.fingerprint(id);
        let returns = self.incoming.take().is_some_and(|(told, ghost)| ghost && told == fingerprint);
        let main = returns || (self.filling && self.small.weight >= self.small_target);
        self.push(slot, fingerprint, weight, AccessBits::new(1, if main { MAIN } else { 0 }));
    }

    #[inline]
    fn on_remove(&mut self, slot: Slot) {
        let bits = self.access.get(slot);
        if !bits.is_vacant() {
            let weight = self.weights.get(slot.0);
            self.segment(bits).remove(slot.0, weight);
            self.access.set(slot, AccessBits::VACANT);
        }
    }

    fn on_reweigh(&mut self, slot: Slot, weight: u64) {
        let bits = self.access.get(slot);
        if !bits.is_vacant() {
            let before = self.weights.get(slot.0);
            self.segment(bits).segment.reweigh(before, weight);
            self.weights.set(slot.0, weight);
        }
    }

    fn set_capacity(&mut self, capacity: u64) {
        self.small_target = self.parameters.small.of(capacity).max(1);
        self.filling |= capacity > self.capacity;
        self.capacity = capacity;
        self.ghost_limit = self.parameters.ghosts.of(capacity);
        self.limit();
    }

    /// First what would leave S for good, then M without a count, then all that its count saves, by that
    /// count; each segment from its oldest entry.
    fn export(&self) -> Vec<ExportedEntry> {
        let slots = self.small.list.iter(&self.links).chain(self.main.list.iter(&self.links));
        let mut entries: Vec<(AccessBits, Slot)> =
            slots.map(|slot| (self.access.get(Slot(slot)), Slot(slot))).collect();
        entries.sort_by_key(|&(bits, _)| {
            let frequency = bits.flags() & FREQUENCY;
            if bits.flags() & MAIN == 0 && frequency < MOVE_TO_MAIN { 0 } else { 1 + frequency }
        });
        entries.iter().map(|&(bits, slot)| ExportedEntry { slot, frequency: bits.uses() }).collect()
    }

    /// What was used once goes to S, the rest to M, the less used first. In M only differences count: the
    /// least used start without a count, as all counts fall together.
    fn import(&mut self, entries: &[ImportedEntry]) {
        let frequency = |entry: &ImportedEntry| {
            u16::try_from(entry.frequency - 1).unwrap_or(MOST_FREQUENCY).min(MOST_FREQUENCY)
        };
        let mut main: Vec<&ImportedEntry> = Vec::new();
        for entry in entries {
            if entry.frequency > 1 {
                main.push(entry);
            } else {
                self.push(
                    entry.slot,
                    self.store.fingerprint(entry.id),
                    entry.weight,
                    AccessBits::new(entry.frequency, 0),
                );
            }
        }
        main.sort_by_key(|entry| frequency(entry));
        let least = main.first().map_or(0, |entry| frequency(entry));
        for entry in main {
            let bits = AccessBits::new(entry.frequency, MAIN | (frequency(entry) - least));
            self.push(entry.slot, self.store.fingerprint(entry.id), entry.weight, bits);
        }
    }

    fn len(&self) -> usize {
        at(self.small.list.len()) + at(self.main.list.len())
    }
}

impl<G: GhostStore> ReplayPolicy for S3Fifo<G> {
    #[inline]
    fn prefetch_entry(&self, slot: Slot) {
        self.access.fetch(slot);
    }

    #[inline]
    fn ghost_slots(&mut self) -> Option<&mut InSlot> {
        self.store.in_slots()
    }
}
