//! A strategy's seat at the table: its grants, its rank, what it holds and what it has cost.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::Serialize;

use crate::ledger::SetAside;
use crate::proposal::Control;
use crate::strategy::Strategy;

/// A strategy and what the profile says of it.
pub struct Seat {
    pub(crate) strategy: Box<dyn Strategy>,
    pub(crate) priority: i64,
    pub(crate) granted: BTreeSet<Control>,
    /// Ids of the prefetch rules it has installed.
    pub(crate) rules: BTreeSet<u32>,
    /// Controls whose present value came from it.
    pub(crate) holds: BTreeSet<Control>,
    pub(crate) set_aside: Option<SetAside>,
    pub(crate) cost: Cost,
}

impl Seat {
    /// A seat for a strategy. A higher `priority` is heard first.
    #[must_use]
    pub fn new(strategy: Box<dyn Strategy>, priority: i64, granted: BTreeSet<Control>) -> Self {
        Self {
            strategy,
            priority,
            granted,
            rules: BTreeSet::new(),
            holds: BTreeSet::new(),
            set_aside: None,
            cost: Cost::default(),
        }
    }

    /// Who sits here.
    #[must_use]
    pub fn identity(&self) -> &crate::strategy::Identity {
        self.strategy.identity()
    }
}

impl std::fmt::Debug for Seat {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Seat").field("strategy", self.strategy.identity()).finish_non_exhaustive()
    }
}

/// What a strategy has asked for, and what it has cost.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Cost {
    /// Ticks it was called in.
    pub ticks: u64,
    /// Fuel it burnt.
    pub fuel: u64,
    /// Largest linear memory it held, bytes.
    pub memory_bytes: u64,
    /// Wall time spent in it.
    #[serde(skip)]
    pub wall: Duration,
    /// Proposals it made that were accepted as they were.
    pub accepted: u64,
    /// Proposals clamped to a bound.
    pub clamped: u64,
    /// Proposals refused.
    pub refused: u64,
    /// The first refusal or clamp, in words: a hint for the author.
    pub first_objection: Option<String>,
}
