//! 2Q: newcomers wait in a FIFO queue, and only who comes back after leaving it joins the LRU list.
//!
//! Johnson and Shasha, "2Q: A Low Overhead High Performance Buffer Management Replacement Algorithm", VLDB 1994,
//! the full version (section 3.2). A1in is a queue; a hit in it moves nothing, since uses close together are one
//! event. A1out remembers the ids that left it. A miss of one of these enters Am, an LRU list. A victim comes from
//! A1in while that holds more than Kin = [`KIN_PERCENT`] of the cache, else from Am, whose victims leave no trace.
//! A1out holds Kout = [`KOUT_PERCENT`]. Ties: none.
//!
//! Where the paper leaves a choice: the returning id leaves A1out before the victim's id enters it. Sizes are
//! weights; an empty Am leaves A1in to give the victim, however small it is.
//!
//! When not to use it: where reuse comes within Kin + Kout of the first use only, or the hot set needs more than
//! what A1in leaves; Kin and Kout are fixed where ARC's p moves.

use crate::ghosts::{ByHash, InSlot, Memory};
use crate::list::{Nodes, at};
use crate::part::{Part, percent};
use crate::weights::Weights;
use crate::{Policy, Resident, Slot, Standing};

/// Kin: what A1in may hold, in percent of the capacity (section 3.2 of the paper).
pub const KIN_PERCENT: u64 = 25;

/// Kout: what A1out may remember, in percent of the capacity (section 3.2 of the paper).
pub const KOUT_PERCENT: u64 = 50;

/// What is kept of an entry: twice its uses, plus 1 in Am. 0 where there is none.
type Word = u32;
const VACANT: Word = 0;
const IN_AM: Word = 1;
const USE: Word = 2;

/// The word of an entry used so often (0 counts as 1, and 2^31 - 1 is the most).
fn word(uses: u32, am: Word) -> Word {
    uses.clamp(1, u32::MAX / USE) * USE + am
}

/// The policy; see the [module](self).
#[derive(Debug)]
pub struct TwoQ<M: Memory = ByHash> {
    kin: u64,
    kout: u64,
    entries: Nodes<Word>,
    memory: M,
    weights: Weights,
    a1_in: Part,
    am: Part,
    a1_out: M::Queue<()>,
    /// The tag of the entry announced last, and whether A1out remembered it.
    incoming: Option<(M::Tag, bool)>,
}

impl TwoQ {
    /// A policy that holds no entry, for `capacity` in the unit of the weights.
    #[must_use]
    pub fn new(capacity: u64) -> Self {
        Self::with_memory(capacity)
    }
}

impl<M: Memory> TwoQ<M> {
    /// The same with ghosts in either way.
    #[must_use]
    pub fn with_memory(capacity: u64) -> Self {
        let mut policy = Self {
            kin: 0,
            kout: 0,
            entries: Nodes::new(),
            memory: M::new(),
            weights: Weights::new(),
            a1_in: Part::new(),
            am: Part::new(),
            a1_out: M::queue(),
            incoming: None,
        };
        policy.set_capacity(capacity);
        policy
    }

    #[inline]
    fn held(&self, slot: Slot) -> Option<Word> {
        self.entries.get(slot.0).copied().filter(|&word| word != VACANT)
    }

    #[inline]
    fn limit(&mut self) {
        self.memory.limit(&mut self.a1_out, &mut self.entries, &self.weights, self.kout);
    }

    #[inline]
    fn push(&mut self, slot: Slot, tag: M::Tag, weight: u64, word: Word) {
        self.on_remove(slot);
        self.entries.reach(slot.0, &VACANT);
        self.memory.hold(slot.0, tag);
        self.weights.set(slot.0, weight);
        *self.entries.data_mut(slot.0) = word;
        let part = if word & IN_AM == 0 { &mut self.a1_in } else { &mut self.am };
        part.push_back(&mut self.entries, slot.0, weight);
    }
}

