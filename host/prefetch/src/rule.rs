//! Rules as data, and the set of them that is in force.
//!
//! A set is never changed: installing makes a new one and swaps it in, so an access reads without waiting
//! for whoever installs. That costs a copy of the set per change, and changes come once a tick.

use std::collections::BTreeMap;
use std::sync::Arc;

use hashbrown::HashMap;
use thiserror::Error;

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
    #[error("rule {id}: the depth of a sequential rule is {depth}, expected 1 to {MOST_DEPTH}")]
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

impl Rule {
    pub(crate) fn check(&self, id: u32) -> Result<(), RuleError> {
        match self {
            Self::Sequential { stride: 0, .. } => Err(RuleError::ZeroStride { id }),
            Self::Sequential { depth, .. } if !(1..=MOST_DEPTH).contains(depth) => {
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
}

/// All rules in force, arranged for look-up at an access.
#[derive(Debug, Default)]
pub(crate) struct RuleSet {
    /// Grows with each change.
    pub(crate) version: u64,
    pub(crate) rules: BTreeMap<RuleKey, InForce>,
    /// The rules of each stride, so that a run is followed once for all of them.
    pub(crate) strides: BTreeMap<i64, Vec<RuleKey>>,
    associations: HashMap<u64, Vec<RuleKey>>,
}

impl RuleSet {
    pub(crate) fn new(version: u64, rules: BTreeMap<RuleKey, InForce>) -> Self {
        let mut set = Self { version, rules, ..Self::default() };
        for (&key, in_force) in &set.rules {
            match &*in_force.rule {
                Rule::Sequential { stride, .. } => set.strides.entry(*stride).or_default().push(key),
                Rule::Association { key: trigger, .. } => {
                    set.associations.entry(*trigger).or_default().push(key);
                }
            }
        }
        set
    }

    /// Associations that an access to `key` triggers.
    pub(crate) fn triggered(&self, key: u64) -> &[RuleKey] {
        self.associations.get(&key).map_or(&[], Vec::as_slice)
    }

    /// What a rule that applies at `key` asks for, nearest first, up to the edge of the number range.
    pub(crate) fn wanted(rule: &Rule, key: u64) -> impl Iterator<Item = u64> + '_ {
        let (ahead, targets) = match rule {
            Rule::Sequential { stride, depth } => (Some((*stride, *depth)), &[][..]),
            Rule::Association { targets, .. } => (None, targets.as_slice()),
        };
        let ahead = ahead.into_iter().flat_map(move |(stride, depth)| {
            (1..=i64::from(depth)).map_while(move |n| key.checked_add_signed(stride.checked_mul(n)?))
        });
        ahead.chain(targets.iter().copied().filter(move |&target| target != key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_stops_at_the_edge_of_the_number_range() {
        let wanted = |stride, depth, key| -> Vec<u64> {
            RuleSet::wanted(&Rule::Sequential { stride, depth }, key).collect()
        };
        assert_eq!(wanted(1, 3, 10), [11, 12, 13]);
        assert_eq!(wanted(-4, 3, 10), [6, 2]);
        assert_eq!(wanted(1, 3, u64::MAX - 1), [u64::MAX]);
        assert_eq!(wanted(i64::MAX, 4, 0), [i64::MAX.unsigned_abs()]);
        assert!(wanted(i64::MIN, 4, 7).is_empty());
    }

    #[test]
    fn refusals_say_what_was_expected() {
        let text = |rule: Rule| rule.check(7).unwrap_err().to_string();
        assert_eq!(
            text(Rule::Sequential { stride: 0, depth: 1 }),
            "rule 7: the stride of a sequential rule is 0, expected any other distance"
        );
        assert_eq!(
            text(Rule::Sequential { stride: 1, depth: 65 }),
            "rule 7: the depth of a sequential rule is 65, expected 1 to 64"
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
