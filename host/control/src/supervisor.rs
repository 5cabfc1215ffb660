//! Whether a strategy that failed is started again, and when.
//!
//! A state machine for one strategy, in ticks alone, so that a run in virtual time takes the same course twice. Pure: it
//! starts nothing. The loop asks it before each call what to do ([`Supervisor::turn`]), does it, and tells how that ended.
//!
//! ```text
//!              a tick ended well                   it failed
//! loading ───────────────────────▶ active ──────────────────────┐
//!    │ ▲                                                         ▼
//!    │ └───────────────── the rest is over ──────────────── backing off ◀─┐
//!    │                                                                    │
//!    └── it failed: a restart is left ─────────────────────────────────────┘
//!        it failed: none is left ─▶ quarantined           the operator says so, from any state ─▶ retired
//!
//! backing off, quarantined ── the operator resets it: started again at once, with a full budget ──▶ loading
//! ```
//!
//! Each restart takes one from a budget, and enough ticks that end well give one back. How long a strategy rests follows
//! from how much of the budget is spent, so that one that fails once in a long while is back soon, however often it did.

use serde::Serialize;

/// The shortest rest. What made a strategy fail is often in the figures that it saw: after some ticks it sees others. Longer,
/// and a strategy that fails once would be missed for a good part of a short run.
pub const FIRST_REST_TICKS: u64 = 4;

/// The longest rest without its jitter: some 16 seconds at the profile's tick. Longer rests would save next to nothing,
/// since one that is started again and fails takes no more than a tick's limits.
pub const LONGEST_REST_TICKS: u64 = 64;

/// Restarts in the budget: one for each rest from the shortest to the longest, and one more after the longest. What is not
/// over by then is taken to be the strategy's own fault.
pub const RESTARTS: u32 = 6;

/// Ticks that have to end well, one after the other, to give a restart back. As many as the longest rest: a strategy that
/// goes on failing cannot work for less time than it rests, and keep its place.
pub const HEALTHY_TICKS: u64 = 64;

/// A rest is longer by up to its length over this, at random: strategies that failed of one cause are not all started in
/// the same tick, to fail of it together.
const JITTER: u64 = 2;

/// Where a strategy stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum State {
    /// It was started, for the first time or again, and no tick of it has ended yet.
    Loading,
    /// Its last tick ended well.
    Active,
    /// It failed, and is started again.
    BackingOff {
        /// The tick in which it is.
        until: u64,
    },
    /// It failed with its budget spent, or could not be started at all: it takes no further part in the run.
    Quarantined,
    /// The operator took it out.
    Retired,
}

impl State {
    /// The name in reports and on the ledger.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Loading => "loading",
            Self::Active => "active",
            Self::BackingOff { .. } => "backing-off",
            Self::Quarantined => "quarantined",
            Self::Retired => "retired",
        }
    }

    /// Whether the strategy is called. What it asked for stands only while it is.
    #[must_use]
    pub fn takes_part(self) -> bool {
        matches!(self, Self::Loading | Self::Active)
    }
}

/// What to do with a strategy in a tick.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// Call it.
    Call,
    /// Start it again in a fresh store, then call it.
    Restart,
    /// Leave it alone.
    Rest,
}

/// What follows from a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sentence {
    /// It rests and is started again.
    BackOff {
        /// How long it rests, ticks.
        ticks: u64,
        /// The tick in which it is started again.
        until: u64,
    },
    /// It takes no further part.
    Quarantine,
}

/// What follows when the operator resets a strategy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reset {
    /// It is to be started again in a fresh store, now. That counts as a restart, and none is taken from the budget.
    Restart,
    /// It takes part and goes on; its budget is full again.
    Refill,
    /// It was taken out, and stays out.
    Refuse,
}

