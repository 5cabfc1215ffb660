//! What the strategies of a tick could propose, so that a tick can be held again without the run.
//!
//! A line stands for every tick in which strategies were asked. What it says is left out where the line before it says the
//! same: dials change seldom, and a ledger is long.

use std::collections::BTreeMap;

use host_contract::{Dial, Range, Value};
use serde::{Deserialize, Serialize};

use crate::context::Offer;
use crate::rule_book::RuleKinds;

/// The strategies were asked.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Offered {
    /// The tick.
    pub tick: u64,
    /// What they could propose; none where it is what the record before says.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub offering: Option<Offering>,
    /// What the judge kept from whom; none where it is what the record before says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub withheld: Option<Withheld>,
}

/// Dials that the judge keeps from a strategy, by its name, with the ticks from this one to the first in which it may turn them.
pub type Withheld = BTreeMap<String, BTreeMap<Dial, u64>>;

/// What could be proposed.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Offering {
    /// Every dial that has something behind it in this run.
    pub dials: BTreeMap<Dial, OfferedDial>,
    /// Prefetch rules that a strategy may have installed; none where the run cannot prefetch.
    pub rule_limit: Option<u32>,
    /// Which of them the run takes.
    pub rule_kinds: RuleKinds,
    /// Policies that the shadows follow.
    pub followed: Vec<String>,
    /// Policies that they may follow at once; none where the run has no shadows.
    pub shadow_budget: Option<u32>,
}

/// A dial.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OfferedDial {
    /// The value in force.
    pub value: Value,
    /// What it can take.
    pub range: OfferedRange,
    /// The first tick in which a proposal is not refused as cooling down; none where it was free.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub free_from_tick: Option<u64>,
}

/// What a dial can take.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum OfferedRange {
    /// One of these names.
    Names(Vec<String>),
    /// From the first number to the second.
    Numbers(Value, Value),
}

impl Offering {
    /// What an offer says to every strategy.
    pub(crate) fn of(offer: &Offer) -> Self {
        let dial = |state: &crate::context::DialState| {
            let range = match state.range.as_ref()? {
                Range::Names(names) => OfferedRange::Names(names.listed().to_vec()),
                Range::Count(range) => {
                    OfferedRange::Numbers(Value::Count(*range.start()), Value::Count(*range.end()))
                }
                Range::Ratio(range) => {
                    OfferedRange::Numbers(Value::Ratio(*range.start()), Value::Ratio(*range.end()))
                }
            };
            let free_from_tick = Some(state.free_from_tick).filter(|free| *free > offer.tick);
            Some((state.spec.dial, OfferedDial { value: state.value.clone()?, range, free_from_tick }))
        };
        Self {
            dials: offer.dials.iter().filter_map(dial).collect(),
            rule_limit: offer.rule_limit,
            rule_kinds: offer.rule_kinds,
            followed: offer.followed.clone(),
            shadow_budget: offer.policies.as_ref().map(|_| offer.shadow_budget),
        }
    }
}

/// Notes what of `own`, the offer to one strategy, is kept from it.
pub(crate) fn withhold(withheld: &mut Withheld, strategy: &str, own: &Offer, all: &Offer) {
    for (dial, for_all) in own.dials.iter().zip(&all.dials) {
        if dial.free_from_tick > for_all.free_from_tick && dial.range.is_some() {
            let ticks = dial.free_from_tick.saturating_sub(own.tick);
            withheld.entry(strategy.to_owned()).or_default().insert(dial.spec.dial, ticks);
        }
    }
}
