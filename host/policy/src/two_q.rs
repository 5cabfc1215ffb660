//! 2Q: newcomers wait in a FIFO queue, and only those requested again after leaving it join the LRU list.
//!
//! Johnson and Shasha, "2Q: A Low Overhead High Performance Buffer Management Replacement Algorithm", VLDB 1994,
//! the full version (section 3.2). A1in is a queue; a hit in it moves nothing, since uses close together are one
//! event. A1out remembers the ids that left it. A miss of one of these enters Am, an LRU list. A victim comes from
//! A1in while that holds more than Kin, a quarter of the cache, else from Am, whose victims leave no ghost.
//! A1out holds Kout, half of the capacity. Ties: none.
//!
//! Where the paper leaves a choice: the returning id leaves A1out before the victim's id enters it. Sizes are
//! weights; where Am is empty, the victim comes from A1in, however small that is.
//!
//! When not to use it: where reuse comes within Kin + Kout of the first use only, or the hot set needs more than
//! what A1in leaves; Kin and Kout are fixed where ARC's p moves.

use crate::ghosts::{ByHash, GhostStore, InSlot};
use crate::list::{Nodes, at};
use crate::parameters::{BadParameter, Decimal, Parameter, Tunable};
use crate::replay::hit_in_stages;
use crate::segment::Segment;
use crate::weights::Weights;
use crate::{ExportedEntry, ImportedEntry, Policy, ReplayPolicy, Slot};

/// Kin (section 3.2 of the paper).
const IN: Parameter =
    Parameter::share("in", Decimal::percent(25), "what the newcomers' queue may hold, of the capacity");

/// Kout (section 3.2 of the paper).
const OUT: Parameter = Parameter {
    name: "out",
    ..Parameter::ghosts(Decimal::percent(50), "what is remembered of evicted newcomers, in capacities")
};

/// 2Q's parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parameters {
    kin: Decimal,
    kout: Decimal,
}

impl Parameters {
    /// Kin's share of the capacity, and Kout in capacities.
    ///
    /// # Errors
    /// [`BadParameter`]: one is out of range.
    pub fn new(kin: Decimal, kout: Decimal) -> Result<Self, BadParameter> {
        Self { kin, kout }.checked("2q")
    }
}

impl Default for Parameters {
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl Tunable for Parameters {
    const KNOWN: &'static [Parameter] = &[IN, OUT];
    const DEFAULT: Self = Self { kin: IN.default, kout: OUT.default };

    fn values(&mut self) -> Vec<&mut Decimal> {
        vec![&mut self.kin, &mut self.kout]
    }
}

/// What is kept of an entry: twice its uses, plus 1 in Am. 0 where there is none.
type EntryBits = u32;
const VACANT: EntryBits = 0;
const IN_AM: EntryBits = 1;
const USE: EntryBits = 2;

/// The bits of an entry used so often (0 counts as 1, and 2^31 - 1 is the most).
fn bits(uses: u32, am: EntryBits) -> EntryBits {
    uses.clamp(1, u32::MAX / USE) * USE + am
}

/// The policy; see the [module](self).
#[derive(Debug, Clone)]
pub struct TwoQ<G: GhostStore = ByHash> {
    parameters: Parameters,
    kin: u64,
    kout: u64,
    entries: Nodes<EntryBits>,
    store: G,
    weights: Weights,
    a1_in: Segment,
    am: Segment,
    a1_out: G::Queue<()>,
    /// The fingerprint of the entry announced last, and whether A1out remembered it.
    incoming: Option<(G::Fingerprint, bool)>,
}

impl TwoQ {
    /// A policy that holds no entry, for `capacity` in the unit of the weights.
    #[must_use]
    pub fn new(capacity: u64) -> Self {
        Self::with(capacity, Parameters::DEFAULT)
    }
}

impl<G: GhostStore> TwoQ<G> {
    /// The same with other parameters, and ghosts in either way.
    #[must_use]
    pub fn with(capacity: u64, parameters: Parameters) -> Self {
        let mut policy = Self {
            parameters,
            kin: 0,
            kout: 0,
            entries: Nodes::new(),
            store: G::new(),
            weights: Weights::new(),
            a1_in: Segment::new(),
            am: Segment::new(),
            a1_out: G::queue(),
            incoming: None,
        };
        policy.set_capacity(capacity);
        policy
    }

    #[inline]
    fn held(&self, slot: Slot) -> Option<EntryBits> {
        self.entries.get(slot.0).copied().filter(|&bits| bits != VACANT)
    }

    /// Whether the next victim comes from A1in.
    #[inline]
    const fn gives_from_in(&self) -> bool {
        self.a1_in.weight > self.kin || self.am.list.is_empty()
    }

    #[inline]
    fn limit(&mut self) {
        self.store.limit(&mut self.a1_out, &mut self.entries, &self.weights, self.kout);
    }

    #[inline]
    fn push(&mut self, slot: Slot, fingerprint: G::Fingerprint, weight: u64, bits: EntryBits) {
        self.on_remove(slot);
        self.entries.reach(slot.0, &VACANT);
        self.store.hold(slot.0, fingerprint);
        self.weights.set(slot.0, weight);
        *self.entries.data_mut(slot.0) = bits;
        let segment = if bits & IN_AM == 0 { &mut self.a1_in } else { &mut self.am };
        segment.push_back(&mut self.entries, slot.0, weight);
    }
}

impl<G: GhostStore> Policy for TwoQ<G> {
    #[inline]
    fn on_hit(&mut self, slot: Slot) {
        let Some(bits) = self.held(slot) else { return };
        *self.entries.data_mut(slot.0) = bits.checked_add(USE).unwrap_or(bits);
        if bits & IN_AM != 0 {
            self.am.renew(&mut self.entries, slot.0);
        }
    }

