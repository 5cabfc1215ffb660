//! What a decision changed, measured once its window has closed.
//!
//! A change of policy, capacity or prefetching is held against the shadow that went on simulating the
//! setting that was left, over the very same requests. Workers have no shadow: they are held against
//! the throughput of the ticks before. Pure.

use std::collections::VecDeque;

use crate::ledger::{Decision, Effect, Value};
use crate::proposal::Control;
use crate::snapshot::{Snapshot, ratio};

/// Decisions whose window is still open.
#[derive(Debug)]
pub struct Judge {
    window_ticks: u64,
    open: VecDeque<Open>,
}

#[derive(Debug)]
struct Open {
    decision: u64,
    control: Control,
    since: Box<Snapshot>,
    /// Policy and capacity of the shadow that stands for the setting that was left.
    left: Option<(String, u64)>,
    throughput_before: f64,
    throughput_sum: f64,
    ticks: u32,
}

impl Judge {
    /// Windows of `window_ticks` ticks, at least 1.
    #[must_use]
    pub fn new(window_ticks: u64) -> Self {
        Self { window_ticks: window_ticks.max(1), open: VecDeque::new() }
    }

    /// Starts the window of a decision taken in the tick of `snapshot`, where `throughput_before` is
    /// the mean of the ticks before it. An open window of the same control has to be closed first.
    pub fn watch(&mut self, decision: &Decision, snapshot: &Snapshot, throughput_before: f64) {
        let policy = snapshot.cache.policy.clone();
        let left = match (&decision.control, &decision.from) {
            (Control::CachePolicy, Value::Policy(from)) => {
                Some((from.clone(), snapshot.cache.capacity_bytes))
            }
            (Control::CacheCapacity, Value::Count(bytes)) => Some((policy, *bytes)),
            (Control::PrefetchRules | Control::PrefetchBudget, _) => {
                Some((policy, snapshot.cache.capacity_bytes))
            }
            _ => None,
        };
        self.open.push_back(Open {
            decision: decision.id,
            control: decision.control,
            since: Box::new(snapshot.clone()),
            left,
            throughput_before,
            throughput_sum: 0.0,
            ticks: 0,
        });
    }

    /// Notes the tick of `snapshot` and returns the decisions whose window has closed with it.
    pub fn tick(&mut self, snapshot: &Snapshot) -> Vec<Effect> {
        for open in &mut self.open {
            open.ticks += 1;
            open.throughput_sum += snapshot.throughput;
        }
        let window = self.window_ticks;
        self.close(snapshot, |open| u64::from(open.ticks) >= window)
    }

    /// Closes the window of a control early, because it is changed again.
    pub fn cut_short(&mut self, control: Control, snapshot: &Snapshot) -> Vec<Effect> {
        self.close(snapshot, |open| open.control == control)
    }

    /// Closes every window, because the run ends.
    pub fn finish(&mut self, snapshot: &Snapshot) -> Vec<Effect> {
        self.close(snapshot, |_| true)
    }

    fn close(&mut self, snapshot: &Snapshot, due: impl Fn(&Open) -> bool) -> Vec<Effect> {
        let (closed, open) = std::mem::take(&mut self.open).into_iter().partition(|o| due(o));
        self.open = open;
        let closed: VecDeque<Open> = closed;
        closed.iter().filter_map(|open| effect(open, snapshot)).collect()
    }
}

/// None where the window saw nothing to measure.
fn effect(open: &Open, now: &Snapshot) -> Option<Effect> {
    let result = |metric, measured, counterfactual, basis| Effect {
        decision: open.decision,
        tick: now.tick,
        window_ticks: u64::from(open.ticks),
        metric,
        measured,
        counterfactual,
        basis,
    };
    if matches!(open.control, Control::CpuWorkers | Control::IoWorkers) {
        if open.ticks == 0 {
            return None;
        }
        let measured = open.throughput_sum / f64::from(open.ticks);
        return Some(result("throughput", measured, Some(open.throughput_before), "before".to_owned()));
    }
    let (before, after) = (&open.since.cache, &now.cache);
    let hits = after.hits.checked_sub(before.hits)?;
    let misses = after.misses.checked_sub(before.misses)?;
    let measured = ratio(hits, hits + misses)?;
    let (policy, capacity) = open.left.as_ref()?;
    let counterfactual = shadow_hit_ratio(&open.since, now, policy, *capacity);
    Some(result("hit-ratio", measured, counterfactual, format!("shadow {policy}")))
}

