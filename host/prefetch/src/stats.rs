//! What became of the keys that rules loaded ahead.
//!
//! At any time `issued = timely + late + wasted + pending`, for each rule and for all of them together.
//! Records are written and read under the lock of the pending keys, which is what makes that true of every
//! reading; they are atomic only so that they can be shared without unsafe code.

use std::sync::atomic::{AtomicU64, Ordering};

/// Keys loaded ahead, by what became of them.
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
    pending: AtomicU64,
}

impl Record {
    pub(crate) fn issue(&self) {
        self.issued.fetch_add(1, Ordering::Relaxed);
        self.pending.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn decide(&self, outcome: Outcome) {
        let count = match outcome {
            Outcome::Timely => &self.timely,
            Outcome::Late => &self.late,
            Outcome::Wasted => &self.wasted,
        };
        count.fetch_add(1, Ordering::Relaxed);
        self.pending.fetch_sub(1, Ordering::Relaxed);
    }

    pub(crate) fn counts(&self) -> Counts {
        Counts {
            issued: self.issued.load(Ordering::Relaxed),
            timely: self.timely.load(Ordering::Relaxed),
            late: self.late.load(Ordering::Relaxed),
            wasted: self.wasted.load(Ordering::Relaxed),
            pending: self.pending.load(Ordering::Relaxed),
        }
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