impl<M: Memory> Policy for TwoQ<M> {
    #[inline]
    fn on_hit(&mut self, slot: Slot) {
        let Some(word) = self.held(slot) else { return };
        *self.entries.data_mut(slot.0) = word.checked_add(USE).unwrap_or(word);
        if word & IN_AM != 0 {
            self.am.renew(&mut self.entries, slot.0);
        }
    }

    #[inline]
    fn fetch(&self, slot: Slot) {
        self.entries.fetch(slot.0);
    }

    #[inline]
    fn prefetch(&self, slot: Slot) {
        self.entries.prefetch(slot.0);
    }

    #[inline]
    fn on_miss(&mut self, id: u64, _weight: u64) {
        let tag = self.memory.tag(id);
        let returns =
            self.memory.forget(&mut self.a1_out, &mut self.entries, &self.weights, tag, |_| true).is_some();
        self.incoming = Some((tag, returns));
    }

    #[inline]
    fn victim(&mut self) -> Option<Slot> {
        self.memory.choose();
        let from_in = self.a1_in.weight > self.kin || self.am.list.is_empty();
        let part = if from_in { &self.a1_in } else { &self.am };
        if part.list.is_empty() {
            return None;
        }
        let slot = Slot(part.list.front());
        self.on_remove(slot);
        if from_in {
            let weight = self.weights.get(slot.0);
            self.memory.remember(&mut self.a1_out, &mut self.entries, slot.0, weight, ());
            self.limit();
        }
        Some(slot)
    }

    #[inline]
    fn on_insert(&mut self, slot: Slot, id: u64, weight: u64) {
        let tag = self.memory.tag(id);
        let returns = self.incoming.take().is_some_and(|(told, ghost)| ghost && told == tag);
        self.push(slot, tag, weight, if returns { word(2, IN_AM) } else { word(1, 0) });
    }

    #[inline]
    fn on_remove(&mut self, slot: Slot) {
        if let Some(word) = self.held(slot) {
            let part = if word & IN_AM == 0 { &mut self.a1_in } else { &mut self.am };
            part.remove(&mut self.entries, slot.0, self.weights.get(slot.0));
            *self.entries.data_mut(slot.0) = VACANT;
        }
    }

    fn on_reweigh(&mut self, slot: Slot, weight: u64) {
        if let Some(word) = self.held(slot) {
            let part = if word & IN_AM == 0 { &mut self.a1_in } else { &mut self.am };
            part.reweigh(self.weights.get(slot.0), weight);
            self.weights.set(slot.0, weight);
        }
    }

    fn set_capacity(&mut self, capacity: u64) {
        self.kin = percent(capacity, KIN_PERCENT);
        self.kout = percent(capacity, KOUT_PERCENT);
        self.limit();
    }

    /// A1in, the least used first and of equals the oldest, then Am from its oldest.
    fn export(&self) -> Vec<Standing> {
        let standing = |slot| Standing { slot: Slot(slot), frequency: *self.entries.data(slot) / USE };
        let mut standings: Vec<_> = self.a1_in.list.iter(&self.entries).map(standing).collect();
        standings.sort_by_key(|standing| standing.frequency);
        standings.extend(self.am.list.iter(&self.entries).map(standing));
        standings
    }

    /// What was used once goes to A1in, the rest to Am, in the order given.
    fn import(&mut self, entries: &[Resident]) {
        for entry in entries {
            let am = if entry.frequency > 1 { IN_AM } else { 0 };
            self.push(entry.slot, self.memory.tag(entry.id), entry.weight, word(entry.frequency, am));
        }
    }

    fn len(&self) -> usize {
        at(self.a1_in.list.len()) + at(self.am.list.len())
    }
    #[inline]
    fn in_slots(&mut self) -> Option<&mut InSlot> {
        self.memory.in_slots()
    }
}
