//! What a decision changed, measured once its window has closed. Pure.
//!
//! Like is compared with like. Prefetching raises the hit ratio that is measured and does not reach the shadows, so a
//! shadow must not be held against the measured figure where a policy or a capacity is judged. Instead, the shadow of the
//! setting that was left is held against the shadow of the setting in force, over the same window and the same sample of
//! the requests, and the difference is taken off the measured hit ratio. That is exact without prefetching; with it, an
//! entry that both the new policy and the prefetcher would have kept counts for the policy.
//!
//! A change of prefetching is held against the shadow of the setting in force: it says what the window would have given
//! without any prefetching. Workers have no shadow: they are held against the throughput of the ticks before. Where nothing
//! can tell, there is no counterfactual, and the basis says why.

use std::sync::Arc;

use host_contract::number::ratio;
use host_contract::snapshot::Shadow;
use host_contract::{Judged, Snapshot, Value};

use crate::effect::Effect;

/// What is judged: one change of a dial or of the rule book.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// Number of the decision.
    pub decision: u64,
    /// The dial's name, or what stands for the rule book. A further change of the same closes the window.
    pub subject: &'static str,
    /// What the change is judged by.
    pub judged: Judged,
    /// What was left.
    pub from: Value,
}

/// Changes whose window is still open.
#[derive(Debug)]
pub struct Judge {
    window_ticks: u64,
    open: Vec<Open>,
}

#[derive(Debug)]
struct Open {
    change: Change,
    since: Arc<Snapshot>,
    throughput_before: f64,
    throughput_sum: f64,
    ticks: u32,
}

impl Judge {
    /// Windows of `window_ticks` ticks, at least 1.
    #[must_use]
    pub fn new(window_ticks: u64) -> Self {
        Self { window_ticks: window_ticks.max(1), open: Vec::new() }
    }

    /// Closes windows after another number of ticks, at least 1; those that are open, too.
    pub fn set_window(&mut self, ticks: u64) {
        self.window_ticks = ticks.max(1);
    }

    /// Starts the window of a change made in the tick of `snapshot`. An open window of the same subject has to be closed
    /// first.
    pub fn watch(&mut self, change: Change, snapshot: &Arc<Snapshot>) {
        if change.judged == Judged::Nothing {
            return;
        }
        let throughput_before = self.recent_throughput(snapshot);
        let since = Arc::clone(snapshot);
        self.open.push(Open { change, since, throughput_before, throughput_sum: 0.0, ticks: 0 });
    }

    /// Mean throughput of the last ticks, this one included, as many as a change is judged over.
    fn recent_throughput(&self, snapshot: &Snapshot) -> f64 {
        let take = usize::try_from(self.window_ticks).unwrap_or(usize::MAX);
        let (mut sum, mut count) = (0.0, 0.0);
        for figure in snapshot.history("throughput", take) {
            sum += figure;
            count += 1.0;
        }
        if count > 0.0 { sum / count } else { snapshot.throughput() }
    }

    /// Counts the tick of `snapshot` and returns the changes whose window has closed with it.
    pub fn tick(&mut self, snapshot: &Snapshot) -> Vec<Effect> {
        for open in &mut self.open {
            open.ticks += 1;
            open.throughput_sum += snapshot.throughput();
        }
        let window = self.window_ticks;
        self.close(snapshot, |open| u64::from(open.ticks) >= window)
    }

    /// Closes the window of a subject early, because it is changed again.
    pub fn cut_short(&mut self, subject: &str, snapshot: &Snapshot) -> Vec<Effect> {
        self.close(snapshot, |open| open.change.subject == subject)
    }

    /// Closes every window, because the run ends.
    pub fn finish(&mut self, snapshot: &Snapshot) -> Vec<Effect> {
        self.close(snapshot, |_| true)
    }

    fn close(&mut self, snapshot: &Snapshot, due: impl Fn(&Open) -> bool) -> Vec<Effect> {
        let (closed, open): (Vec<Open>, Vec<Open>) =
            std::mem::take(&mut self.open).into_iter().partition(due);
        self.open = open;
        closed.iter().filter_map(|open| effect(open, snapshot)).collect()
    }
}

