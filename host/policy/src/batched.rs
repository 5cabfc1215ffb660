//! Policies that are told of requests in batches, and evict by themselves.
//!
//! A call across a boundary, as into a WebAssembly component, costs more than a request. So a [`BatchedPolicy`] is
//! not asked for each victim. It is told what was asked for, in batches of any length, knows the capacity, and says which
//! entries leave at which event. What it answers depends on the events alone and not on where batches end.
//!
//! An entry is a slot here too. It keeps its slot for as long as the policy knows it: while it is resident, and while it is
//! remembered after that, as a ghost. So an array indexed by slot is all that a policy needs, ghosts included.
//!
//! What a policy answers is not trusted: [`Residents`] follows the same events, and refuses an answer that cannot be true.

#[cfg(test)]
mod fixture;
mod live;
mod probe;
mod residents;
mod stepwise;
mod work;

pub(crate) use live::Live;
pub use probe::probe;
pub use residents::{Nonsense, Residents};
pub(crate) use stepwise::Stepwise;
pub use work::Deferred;

use crate::{ExportedEntry, ImportedEntry};

/// Slots of a batched policy are below this: two bits of an event are its kind.
pub const MOST_SLOTS: u32 = 1 << 30;

/// What happened to an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It was asked for: a hit where it is resident, else it is inserted now.
    Used,
    /// Its owner removed it. It leaves no trace.
    Removed,
    /// It was asked for and has another weight from now on. Its owner says so of resident entries only.
    Replaced,
}

impl Kind {
    /// The event as a number: four times the slot, and the kind.
    #[must_use]
    #[inline]
    pub const fn of(self, slot: u32) -> u32 {
        let kind = match self {
            Self::Used => 0,
            Self::Removed => 1,
            Self::Replaced => 2,
        };
        slot << 2 | kind
    }

    /// The slot and the kind of such a number; `None` where it has another kind.
    #[must_use]
    #[inline]
    pub const fn read(event: u32) -> Option<(u32, Self)> {
        let kind = match event & 3 {
            0 => Self::Used,
            1 => Self::Removed,
            2 => Self::Replaced,
            _ => return None,
        };
        Some((event >> 2, kind))
    }
}

/// Events, the first one first.
#[derive(Debug, Clone, Copy, Default)]
pub struct Batch<'a> {
    /// Each as [`Kind::of`] has it.
    pub events: &'a [u32],
    /// The weight of each event's entry, at least 1 and at most the capacity. Empty where every entry weighs 1.
    pub weights: &'a [u32],
    /// The key hash of each event's entry. Empty unless the policy [wants them](BatchedPolicy::wants_ids).
    pub ids: &'a [u64],
}

/// What follows from a batch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answer {
    /// The entries that leave, in order: twice the slot, and one more where the policy remembers the entry.
    pub victims: Vec<u32>,
    /// For each of them the number of the event that it leaves for, from 0. It leaves before that event's entry comes in.
    pub at: Vec<u32>,
    /// Slots of entries that it remembered before or in the batch and knows no more after it.
    pub forgotten: Vec<u32>,
}

impl Answer {
    /// Empties it.
    pub fn clear(&mut self) {
        self.victims.clear();
        self.at.clear();
        self.forgotten.clear();
    }

    /// Adds a victim of an event.
    pub fn evict(&mut self, slot: u32, remembered: bool, at: u32) {
        self.victims.push(slot << 1 | u32::from(remembered));
        self.at.push(at);
    }
}

/// A policy that is told of batches. See the [module](self).
///
/// Every call may fail, in words for an operator; the policy is not called again then.
pub trait BatchedPolicy: Send {
    /// Whether it wants the hash of the key with each event.
    fn wants_ids(&self) -> bool;

    /// Takes in a batch, and says what follows from it. `answer` is empty.
    ///
    /// # Errors
    /// The policy failed.
    fn turn(&mut self, batch: Batch<'_>, answer: &mut Answer) -> Result<(), String>;

    /// The capacity, in the unit of the weights, changed. What has to leave does so at event 0. `answer` is empty.
    ///
    /// # Errors
    /// The policy failed.
    fn resize(&mut self, capacity: u64, answer: &mut Answer) -> Result<(), String>;

    /// All residents from the coldest to the hottest, as [`Policy::export`](crate::Policy::export) gives them.
    ///
    /// # Errors
    /// The policy failed.
    fn hand_over(&mut self) -> Result<Vec<ExportedEntry>, String>;

    /// Takes over the entries of another policy, as [`Policy::import`](crate::Policy::import) does. They fit.
    ///
    /// # Errors
    /// The policy failed.
    fn take_over(&mut self, entries: &[ImportedEntry]) -> Result<(), String>;
}

/// What a policy is opened with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Opening {
    /// What resident entries may weigh together, at least 1.
    pub capacity: u64,
    /// Whether entries differ in weight.
    pub weighed: bool,
    /// Where its chance comes from, if it needs any.
    pub seed: u64,
}
