//! What the rules in force ask for at an access, with how sure each is: associations by their key, the others by what they
//! find in the order of the accesses.

use std::collections::BTreeMap;

use crate::mined::{Associated, Mined};
use crate::replay::{Expected, Replay};
use crate::rule::{Rule, RuleKey, RuleSet};
use crate::runs::Runs;
use crate::streams::Streams;

/// Keys in a row that make a run: two may be chance.
const RUN: u32 = 3;

/// A key that a rule asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) rule: RuleKey,
    pub(crate) target: u64,
    /// How often the rule was right in a row, as far as it knows.
    pub(crate) confidence: u32,
    /// How many keys ahead, at least 1.
    pub(crate) distance: u32,
}

/// What is remembered of the accesses. Empty where no rule needs it.
#[derive(Debug, Default)]
pub(crate) struct Finders {
    /// By stride.
    runs: BTreeMap<i64, Runs>,
    streams: Option<Streams>,
    mined: Option<Box<Mined>>,
    replay: Option<Box<Replay>>,
    /// Version of the rules that the tables were last cleaned for.
    version: u64,
    /// Kept for their memory.
    expected: Vec<Expected>,
    associated: Vec<Associated>,
}

impl Finders {
    /// Notes an access that missed or not, and adds what the rules that follow the order of accesses want.
    pub(crate) fn follow(&mut self, rules: &RuleSet, key: u64, missed: bool, wanted: &mut Vec<Wanted>) {
        if self.version < rules.version {
            self.version = rules.version;
            self.runs.retain(|stride, _| rules.strides.contains_key(stride));
            self.streams = self.streams.take().filter(|_| !rules.streams.is_empty());
            self.mined = self.mined.take().filter(|_| !rules.mined.is_empty());
            self.replay = self.replay.take().filter(|_| !rules.replays.is_empty());
        }
        for (&stride, of_stride) in &rules.strides {
            let runs = self.runs.entry(stride).or_insert_with(Runs::new);
            let length = runs.access(key, key.checked_add_signed(stride));
            if length >= RUN {
                for (rule, depth) in of_stride {
                    ahead(*rule, key, stride, *depth, length - RUN, wanted);
                }
            }
        }
        if !rules.streams.is_empty()
            && let Some(found) = self.streams.get_or_insert_default().access(key)
        {
            for (rule, depth) in &rules.streams {
                // A guess reaches no farther than its next key.
                let depth = if found.length < RUN { 1 } else { *depth };
                ahead(*rule, key, found.stride, depth, found.length - 1, wanted);
            }
        }
        if !rules.mined.is_empty() {
            self.associated.clear();
            self.mined.get_or_insert_default().access(key, missed, &mut self.associated);
            for rule in &rules.mined {
                wanted.extend((1..).zip(&self.associated).map(|(distance, associated)| Wanted {
                    rule: *rule,
                    target: associated.key,
                    // A level is a step of confidence.
                    confidence: (1 << associated.level) - 1,
                    distance,
                }));
            }
        }
        if let Some(deepest) = rules.replays.iter().map(|(_, depth)| *depth).max() {
            self.expected.clear();
            self.replay.get_or_insert_default().access(key, deepest, &mut self.expected);
            for (rule, depth) in &rules.replays {
                let within = self.expected.iter().filter(|expected| expected.distance <= *depth);
                wanted.extend(within.map(|expected| Wanted {
                    rule: *rule,
                    target: expected.key,
                    confidence: expected.trust,
                    distance: expected.distance,
                }));
            }
        }
    }
}

/// What the associations of a key want, in the order of their targets.
pub(crate) fn associated(rules: &RuleSet, key: u64, wanted: &mut Vec<Wanted>) {
    for rule in rules.triggered(key) {
        let Some(Rule::Association { targets, .. }) = rules.rules.get(rule).map(|in_force| &*in_force.rule)
        else {
            continue;
        };
        let others = (1_u32..).zip(targets.iter().filter(|target| **target != key));
        let want = |(distance, target): (u32, &u64)| Wanted {
            rule: *rule,
            target: *target,
            confidence: 0,
            distance,
        };
        wanted.extend(others.map(want));
    }
}

/// The next keys at a distance, nearest first, up to the edge of the number range.
fn ahead(rule: RuleKey, key: u64, stride: i64, depth: u32, confidence: u32, wanted: &mut Vec<Wanted>) {
    wanted.extend((1..=depth).map_while(|distance| {
        let target = key.checked_add_signed(stride.checked_mul(i64::from(distance))?)?;
        Some(Wanted { rule, target, confidence, distance })
    }));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_stops_at_the_edge_of_the_number_range() {
        let targets = |stride, depth, key| -> Vec<u64> {
            let mut wanted = Vec::new();
            ahead((0, 0), key, stride, depth, 0, &mut wanted);
            wanted.into_iter().map(|wanted| wanted.target).collect()
        };
        assert_eq!(targets(1, 3, 10), [11, 12, 13]);
        assert_eq!(targets(-4, 3, 10), [6, 2]);
        assert_eq!(targets(1, 3, u64::MAX - 1), [u64::MAX]);
        assert_eq!(targets(i64::MAX, 4, 0), [i64::MAX.unsigned_abs()]);
        assert!(targets(i64::MIN, 4, 7).is_empty());
    }
}