/// Supervises one strategy.
#[derive(Debug, Clone)]
pub struct Supervisor {
    state: State,
    /// Of the budget, restarts spent and not given back.
    spent: u32,
    /// Ticks that ended well since the last failure, or since a restart was given back.
    healthy: u64,
    restarts: u64,
    failures: u64,
}

impl Default for Supervisor {
    fn default() -> Self {
        Self::new()
    }
}

impl Supervisor {
    /// Of a strategy that was started and not called yet.
    #[must_use]
    pub fn new() -> Self {
        Self { state: State::Loading, spent: 0, healthy: 0, restarts: 0, failures: 0 }
    }

    /// Where the strategy stands.
    #[must_use]
    pub fn state(&self) -> State {
        self.state
    }

    /// Restarts so far.
    #[must_use]
    pub fn restarts(&self) -> u64 {
        self.restarts
    }

    /// Failures so far.
    #[must_use]
    pub fn failures(&self) -> u64 {
        self.failures
    }

    /// Restarts left in the budget, 0 to [`RESTARTS`].
    #[must_use]
    pub fn restarts_left(&self) -> u32 {
        RESTARTS.saturating_sub(self.spent)
    }

    /// What to do in this tick. A restart counts from here on, whether it succeeds or not.
    pub fn turn(&mut self, tick: u64) -> Turn {
        match self.state {
            State::Loading | State::Active => Turn::Call,
            State::BackingOff { until } if tick >= until => {
                self.state = State::Loading;
                self.spent = self.spent.saturating_add(1);
                self.restarts = self.restarts.saturating_add(1);
                Turn::Restart
            }
            State::BackingOff { .. } | State::Quarantined | State::Retired => Turn::Rest,
        }
    }

    /// A tick of it ended well.
    pub fn ended_well(&mut self) {
        if !self.state.takes_part() {
            return;
        }
        self.state = State::Active;
        self.healthy = self.healthy.saturating_add(1);
        if self.healthy >= HEALTHY_TICKS {
            self.healthy = 0;
            self.spent = self.spent.saturating_sub(1);
        }
    }

    /// It failed in this tick, or could not be started again. All chance comes from `chance`. None where it takes no part,
    /// so that nothing follows.
    pub fn failed(&mut self, tick: u64, chance: u64) -> Option<Sentence> {
        if !self.state.takes_part() {
            return None;
        }
        self.healthy = 0;
        self.failures = self.failures.saturating_add(1);
        if self.spent >= RESTARTS {
            self.state = State::Quarantined;
            return Some(Sentence::Quarantine);
        }
        let ticks = rest(self.spent, chance);
        let until = tick.saturating_add(ticks);
        self.state = State::BackingOff { until };
        Some(Sentence::BackOff { ticks, until })
    }

    /// The operator gives it a full budget, and back its place where it does not take part.
    pub fn reset(&mut self) -> Reset {
        if self.state == State::Retired {
            return Reset::Refuse;
        }
        (self.spent, self.healthy) = (0, 0);
        if self.state.takes_part() {
            return Reset::Refill;
        }
        self.start_over();
        Reset::Restart
    }

    /// The operator has it started again, in a fresh store, whether it takes part or not. None is taken from the budget.
    pub fn start_over(&mut self) {
        if self.state != State::Retired {
            self.state = State::Loading;
            self.restarts = self.restarts.saturating_add(1);
        }
    }

    /// The operator takes it out. False where that was done before.
    pub fn retire(&mut self) -> bool {
        let news = self.state != State::Retired;
        self.state = State::Retired;
        news
    }
}

/// How long a strategy rests that has spent so many restarts, ticks.
fn rest(spent: u32, chance: u64) -> u64 {
    let doubled = 1_u64.checked_shl(spent).and_then(|factor| FIRST_REST_TICKS.checked_mul(factor));
    let ticks = doubled.unwrap_or(LONGEST_REST_TICKS).min(LONGEST_REST_TICKS);
    ticks + chance % (ticks / JITTER + 1)
}

#[cfg(test)]
mod tests;
