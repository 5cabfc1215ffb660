//! Rules as data, and the set of them that is in force.
//!
//! A set is never changed: installing makes a new one and swaps it in, so an access reads without waiting
//! for whoever installs. That costs a copy of the set per change, and changes come once a tick.

use std::collections::BTreeMap;
use std::sync::Arc;

use hashbrown::HashMap;
use thiserror::Error;

use crate::gate::{Family, Gate, Phase, Place};
use crate::stats::Record;

/// The farthest a sequential rule may stay ahead.
pub const MOST_DEPTH: u32 = 64;
/// The most targets of an association.
pub const MOST_TARGETS: usize = 16;

/// What to load, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rule {
    /// After at least three keys in a row at this distance, load the next ones.
    Sequential {
        /// Distance from one key to the next. Not 0.
        stride: i64,
        /// How many keys to stay ahead. 1 to [`MOST_DEPTH`].
        depth: u32,
    },
    /// After a key, load others.
    Association {
        /// The key that triggers the rule.
        key: u64,
        /// What to load, in order. 1 to [`MOST_TARGETS`] keys. The key itself among them is passed over.
        targets: Vec<u64>,
    },
    /// Finds keys at an equal distance by itself, whichever it is, and loads the next ones. Only where keys keep an order.
    Stream {
        /// How many keys to stay ahead. 1 to [`MOST_DEPTH`].
        depth: u32,
    },
    /// After a key, load those that missed together with it before, as the host mines them at each miss.
    Mined,
    /// After a key that came before, load what came after it then.
    Replay {
        /// How many keys to stay ahead. 1 to [`MOST_DEPTH`].
        depth: u32,
    },
}

/// What installing a rule did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Installed {
    /// There was no rule of that id.
    New,
    /// The rule of that id was replaced; its counts start again.
    Replaced,
    /// The same rule was in force already, and goes on with its counts.
    Unchanged,
}

/// A rule was refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RuleError {
    /// A sequential rule with stride 0 would load the key just asked for.
    #[error("rule {id}: the stride of a sequential rule is 0, expected any other distance")]
    ZeroStride {
        /// The rule's id.
        id: u32,
    },
    /// Depth out of range.
    #[error("rule {id}: its depth is {depth}, expected 1 to {MOST_DEPTH}")]
    Depth {
        /// The rule's id.
        id: u32,
        /// What it asked for.
        depth: u32,
    },
    /// Number of targets out of range.
    #[error("rule {id}: an association has {targets} targets, expected 1 to {MOST_TARGETS}")]
    Targets {
        /// The rule's id.
        id: u32,
        /// How many it named.
        targets: usize,
    },
    /// The owner has as many rules as it may have.
    #[error("rule {id}: all of the {most} rules a strategy may have are in use: withdraw one first")]
    TooMany {
        /// The rule's id.
        id: u32,
        /// Most rules an owner may have.
        most: usize,
    },
    /// There is no such rule.
    #[error("rule {id}: no rule of this id is installed")]
    Unknown {
        /// The id that was named.
        id: u32,
    },
}

/// What the rules of one family have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Sequential,
    Association,
    Stream,
    Mined,
    Replay,
}

impl Rule {
    pub(crate) fn kind(&self) -> Kind {
        match self {
            Self::Sequential { .. } => Kind::Sequential,
            Self::Association { .. } => Kind::Association,
            Self::Stream { .. } => Kind::Stream,
            Self::Mined => Kind::Mined,
            Self::Replay { .. } => Kind::Replay,
        }
    }

    pub(crate) fn check(&self, id: u32) -> Result<(), RuleError> {
        match self {
            Self::Sequential { stride: 0, .. } => Err(RuleError::ZeroStride { id }),
            Self::Sequential { depth, .. } | Self::Stream { depth } | Self::Replay { depth }
                if !(1..=MOST_DEPTH).contains(depth) =>
            {
                Err(RuleError::Depth { id, depth: *depth })
            }
            Self::Association { targets, .. } if !(1..=MOST_TARGETS).contains(&targets.len()) => {
                Err(RuleError::Targets { id, targets: targets.len() })
            }
            _ => Ok(()),
        }
    }
}