/// Hit ratio, between two snapshots, of the shadow of a policy at the capacity nearest to `capacity`
/// and within an eighth of it. None where there is none, or it was restarted in between.
fn shadow_hit_ratio(since: &Snapshot, now: &Snapshot, policy: &str, capacity: u64) -> Option<f64> {
    let near = |s: &&crate::snapshot::Shadow| {
        s.policy == policy && s.capacity_bytes.abs_diff(capacity) <= capacity / 8
    };
    let end = now.shadows.iter().filter(near).min_by_key(|s| s.capacity_bytes.abs_diff(capacity))?;
    let start = since.shadows.iter().find(|s| {
        near(s) && s.capacity_bytes == end.capacity_bytes && s.capacity_factor == end.capacity_factor
    })?;
    let requests = end.requests.checked_sub(start.requests)?;
    let misses = end.misses.checked_sub(start.misses)?;
    ratio(requests.checked_sub(misses)?, requests)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::snapshot::{Cache, Shadow};

    fn snapshot(tick: u32, hits: u64, misses: u64, lru: (u64, u64)) -> Snapshot {
        Snapshot {
            tick: u64::from(tick),
            throughput: 100.0 * f64::from(tick),
            cache: Cache { policy: "arc".into(), capacity_bytes: 1_000, hits, misses, ..Cache::default() },
            shadows: vec![Shadow {
                policy: "lru".into(),
                capacity_factor: 1.0,
                capacity_bytes: 1_000,
                requests: lru.0,
                misses: lru.1,
                ..Shadow::default()
            }],
            ..Snapshot::default()
        }
    }

    fn decision(control: Control, from: Value) -> Decision {
        Decision {
            id: 7,
            tick: 1,
            at_ms: 0,
            control,
            from,
            to: Value::Count(0),
            by: vec![],
            saw: BTreeMap::new(),
            reason: String::new(),
            effect: None,
        }
    }

    #[test]
    fn a_policy_is_held_against_the_shadow_of_the_one_that_was_left() {
        let mut judge = Judge::new(2);
        let start = snapshot(1, 100, 100, (200, 150));
        judge.watch(&decision(Control::CachePolicy, Value::Policy("lru".into())), &start, 0.0);
        assert_eq!(judge.tick(&snapshot(2, 150, 150, (300, 220))), vec![]);
        let effects = judge.tick(&snapshot(3, 180, 120, (400, 300)));
        assert_eq!(effects.len(), 1);
        let effect = &effects[0];
        // 80 hits and 20 misses since the decision; the shadow missed 150 of its 200.
        assert_eq!((effect.measured, effect.counterfactual), (0.8, Some(0.25)));
        assert_eq!((effect.basis.as_str(), effect.window_ticks), ("shadow lru", 2));
    }

    #[test]
    fn workers_are_held_against_the_throughput_before() {
        let mut judge = Judge::new(2);
        judge.watch(&decision(Control::IoWorkers, Value::Count(8)), &snapshot(1, 0, 0, (0, 0)), 120.0);
        judge.tick(&snapshot(2, 0, 0, (0, 0)));
        let effects = judge.tick(&snapshot(3, 0, 0, (0, 0)));
        assert_eq!((effects[0].measured, effects[0].counterfactual), (250.0, Some(120.0)));
    }

    #[test]
    fn a_shadow_of_another_capacity_is_no_counterfactual() {
        let mut judge = Judge::new(1);
        let start = snapshot(1, 100, 100, (200, 150));
        judge.watch(&decision(Control::CacheCapacity, Value::Count(4_000)), &start, 0.0);
        let effects = judge.tick(&snapshot(2, 150, 150, (300, 220)));
        assert_eq!(effects[0].counterfactual, None);
    }

    #[test]
    fn a_change_of_the_same_control_closes_the_window_early() {
        let mut judge = Judge::new(9);
        let start = snapshot(1, 100, 100, (200, 150));
        judge.watch(&decision(Control::CachePolicy, Value::Policy("lru".into())), &start, 0.0);
        assert_eq!(judge.cut_short(Control::CpuWorkers, &snapshot(2, 150, 100, (250, 160))), vec![]);
        assert_eq!(judge.cut_short(Control::CachePolicy, &snapshot(2, 150, 100, (250, 160))).len(), 1);
        assert_eq!(judge.finish(&snapshot(3, 150, 100, (250, 160))), vec![]);
    }
}