/// None where the window saw nothing to measure.
fn effect(open: &Open, now: &Snapshot) -> Option<Effect> {
    let (metric, measured, told) = match open.change.judged {
        Judged::Nothing => return None,
        Judged::Throughput => {
            if open.ticks == 0 {
                return None;
            }
            let measured = open.throughput_sum / f64::from(open.ticks);
            ("throughput", measured, Ok((open.throughput_before, "before".to_owned())))
        }
        Judged::Policy | Judged::Capacity | Judged::Prefetching => {
            let (before, after) = (&open.since.cache, &now.cache);
            let hits = after.hits.checked_sub(before.hits)?;
            let misses = after.misses.checked_sub(before.misses)?;
            let measured = ratio(hits, hits.saturating_add(misses))?;
            ("hit-ratio", measured, counterfactual(open, now, measured))
        }
    };
    let (counterfactual, basis) = match told {
        Ok((figure, basis)) => (Some(figure), basis),
        Err(why) => (None, format!("none: {why}")),
    };
    Some(Effect {
        decision: open.change.decision,
        tick: now.tick,
        window_ticks: u64::from(open.ticks),
        metric,
        measured,
        counterfactual,
        basis,
    })
}

/// The hit ratio that the setting which was left would have given, and how that is known; or why it is not.
fn counterfactual(open: &Open, now: &Snapshot, measured: f64) -> Result<(f64, String), String> {
    let (policy, capacity) = (now.cache.policy.as_str(), now.cache.capacity_bytes);
    let in_force = window(&open.since, now, policy, capacity)?;
    let (left, setting) = match (open.change.judged, &open.change.from) {
        (Judged::Prefetching, _) => {
            return Ok((in_force, format!("no prefetching, by the shadow of {policy}")));
        }
        (Judged::Policy, Value::Name(left)) => (window(&open.since, now, left, capacity)?, left.clone()),
        (Judged::Capacity, Value::Count(left)) => {
            (window(&open.since, now, policy, *left)?, format!("a capacity of {left}"))
        }
        _ => return Err("the setting that was left is none that a shadow follows".to_owned()),
    };
    let figure = (measured + (left - in_force)).clamp(0.0, 1.0);
    Ok((figure, format!("{setting}, by the shadows")))
}

/// Hit ratio, between two snapshots, of the shadow of a policy at the capacity nearest to `capacity` and within an eighth
/// of it. A shadow goes on counting when the cache is resized: the multiple of the capacity is what it is known by.
fn window(since: &Snapshot, now: &Snapshot, policy: &str, capacity: u64) -> Result<f64, String> {
    let of_policy = |shadow: &&Shadow| shadow.policy == policy;
    if !now.shadows.iter().any(|shadow| of_policy(&shadow)) {
        return Err(format!("no shadow follows {policy}"));
    }
    let distance = |shadow: &&Shadow| shadow.capacity_bytes.abs_diff(capacity);
    let near = |shadow: &&Shadow| of_policy(shadow) && distance(shadow) <= capacity / 8;
    let end = now.shadows.iter().filter(near).min_by_key(distance);
    let end = end.ok_or_else(|| format!("no shadow of {policy} has a capacity near {capacity}"))?;
    let same = |shadow: &&Shadow| {
        of_policy(shadow) && shadow.capacity_factor.to_bits() == end.capacity_factor.to_bits()
    };
    let start = since.shadows.iter().find(same);
    let (requests, misses) = start.map_or((0, 0), |start| (start.requests, start.misses));
    let counted = || {
        let requests = end.requests.checked_sub(requests)?;
        let misses = end.misses.checked_sub(misses)?;
        ratio(requests.saturating_sub(misses), requests)
    };
    counted().ok_or_else(|| format!("the shadow of {policy} saw no request"))
}

#[cfg(test)]
mod tests;
