//! What the seats asked for in one tick, and values and proposals turned into each other.

use std::cell::RefCell;
use std::collections::BTreeMap;

use crate::desk::{Desk, Entry};
use crate::ledger::{Value, Verdict};
use crate::proposal::{Acceptance, Control, Proposal, Refusal};
use crate::seat::Cost;

/// What one seat asked for in this tick.
pub(super) struct Heard {
    pub(super) seat: usize,
    pub(super) entries: Vec<Entry>,
    pub(super) verdicts: RefCell<Vec<Verdict>>,
    /// What it said of each control.
    pub(super) reasons: BTreeMap<Control, String>,
    /// Whether it failed in this tick, so that nothing it asked for counts.
    pub(super) failed: bool,
}

impl Heard {
    /// Notes what the arbiter made of an entry.
    pub(super) fn set(&self, entry: usize, verdict: Verdict) {
        if let Some(place) = self.verdicts.borrow_mut().get_mut(entry) {
            *place = verdict;
        }
    }
}

/// Adds the answers that a strategy got to what it has cost.
pub(super) fn count_answers(cost: &mut Cost, desk: &Desk) {
    for entry in desk.entries() {
        let objection = match &entry.answer {
            Ok(Acceptance::Accepted) => {
                cost.accepted += 1;
                continue;
            }
            Ok(Acceptance::Clamped(to)) => {
                cost.clamped += 1;
                format!("{} clamped to {to}", entry.proposal.control())
            }
            Err(refusal) => {
                cost.refused += 1;
                // Cooling down is the normal course of things and no hint for anybody.
                if matches!(refusal, Refusal::CoolingDown(_)) {
                    continue;
                }
                format!("{} refused: {refusal}", entry.proposal.control())
            }
        };
        cost.first_objection.get_or_insert(objection);
    }
    cost.refused += desk.ignored();
}

/// The value that a proposal asks for; none for rules, which are a set.
pub(super) fn value_of(proposal: &Proposal) -> Option<Value> {
    match proposal {
        Proposal::CachePolicy(name) => Some(Value::Policy(name.clone())),
        Proposal::CacheCapacity(bytes) => Some(Value::Count(*bytes)),
        Proposal::CpuWorkers(n) | Proposal::IoWorkers(n) => Some(Value::Count(u64::from(*n))),
        Proposal::PrefetchBudget(budget) => Some(Value::Budget(*budget)),
        Proposal::InstallRule { .. } | Proposal::WithdrawRule { .. } => None,
    }
}

/// The proposal that asks for a value; none for rules.
pub(super) fn proposal_of(control: Control, value: &Value) -> Option<Proposal> {
    match (control, value) {
        (Control::CachePolicy, Value::Policy(name)) => Some(Proposal::CachePolicy(name.clone())),
        (Control::CacheCapacity, Value::Count(bytes)) => Some(Proposal::CacheCapacity(*bytes)),
        (Control::CpuWorkers, Value::Count(n)) => u32::try_from(*n).ok().map(Proposal::CpuWorkers),
        (Control::IoWorkers, Value::Count(n)) => u32::try_from(*n).ok().map(Proposal::IoWorkers),
        (Control::PrefetchBudget, Value::Budget(budget)) => Some(Proposal::PrefetchBudget(*budget)),
        _ => None,
    }
}
