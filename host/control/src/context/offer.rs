//! What is offered to a strategy in one tick.

use host_contract::{Dial, DialSpec, Names, Range, Value};

use crate::rule_book::RuleKinds;

/// How many proposals of one strategy in one tick the host listens to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hearing {
    /// The most.
    pub most: u32,
    /// The key of the profile that gives more.
    pub key: String,
}

impl Default for Hearing {
    /// That of a profile that says nothing else: 256.
    fn default() -> Self {
        Self { most: 256, key: "limits.proposals".to_owned() }
    }
}

/// A dial in one tick.
#[derive(Debug, Clone, PartialEq)]
pub struct DialState {
    /// Its row.
    pub spec: DialSpec,
    /// What it can take; none where nothing is behind it in this run.
    pub range: Option<Range>,
    /// The value in force; none where nothing is behind it in this run.
    pub value: Option<Value>,
    /// The first tick in which a proposal is not refused as cooling down.
    pub free_from_tick: u64,
}

/// What can be proposed in one tick, by whomever.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Offer {
    /// The tick.
    pub tick: u64,
    /// Every dial, in the order in which decisions are applied.
    pub dials: Vec<DialState>,
    /// Prefetch rules that a strategy may have installed; none where the run cannot prefetch.
    pub rule_limit: Option<u32>,
    /// Which of them the run takes.
    pub rule_kinds: RuleKinds,
    /// Policies that the shadows follow.
    pub followed: Vec<String>,
    /// Policies that they can follow; none where the run has no shadows.
    pub policies: Option<Names>,
    /// Policies that they may follow at once; 0 where the run has no shadows.
    pub shadow_budget: u32,
}

impl Offer {
    /// The value in force of a dial; none where nothing is behind it in this run.
    pub(crate) fn value(&self, dial: Dial) -> Option<&Value> {
        self.find(dial.name())?.value.as_ref()
    }

    pub(super) fn find(&self, dial: &str) -> Option<&DialState> {
        self.dials.iter().find(|state| state.spec.dial.name() == dial)
    }
}
