//! One shadow: a policy at a capacity, and the loop that runs it over a batch of requests.
//!
//! It drives a [`Policy`](host_policy::Policy) by the same sequence of calls as [`Cache`](crate::Cache), so that it misses
//! what the cache would. The loop is compiled for each built-in policy, so that nothing in it is called through a pointer,
//! and runs over a whole batch, so that one policy's code and data are in use at a time. Where the entries are is known to
//! [`Rows`] for all shadows, and there the ghosts stay as well ([`ReplayPolicy::ghost_slots`]): a look that finds an entry
//! finds its ghost, without a hash.
//!
//! It cannot fail: an entry heavier than the capacity is a miss and is not stored. Nor is one for which a policy of another
//! program names no victim, or one that it does not hold.

use super::adopted::ShadowState;
use super::groups::{Counts, Groups};
use super::rows::{Column, Rows};
use crate::index::{NIL, at};
use host_policy::{InSlot, MOST_CAPACITY, PolicyFactory, ReplayPolicy, Slot, Visitor, Weights};

/// Requests whose neighbours in a policy's lists are prefetched at once.
const AHEAD: usize = 32;

/// Rows from which entries are prefetched: fewer are in the processor's cache soon enough, and a prefetch would cost a
/// tenth.
const FEWEST_FETCHED: usize = 8_192;

/// A request.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked {
    pub(super) id: u64,
    /// At least 1.
    pub(super) weight: u64,
    /// The row of the id, once it is looked up.
    pub(super) row: u32,
    pub(super) groups: Groups,
}

/// The requests of a batch that did not find their entry.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Missed {
    pub(super) requests: u64,
    /// Sum of their weights, saturating.
    pub(super) weight: u64,
}

/// A shadow, whatever its policy. One dynamic call for many requests.
pub(super) trait Arm: Send {
    /// Asks for the entries in order. What misses is stored, evicting what the policy says, unless it is heavier than the
    /// capacity. A hit keeps the weight that the entry was stored with. Misses of groups are counted in `groups`.
    fn access(&mut self, rows: &mut Rows, batch: &[Asked], groups: &mut Counts) -> Missed;
    /// Changes the capacity, evicting at once what no longer fits. Over 2^62 counts as 2^62.
    fn set_capacity(&mut self, rows: &mut Rows, capacity: u64);
    /// Removes every entry whose id does not satisfy `keep`.
    fn retain(&mut self, rows: &mut Rows, keep: &dyn Fn(u64) -> bool);
    /// A copy of the policy, called `kind`, with the entries that it holds; `None` where it cannot be copied.
    fn state(&self, rows: &Rows, kind: &PolicyFactory) -> Option<ShadowState>;
    /// Its bits in the rows.
    fn column(&self) -> Column;
}

/// An empty shadow of `capacity`, in the unit of the weights; over 2^62 counts as 2^62.
pub(super) fn arm(kind: &PolicyFactory, capacity: u64, rows: &mut Rows) -> Box<dyn Arm> {
    let capacity = capacity.min(MOST_CAPACITY);
    kind.visit_in_slots(capacity, Start { capacity, column: rows.add_column() })
}

struct Start {
    capacity: u64,
    column: Column,
}

impl Visitor for Start {
    type Output = Box<dyn Arm>;

    fn visit<P: ReplayPolicy + 'static>(self, policy: P) -> Box<dyn Arm> {
        let Self { capacity, column } = self;
        Box::new(Running { policy, column, capacity, used: 0, weights: Weights::new() })
    }
}

struct Running<P> {
    policy: P,
    column: Column,
    capacity: u64,
    /// Sum of the weights of the entries.
    used: u64,
    /// By row.
    weights: Weights,
}

impl<P: ReplayPolicy> Running<P> {
    #[inline]
    fn miss(&mut self, rows: &mut Rows, Asked { id, weight, row, .. }: Asked) {
        if weight > self.capacity || row == NIL {
            return;
        }
        if let Some(ghosts) = self.policy.ghost_slots() {
            ghosts.set_lookup(rows.remembers(row, self.column).then_some(Slot(row)));
        }
        self.policy.on_miss(id, weight);
        if self.make_room(rows, weight) {
            rows.hold(row, self.column);
            self.used += weight;
            self.weights.set(row, weight);
            self.policy.on_insert(Slot(row), id, weight);
        }
        self.forget(rows);
    }

    /// Evicts until so much more fits; false where the policy names nothing to evict.
    #[inline]
    fn make_room(&mut self, rows: &mut Rows, weight: u64) -> bool {
        while self.used.saturating_add(weight) > self.capacity {
            let Some(slot) = self.policy.victim() else { return false };
            let remembered = self.policy.ghost_slots().is_some_and(|ghosts| ghosts.retains());
            if !rows.evict(slot.0, self.column, remembered) {
                return false;
            }
            self.used -= self.weights.get(slot.0);
        }
        true
    }

    /// Tells the rows what the policy no longer remembers.
    #[inline]
    fn forget(&mut self, rows: &mut Rows) {
        while let Some(slot) = self.policy.ghost_slots().and_then(InSlot::reclaim) {
            rows.forget(slot.0, self.column);
        }
    }
}

impl<P: ReplayPolicy> Arm for Running<P> {
    fn access(&mut self, rows: &mut Rows, batch: &[Asked], groups: &mut Counts) -> Missed {
        let fetches = rows.ids().len() >= FEWEST_FETCHED;
        if fetches {
            batch.iter().for_each(|asked| self.policy.prefetch_entry(Slot(asked.row)));
        }
        let mut missed = Missed::default();
        for part in batch.chunks(AHEAD) {
            if fetches {
                part.iter().for_each(|asked| self.policy.prefetch_neighbours(Slot(asked.row)));
            }
            for &asked in part {
                if rows.holds(asked.row, self.column) {
                    self.policy.on_hit(Slot(asked.row));
                } else {
                    missed.requests += 1;
                    missed.weight = missed.weight.saturating_add(asked.weight);
                    groups.add(asked.groups);
                    self.miss(rows, asked);
                }
            }
        }
        missed
    }

    fn set_capacity(&mut self, rows: &mut Rows, capacity: u64) {
        self.capacity = capacity.min(MOST_CAPACITY);
        self.policy.set_capacity(self.capacity);
        self.make_room(rows, 0);
        self.forget(rows);
    }

    fn retain(&mut self, rows: &mut Rows, keep: &dyn Fn(u64) -> bool) {
        let mut row = 0;
        while let Some(&id) = rows.ids().get(at(row)) {
            if !keep(id) && rows.evict(row, self.column, false) {
                self.policy.on_remove(Slot(row));
                self.used -= self.weights.get(row);
            }
            row += 1;
        }
    }

    fn state(&self, rows: &Rows, kind: &PolicyFactory) -> Option<ShadowState> {
        let policy = self.policy.by_hash(rows.ids())?;
        let entry = |(row, &id)| rows.holds(row, self.column).then(|| (id, self.weights.get(row)));
        let entries = (0..).zip(rows.ids()).map(entry).collect();
        Some(ShadowState { kind: kind.clone(), policy, capacity: self.capacity, entries })
    }

    fn column(&self) -> Column {
        self.column
    }
}