/// Owner and id: orders rules, in statistics and where several ask for the last of the budget.
pub(crate) type RuleKey = (u32, u32);

/// A rule in force.
#[derive(Debug, Clone)]
pub(crate) struct InForce {
    pub(crate) rule: Arc<Rule>,
    pub(crate) record: Arc<Record>,
    /// What the rules of this kind and owner have shown together.
    pub(crate) family: Arc<Family>,
}

impl InForce {
    /// Whether the rule may have another key open at this place.
    pub(crate) fn dares(&self, place: Place) -> bool {
        self.record.gate.as_ref().is_none_or(Gate::dares) && self.family.gate(place).dares()
    }

    /// A trigger at this place: what the gates let through.
    pub(crate) fn trigger(&self, place: Place) -> Phase {
        let own = self.record.gate.as_ref().map_or(Phase::Live, Gate::trigger);
        if own == Phase::Rest { own } else { own.min(self.family.trigger(place)) }
    }

    /// Whether the rule is kept from loading.
    pub(crate) fn is_resting(&self) -> bool {
        self.record.gate.as_ref().map_or_else(|| self.family.is_resting(), Gate::is_resting)
    }
}

/// All rules in force, arranged for look-up at an access.
#[derive(Debug, Default)]
pub(crate) struct RuleSet {
    /// Grows with each change.
    pub(crate) version: u64,
    pub(crate) rules: BTreeMap<RuleKey, InForce>,
    /// The rules of each stride with their depth, so that a run is followed once for all of them.
    pub(crate) strides: BTreeMap<i64, Vec<(RuleKey, u32)>>,
    /// The rules that find their stride, with their depth.
    pub(crate) streams: Vec<(RuleKey, u32)>,
    /// The rules that mine associations.
    pub(crate) mined: Vec<RuleKey>,
    /// The rules that follow what came before, with their depth.
    pub(crate) replays: Vec<(RuleKey, u32)>,
    associations: HashMap<u64, Vec<RuleKey>>,
}

impl RuleSet {
    pub(crate) fn new(version: u64, rules: BTreeMap<RuleKey, InForce>) -> Self {
        let mut set = Self { version, rules, ..Self::default() };
        for (&key, in_force) in &set.rules {
            match &*in_force.rule {
                Rule::Sequential { stride, depth } => {
                    set.strides.entry(*stride).or_default().push((key, *depth));
                }
                Rule::Stream { depth } => set.streams.push((key, *depth)),
                Rule::Mined => set.mined.push(key),
                Rule::Replay { depth } => set.replays.push((key, *depth)),
                Rule::Association { key: trigger, .. } => {
                    set.associations.entry(*trigger).or_default().push(key);
                }
            }
        }
        set
    }

    /// Whether there is a rule that goes by the order of accesses.
    pub(crate) fn follows_order(&self) -> bool {
        !(self.strides.is_empty()
            && self.streams.is_empty()
            && self.mined.is_empty()
            && self.replays.is_empty())
    }

    /// Associations that an access to `key` triggers.
    pub(crate) fn triggered(&self, key: u64) -> &[RuleKey] {
        self.associations.get(&key).map_or(&[], Vec::as_slice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_say_what_was_expected() {
        let text = |rule: Rule| rule.check(7).unwrap_err().to_string();
        assert_eq!(
            text(Rule::Sequential { stride: 0, depth: 1 }),
            "rule 7: the stride of a sequential rule is 0, expected any other distance"
        );
        assert_eq!(
            text(Rule::Sequential { stride: 1, depth: 65 }),
            "rule 7: its depth is 65, expected 1 to 64"
        );
        assert_eq!(
            text(Rule::Association { key: 1, targets: vec![] }),
            "rule 7: an association has 0 targets, expected 1 to 16"
        );
        assert_eq!(
            RuleError::TooMany { id: 7, most: 4 }.to_string(),
            "rule 7: all of the 4 rules a strategy may have are in use: withdraw one first"
        );
        assert_eq!(RuleError::Unknown { id: 7 }.to_string(), "rule 7: no rule of this id is installed");
    }
}
