//! Events that are no record of their own, and follow from what the ledger has.

use std::collections::BTreeSet;

use host_contract::number::ratio;
use host_contract::snapshot::System;
use host_control::ledger::Record;
use serde::Serialize;

use super::Kind;

/// Share of the memory that this process may use from which on a warning is given, and the one below which the next is due.
const WARN: f64 = 0.9;
const CALM: f64 = 0.85;

/// What follows from a record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub(super) enum Found {
    /// The memory that the process may use is nearly used up.
    MemoryWarning {
        /// The tick.
        tick: u64,
        /// Bytes in use.
        used_bytes: u64,
        /// Bytes that may be used.
        limit_bytes: u64,
    },
    /// Every decision so far was judged: nothing is being tried.
    OptimizationComplete {
        /// The tick.
        tick: u64,
        /// Decisions that were judged since the last time.
        decisions: u64,
    },
}

impl Found {
    pub(super) fn kind(&self) -> Kind {
        match self {
            Self::MemoryWarning { .. } => Kind::MemoryWarning,
            Self::OptimizationComplete { .. } => Kind::OptimizationComplete,
        }
    }
}

/// What was seen so far.
#[derive(Debug, Default)]
pub(super) struct Derived {
    /// Decisions that were not judged yet.
    open: BTreeSet<u64>,
    judged: u64,
    warned: bool,
}

impl Derived {
    /// What follows from a record.
    pub(super) fn from(&mut self, record: &Record) -> Option<Found> {
        match record {
            Record::Decision(decision) => {
                self.open.insert(decision.id);
                None
            }
            Record::Rules(rules) => {
                self.open.insert(rules.id);
                None
            }
            Record::Effect(effect) => {
                if !self.open.remove(&effect.decision) {
                    return None;
                }
                self.judged += 1;
                self.open.is_empty().then(|| Found::OptimizationComplete {
                    tick: effect.tick,
                    decisions: std::mem::take(&mut self.judged),
                })
            }
            Record::Tick(snapshot) => self.memory(snapshot.tick, &snapshot.system),
            _ => None,
        }
    }

    fn memory(&mut self, tick: u64, system: &System) -> Option<Found> {
        let System { memory_used_bytes: used_bytes, memory_limit_bytes: limit_bytes, .. } = *system;
        let share = ratio(used_bytes, limit_bytes)?;
        let warn = !self.warned && share >= WARN;
        self.warned = share >= WARN || (self.warned && share >= CALM);
        warn.then_some(Found::MemoryWarning { tick, used_bytes, limit_bytes })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_warning_is_given_once_until_there_is_room_again() {
        let mut derived = Derived::default();
        let warned = [50, 90, 95, 86, 91, 84, 90].map(|memory_used_bytes| {
            let system = System { memory_used_bytes, memory_limit_bytes: 100, ..System::default() };
            derived.memory(1, &system).is_some()
        });
        assert_eq!(warned, [false, true, false, false, false, false, true]);
        // A machine that does not tell its memory.
        assert_eq!(derived.memory(1, &System::default()), None);
    }
}
