//! What the rules in force ask for at an access, with how sure each is: associations by their key, the others by what they
//! find in the order of the accesses. What a gate does not let through is not even listed.
//!
//! A rule that stays ahead of a stream asks for all keys up to its depth as it begins, and again where it leaves one out or
//! becomes surer by a step. While it goes on by one key, it has asked for all but the farthest before: so it asks for that one, or
//! where the gate of its distance is not live for the farthest one of the next nearer step, too. All steps are asked for where the
//! budget was short a moment ago, and all keys right after some were held back. The request's path is the reason: with 64 IO workers
//! over the trace sprite, `host run` took 0.37 s longer than the 0.94 s without prefetching where each arrival looked through all 16
//! keys, 0.16 s so, and 0.06 s since the tables are laid out for that look (medians of five runs in turns with
//! `--set executor.io-workers=64`, `cache-policy` and `worker-sizing` off).

use std::collections::BTreeMap;

use smallvec::SmallVec;

use crate::gate::{Phase, Place};
use crate::mined::{Mined, REACH};
use crate::replay::Replay;
use crate::rule::{InForce, Rule, RuleKey, RuleSet};
use crate::runs::Runs;
use crate::streams::Streams;

/// Keys in a row that make a run: two may be chance.
const RUN: u32 = 3;

/// A key that a rule asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) rule: RuleKey,
    pub(crate) target: u64,
    /// How many keys ahead, at least 1.
    pub(crate) distance: u32,
    pub(crate) place: Place,
    /// Live, or on trial.
    pub(crate) phase: Phase,
}

/// An access, and the list of what rules want after it.
#[derive(Debug)]
pub(crate) struct Asked<'a> {
    pub(crate) rules: &'a RuleSet,
    pub(crate) key: u64,
    /// A prefetch serves it: it would have missed.
    pub(crate) served: bool,
    /// The farthest that a rule may ask for.
    pub(crate) deepest: u32,
    /// Whether the budget was short.
    pub(crate) short: bool,
    /// Whether keys were held back that this access may ask for again.
    pub(crate) again: bool,
    /// Whether gates are asked.
    pub(crate) measured: bool,
    /// Seldom more than fits without an allocation.
    pub(crate) wanted: SmallVec<[Wanted; 8]>,
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
}

impl Finders {
    /// Notes an access and lists what the rules that follow the order of accesses want.
    pub(crate) fn follow(&mut self, asked: &mut Asked<'_>) {
        let (rules, key) = (asked.rules, asked.key);
        self.clean(rules);
        for (&stride, of_stride) in &rules.strides {
            let runs = self.runs.entry(stride).or_insert_with(Runs::new);
            let length = runs.access(key, key.checked_add_signed(stride));
            let Some(confidence) = length.checked_sub(RUN) else { continue };
            for (rule, depth) in of_stride {
                asked.ahead(*rule, *depth, (confidence, !is_step(confidence)), strides(key, stride));
            }
        }
        if !rules.streams.is_empty()
            && let Some(found) = self.streams.get_or_insert_default().access(key)
        {
            let confidence = found.length - 1;
            let steady = found.next && !is_step(confidence);
            for (rule, depth) in &rules.streams {
                // A guess reaches no farther than its next key.
                let depth = if found.length < RUN { 1 } else { *depth };
                asked.ahead(*rule, depth, (confidence, steady), strides(key, found.stride));
            }
        }
        if !rules.mined.is_empty() {
            let mined = self.mined.get_or_insert_default();
            if asked.served {
                mined.missed(key);
            }
            // What comes within reach has to wait for so long.
            let room = asked.deepest >= REACH / 2;
            for rule in rules.mined.iter().filter(|_| room) {
                for (distance, associated) in (1..).zip(mined.associated(key)) {
                    // A level is a step of confidence.
                    asked.one(*rule, associated.key, (1 << associated.level) - 1, distance);
                }
            }
        }
        if !rules.replays.is_empty() {
            let replay = self.replay.get_or_insert_default();
            if let Some(led) = replay.access(key) {
                let target = |distance| replay.expected(led, distance).filter(|target| *target != key);
                for (rule, depth) in &rules.replays {
                    asked.ahead(*rule, *depth, (led.trust, led.steady), target);
                }
            }
        }
    }

    /// Notes that a request missed.
    pub(crate) fn missed(&mut self, key: u64) {
        self.mined.get_or_insert_default().missed(key);
    }

    /// Forgets what no rule needs any more.
    fn clean(&mut self, rules: &RuleSet) {
        if self.version < rules.version {
            self.version = rules.version;
            self.runs.retain(|stride, _| rules.strides.contains_key(stride));
            self.streams = self.streams.take().filter(|_| !rules.streams.is_empty());
            self.mined = self.mined.take().filter(|_| !rules.mined.is_empty());
            self.replay = self.replay.take().filter(|_| !rules.replays.is_empty());
        }
    }
}