    #[inline]
    fn on_hits(&mut self, slots: &[Slot]) {
        hit_in_stages(self, slots);
    }

    fn prepare_miss(&self, id: u64) {
        G::fetch_lookup(&self.a1_out, self.store.fingerprint(id));
        if self.gives_from_in() {
            self.store.fetch_remember(&self.a1_out, self.a1_in.list.front());
        }
    }

    #[inline]
    fn on_miss(&mut self, id: u64, _weight: u64) {
        let fingerprint = self.store.fingerprint(id);
        let returns = self
            .store
            .forget(&mut self.a1_out, &mut self.entries, &self.weights, fingerprint, |_| true)
            .is_some();
        self.incoming = Some((fingerprint, returns));
    }

    #[inline]
    fn victim(&mut self) -> Option<Slot> {
        self.store.choose();
        let from_in = self.gives_from_in();
        let segment = if from_in { &self.a1_in } else { &self.am };
        if segment.list.is_empty() {
            return None;
        }
        let slot = Slot(segment.list.front());
        self.on_remove(slot);
        if from_in {
            let weight = self.weights.get(slot.0);
            self.store.remember(&mut self.a1_out, &mut self.entries, slot.0, weight, ());
            self.limit();
        }
        Some(slot)
    }

    fn next_victim(&self) -> Option<Slot> {
        let segment = if self.gives_from_in() { &self.a1_in } else { &self.am };
        let slot = Slot(segment.list.front());
        self.entries.prefetch(slot.0);
        self.store.fetch_held(slot.0);
        Some(slot)
    }

    #[inline]
    fn on_insert(&mut self, slot: Slot, id: u64, weight: u64) {
        let fingerprint = self.store.fingerprint(id);
        let returns = self.incoming.take().is_some_and(|(told, ghost)| ghost && told == fingerprint);
        self.push(slot, fingerprint, weight, if returns { bits(2, IN_AM) } else { bits(1, 0) });
    }

    #[inline]
    fn on_remove(&mut self, slot: Slot) {
        if let Some(bits) = self.held(slot) {
            let segment = if bits & IN_AM == 0 { &mut self.a1_in } else { &mut self.am };
            segment.remove(&mut self.entries, slot.0, self.weights.get(slot.0));
            *self.entries.data_mut(slot.0) = VACANT;
        }
    }

    fn on_reweigh(&mut self, slot: Slot, weight: u64) {
        if let Some(bits) = self.held(slot) {
            let segment = if bits & IN_AM == 0 { &mut self.a1_in } else { &mut self.am };
            segment.reweigh(self.weights.get(slot.0), weight);
            self.weights.set(slot.0, weight);
        }
    }

    fn set_capacity(&mut self, capacity: u64) {
        self.kin = self.parameters.kin.of(capacity);
        self.kout = self.parameters.kout.of(capacity);
        self.limit();
    }

    /// A1in, the least used first and of equals the oldest, then Am from its oldest.
    fn export(&self) -> Vec<ExportedEntry> {
        let entry = |slot| ExportedEntry { slot: Slot(slot), frequency: *self.entries.data(slot) / USE };
        let mut exported: Vec<_> = self.a1_in.list.iter(&self.entries).map(entry).collect();
        exported.sort_by_key(|entry| entry.frequency);
        exported.extend(self.am.list.iter(&self.entries).map(entry));
        exported
    }

    /// What was used once goes to A1in, the rest to Am, in the order given.
    fn import(&mut self, entries: &[ImportedEntry]) {
        for entry in entries {
            let am = if entry.frequency > 1 { IN_AM } else { 0 };
            self.push(entry.slot, self.store.fingerprint(entry.id), entry.weight, bits(entry.frequency, am));
        }
    }

    fn duplicate(&self) -> Option<Box<dyn Policy>> {
        Some(Box::new(self.clone()))
    }

    fn len(&self) -> usize {
        at(self.a1_in.list.len()) + at(self.am.list.len())
    }
}

impl<G: GhostStore> ReplayPolicy for TwoQ<G> {
    #[inline]
    fn prefetch_entry(&self, slot: Slot) {
        self.entries.fetch(slot.0);
    }

    #[inline]
    fn prefetch_neighbours(&self, slot: Slot) {
        self.entries.prefetch(slot.0);
    }

    #[inline]
    fn ghost_slots(&mut self) -> Option<&mut InSlot> {
        self.store.in_slots()
    }

    fn by_hash(&self, ids: &[u64]) -> Option<Box<dyn Policy>> {
        Some(Box::new(TwoQ::<ByHash> {
            store: self.store.by_hash(ids),
            a1_out: G::queue_by_hash(&self.a1_out, &self.entries, &self.weights, ids),
            incoming: None,
            parameters: self.parameters,
            kin: self.kin,
            kout: self.kout,
            entries: self.entries.clone(),
            weights: self.weights.clone(),
            a1_in: self.a1_in.clone(),
            am: self.am.clone(),
        }))
    }
}
