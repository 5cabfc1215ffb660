//! The book of rules: what is installed under which id, what was given up, and what to do next.
//!
//! A rule is withdrawn when too much of what it loaded was wasted, and its subject is barred for a
//! while that doubles each time, so that a pattern that looks good and is not costs less and less.
//! When the host has no room left, rules whose pattern is no longer seen make room for ones that
//! are.

use crate::{
    Settings,
    pattern::{Found, Pattern, Subject},
};
use std::collections::BTreeMap;
use strategy_sdk::{count, metrics::RuleMetrics};

/// Loads before a rule is judged, and between two judgements.
const JUDGED_LOADS: u64 = 32;
/// Ticks for which a subject is barred the first time.
const FIRST_BAR: u64 = 32;
/// Doublings of the bar.
const MOST_DOUBLINGS: u32 = 8;
/// New rules a tick, so that a burst of patterns does not meet the host's limit of proposals.
const MOST_ORDERS: usize = 32;

/// Something to propose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Order {
    Install { id: u32, pattern: Pattern, support: u32 },
    Withdraw { id: u32, reason: String, bar: bool },
}

impl Order {
    pub(crate) fn reason(&self) -> String {
        match self {
            Self::Install { id, pattern: Pattern::Streams { depth }, .. } => {
                format!("rule {id}: prefetch up to {depth} keys ahead of keys at an equal distance")
            }
            Self::Install { id, pattern: Pattern::Mined, .. } => {
                format!("rule {id}: prefetch keys that missed together before")
            }
            Self::Install { id, pattern: Pattern::Replays { depth }, .. } => {
                format!("rule {id}: prefetch up to {depth} keys that followed the last time")
            }
            Self::Install { id, pattern: Pattern::Follow { key, targets }, support } => {
                let keys = if targets.len() == 1 { "key" } else { "keys" };
                format!("rule {id}: prefetch {} {keys} after key {key}, seen {support} times", targets.len())
            }
            Self::Withdraw { id, reason, .. } => format!("rule {id} withdrawn: {reason}"),
        }
    }
}

/// An installed rule.
#[derive(Debug, Clone)]
struct Entry {
    pattern: Pattern,
    /// Issued and wasted when the rule was last judged.
    judged: (u64, u64),
}

/// How often a subject was given up, and until when it is barred.
#[derive(Debug, Clone, Copy, Default)]
struct Bar {
    times: u32,
    until: u64,
}

/// The strategy's memory from tick to tick.
#[derive(Debug, Default)]
pub(crate) struct Book {
    rules: BTreeMap<u32, Entry>,
    subjects: BTreeMap<Subject, u32>,
    barred: BTreeMap<Subject, Bar>,
    next_id: u32,
}

impl Book {
    /// Whether no rule is installed.
    pub(crate) fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// The rules that waste more than they may.
    pub(crate) fn wasteful(&mut self, tick: u64, settings: &Settings, rules: &[RuleMetrics]) -> Vec<Order> {
        self.barred.retain(|_, bar| tick < bar.until.saturating_add(FIRST_BAR << MOST_DOUBLINGS));
        let mut orders = Vec::new();
        for rule in rules {
            let Some(entry) = self.rules.get_mut(&rule.id) else { continue };
            // The host measures those for each depth and confidence, and withholds what loses.
            if !matches!(entry.pattern, Pattern::Follow { .. }) {
                continue;
            }
            let (issued, wasted) = entry.judged;
            let issued = rule.issued.saturating_sub(issued);
            if issued < JUDGED_LOADS {
                continue;
            }
            let wasted = rule.wasted.saturating_sub(wasted);
            entry.judged = (rule.issued, rule.wasted);
            if count(wasted) / count(issued) > settings.max_waste {
                let reason = format!("{wasted} of {issued} loads were wasted");
                orders.push(Order::Withdraw { id: rule.id, reason, bar: true });
            }
        }
        orders
    }

    /// What to do about the patterns that are seen now, best first, when the host has room for so
    /// many rules more.
    pub(crate) fn update(&mut self, tick: u64, found: Vec<Found>, rules_left: u32) -> Vec<Order> {
        let seen: Vec<Subject> = {
            let mut seen: Vec<Subject> = found.iter().map(|found| found.pattern.subject()).collect();
            seen.sort_unstable();
            seen
        };
        let mut room = usize::try_from(rules_left).unwrap_or(usize::MAX);
        let mut unseen = self
            .subjects
            .iter()
            .filter(|(subject, _)| seen.binary_search(subject).is_err())
            .map(|(_, id)| *id)
            .collect::<Vec<_>>()
            .into_iter();
        let mut orders = Vec::new();
        let mut id = self.next_id;
        for Found { pattern, support } in found {
            let subject = pattern.subject();
            if orders.len() >= MOST_ORDERS || self.barred.get(&subject).is_some_and(|bar| tick < bar.until) {
                continue;
            }
            if let Some(present) = self.subjects.get(&subject) {
                // The same subject with other targets: one id, replaced in place.
                if self.rules.get(present).is_some_and(|entry| entry.pattern != pattern) {
                    orders.push(Order::Install { id: *present, pattern, support });
                }
            } else if room > 0 {
                room -= 1;
                orders.push(Order::Install { id, pattern, support });
                id = id.wrapping_add(1);
            } else if let Some(old) = unseen.next() {
                // Its place is free at the next look.
                let reason = "its pattern no longer occurs, and another pattern needs its place".to_owned();
                orders.push(Order::Withdraw { id: old, reason, bar: false });
            }
        }
        orders
    }

    /// Enters what the host has taken.
    pub(crate) fn done(&mut self, tick: u64, order: Order) {
        match order {
            Order::Install { id, pattern, .. } => {
                self.subjects.insert(pattern.subject(), id);
                self.rules.insert(id, Entry { pattern, judged: (0, 0) });
                if id == self.next_id {
                    self.next_id = id.wrapping_add(1);
                }
            }
            Order::Withdraw { id, bar, .. } => {
                let Some(entry) = self.rules.remove(&id) else { return };
                let subject = entry.pattern.subject();
                self.subjects.remove(&subject);
                if bar {
                    let bar = self.barred.entry(subject).or_default();
                    bar.until = tick.saturating_add(FIRST_BAR << bar.times.min(MOST_DOUBLINGS));
                    bar.times += 1;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
