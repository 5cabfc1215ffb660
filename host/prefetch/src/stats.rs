//! What became of the keys that rules prefetched.
//!
//! At any time `issued = timely + late + wasted + pending`, for each rule and for all of them together, and
//! nobody has to be stopped for it: what is pending is not counted but is the rest. The decided ones are
//! read first, and a key is issued before it is decided, so the rest is never below zero.

use std::sync::atomic::{AtomicU64, Ordering};

/// Keys prefetched, by what became of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Loads asked for.
    pub issued: u64,
    /// Of them, asked for after they were there.
    pub timely: u64,
    /// Of them, asked for while they were still being loaded.
    pub late: u64,
    /// Of them, failed, evicted, grown old or left over without being asked for.
    pub wasted: u64,
    /// Of them, not decided yet.
    pub pending: u64,
}

/// Counts of one rule since it was installed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RuleStats {
    /// Who installed the rule.
    pub owner: u32,
    /// The id its owner gave it.
    pub id: u32,
    /// Loads asked for.
    pub issued: u64,
    /// Of them, asked for after they were there.
    pub timely: u64,
    /// Of them, asked for while they were still being loaded.
    pub late: u64,
    /// Of them, failed, evicted, grown old or left over without being asked for.
    pub wasted: u64,
    /// Of them, not decided yet.
    pub pending: u64,
}

/// What became of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Timely,
    Late,
    Wasted,
}

/// The counts of one installation of a rule.
#[derive(Debug, Default)]
pub(crate) struct Record {
    issued: AtomicU64,
    timely: AtomicU64,
    late: AtomicU64,
    wasted: AtomicU64,
}

impl Record {
    pub(crate) fn issue(&self) {
        self.issued.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn decide(&self, outcome: Outcome) {
        let count = match outcome {
            Outcome::Timely => &self.timely,
            Outcome::Late => &self.late,
            Outcome::Wasted => &self.wasted,
        };
        // Who sees this sees that the key was issued.
        count.fetch_add(1, Ordering::Release);
    }

    pub(crate) fn counts(&self) -> Counts {
        let decided = |count: &AtomicU64| count.load(Ordering::Acquire);
        let (timely, late, wasted) = (decided(&self.timely), decided(&self.late), decided(&self.wasted));
        let issued = self.issued.load(Ordering::Relaxed);
        Counts { issued, timely, late, wasted, pending: issued.saturating_sub(timely + late + wasted) }
    }
}

impl Counts {
    pub(crate) fn add(&mut self, other: Self) {
        self.issued += other.issued;
        self.timely += other.timely;
        self.late += other.late;
        self.wasted += other.wasted;
        self.pending += other.pending;
    }

    pub(crate) fn of_rule(self, (owner, id): (u32, u32)) -> RuleStats {
        let Self { issued, timely, late, wasted, pending } = self;
        RuleStats { owner, id, issued, timely, late, wasted, pending }
    }
}
