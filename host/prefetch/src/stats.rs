//! What became of the keys that rules prefetched, and of those that they were not allowed to.
//!
//! At any time `issued = timely + late + wasted + pending`, for each rule and for all of them together, and
//! nobody has to be stopped for it: what is pending is not counted but is the rest. The decided ones are
//! read first, and a key is issued before it is decided, so the rest is never below zero.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::gate::Gate;
use crate::rule::Kind;

/// Keys prefetched, by what became of them; and keys that were held back, to measure what prefetching saves.
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
    /// Misses of keys that would still be there but for what waits unused: they had left while it took room.
    pub caused: u64,
    /// Of the issued, keys that had been prefetched and wasted a short time before.
    pub again: u64,
    /// Keys held back for ever so that the saving is measured: of a rule in force, those of one trigger in twenty.
    pub withheld: u64,
    /// Of them, asked for within the time that a prefetched entry would have had.
    pub withheld_asked: u64,
    /// Keys held back because the rule was not, or no more, known to be worth its loads.
    pub tried: u64,
    /// Of them, asked for within that time.
    pub tried_asked: u64,
}

/// Counts of one rule since it was installed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RuleStats {
    /// Who installed the rule.
    pub owner: u32,
    /// The id its owner gave it.
    pub id: u32,
    /// What became of its keys.
    pub counts: Counts,
    /// Whether the host keeps it from loading for a while, because it lost by it.
    pub resting: bool,
}

/// What became of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Timely,
    Late,
    Wasted,
}

/// Why a key was held back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Held {
    /// To measure a rule in force.
    Control,
    /// To measure a rule that is not.
    Rule,
    /// To measure what rules of its kind do with such a confidence and distance.
    Place,
}

/// The counts of one installation of a rule.
#[derive(Debug, Default)]
pub(crate) struct Record {
    issued: AtomicU64,
    timely: AtomicU64,
    late: AtomicU64,
    wasted: AtomicU64,
    caused: AtomicU64,
    again: AtomicU64,
    withheld: AtomicU64,
    withheld_asked: AtomicU64,
    tried: AtomicU64,
    tried_asked: AtomicU64,
    /// Whether the rule may load; none where what it asks for differs in how sure it is, and the gates of its kind say so.
    pub(crate) gate: Option<Gate>,
}

fn one_more(count: &AtomicU64) {
    count.fetch_add(1, Ordering::Relaxed);
}

impl Record {
    pub(crate) fn new(kind: Kind) -> Self {
        let gate = match kind {
            Kind::Sequential | Kind::Association => Some(Gate::default()),
            Kind::Stream | Kind::Mined | Kind::Replay => None,
        };
        Self { gate, ..Self::default() }
    }

    pub(crate) fn issue(&self) {
        one_more(&self.issued);
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

    pub(crate) fn cause(&self) {
        one_more(&self.caused);
    }

    pub(crate) fn issued_again(&self) {
        one_more(&self.again);
    }

    pub(crate) fn hold(&self, held: Held) {
        one_more(match held {
            Held::Control => &self.withheld,
            Held::Rule | Held::Place => &self.tried,
        });
    }

    pub(crate) fn held_asked(&self, held: Held) {
        one_more(match held {
            Held::Control => &self.withheld_asked,
            Held::Rule | Held::Place => &self.tried_asked,
        });
    }

    pub(crate) fn counts(&self) -> Counts {
        let decided = |count: &AtomicU64| count.load(Ordering::Acquire);
        let (timely, late, wasted) = (decided(&self.timely), decided(&self.late), decided(&self.wasted));
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let issued = read(&self.issued);
        Counts {
            issued,
            timely,
            late,
            wasted,
            pending: issued.saturating_sub(timely + late + wasted),
            caused: read(&self.caused),
            again: read(&self.again),
            withheld: read(&self.withheld),
            withheld_asked: read(&self.withheld_asked),
            tried: read(&self.tried),
            tried_asked: read(&self.tried_asked),
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
        self.caused += other.caused;
        self.again += other.again;
        self.withheld += other.withheld;
        self.withheld_asked += other.withheld_asked;
        self.tried += other.tried;
        self.tried_asked += other.tried_asked;
    }
}