impl Asked<'_> {
    /// Lists what the associations of the key want, in the order of their targets.
    pub(crate) fn associated(&mut self) {
        let (rules, key) = (self.rules, self.key);
        for rule in rules.triggered(key) {
            if let Some(Rule::Association { targets, .. }) = rules.rules.get(rule).map(|of| &*of.rule) {
                for (distance, target) in (1..).zip(targets.iter().filter(|target| **target != key)) {
                    self.one(*rule, *target, 0, distance);
                }
            }
        }
    }

    fn one(&mut self, rule: RuleKey, target: u64, confidence: u32, distance: u32) {
        let Some(in_force) = self.rules.rules.get(&rule).filter(|_| distance <= self.deepest) else { return };
        let place = Place::new(confidence, distance);
        let phase = self.phase(in_force, place);
        if phase != Phase::Rest {
            self.wanted.push(Wanted { rule, target, distance, place, phase });
        }
    }

    /// Lists what a rule wants of the keys up to so many ahead: all of them, or where it is steady what it did not ask for before.
    fn ahead(
        &mut self,
        rule: RuleKey,
        depth: u32,
        (confidence, steady): (u32, bool),
        target: impl Fn(u32) -> Option<u64>,
    ) {
        let Some(in_force) = self.rules.rules.get(&rule) else { return };
        let steady = steady && !self.again;
        let mut farthest = depth.min(self.deepest);
        while farthest > 0 {
            let nearest = 1 << farthest.ilog2();
            let place = Place::new(confidence, farthest);
            let phase = self.phase(in_force, place);
            if phase != Phase::Rest {
                let first = if steady { farthest } else { nearest };
                self.wanted.extend((first..=farthest).filter_map(|distance| {
                    let target = target(distance)?;
                    Some(Wanted { rule, target, distance, place, phase })
                }));
                if steady && !self.short && phase == Phase::Live {
                    return;
                }
            }
            farthest = nearest - 1;
        }
    }

    /// What the gates of a rule and of the place let through.
    fn phase(&self, in_force: &InForce, place: Place) -> Phase {
        if self.measured { in_force.trigger(place) } else { Phase::Live }
    }
}

/// Whether a rule that was right so often in a row is now surer by a step (see [`crate::gate::Place`]).
pub(crate) fn is_step(confidence: u32) -> bool {
    confidence.saturating_add(1).is_power_of_two()
}

/// The keys at a distance from one, up to the edge of the number range.
fn strides(key: u64, stride: i64) -> impl Fn(u32) -> Option<u64> {
    move |distance| key.checked_add_signed(stride.checked_mul(i64::from(distance))?)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::gate::{ASKED, Family, UNASKED};
    use crate::rule::Kind;
    use crate::stats::Record;

    fn set(depth: u32) -> RuleSet {
        let (record, family) = (Arc::new(Record::new(Kind::Replay)), Arc::new(Family::new()));
        let in_force = InForce { rule: Arc::new(Rule::Replay { depth }), record, family };
        RuleSet::new(1, BTreeMap::from([((0, 0), in_force)]))
    }

    fn asked(rules: &RuleSet, measured: bool) -> Asked<'_> {
        let wanted = SmallVec::new();
        Asked { rules, key: 0, served: false, deepest: 64, short: false, again: false, measured, wanted }
    }

    fn targets(depth: u32, key: u64, stride: i64) -> Vec<u64> {
        let set = set(depth);
        let mut asked = asked(&set, false);
        asked.ahead((0, 0), depth, (0, false), strides(key, stride));
        asked.wanted.sort_by_key(|wanted| wanted.distance);
        asked.wanted.iter().map(|wanted| wanted.target).collect()
    }

    #[test]
    fn a_run_stops_at_the_edge_of_the_number_range() {
        assert_eq!(targets(3, 10, 1), [11, 12, 13]);
        assert_eq!(targets(3, 10, -4), [6, 2]);
        assert_eq!(targets(3, u64::MAX - 1, 1), [u64::MAX]);
        assert_eq!(targets(4, 0, i64::MAX), [i64::MAX.unsigned_abs()]);
        assert!(targets(4, 7, i64::MIN).is_empty());
    }

    #[test]
    fn a_steady_rule_asks_for_the_farthest_key_that_a_gate_lets_through() {
        let set = set(16);
        let [in_force] = set.rules.values().collect::<Vec<_>>()[..] else { panic!("one rule") };
        let score = |distance, score| {
            (0..8).for_each(|_| in_force.family.gate(Place::new(1, distance)).score(score));
        };
        let distances = |short, steady| {
            let mut asked = Asked { short, ..asked(&set, true) };
            asked.ahead((0, 0), 16, (1, steady), strides(0, 1));
            asked.wanted.iter().map(|wanted| wanted.distance).collect::<Vec<_>>()
        };
        assert_eq!(distances(false, true), [16, 15, 7, 3, 1], "each is tried");
        score(16, ASKED);
        assert_eq!(distances(false, true), [16]);
        assert_eq!(distances(true, true), [16, 15, 7, 3, 1]);
        assert_eq!(distances(false, false).len(), 16);
        (0..8).for_each(|_| score(16, UNASKED));
        score(15, UNASKED);
        score(7, ASKED);
        assert_eq!(distances(false, true), [7]);
        assert_eq!(distances(true, true), [7, 3, 1]);
        assert_eq!(distances(false, false), [4, 5, 6, 7, 2, 3, 1]);
    }
}
