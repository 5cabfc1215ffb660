//! What a decision changed, by the shadows, measured once its window has closed. Pure.
//!
//! Like is compared with like. Prefetching raises the hit ratio that is measured and does not reach the shadows, so a
//! shadow must not be held against the measured figure where a policy or a capacity is judged. Instead, the shadow of the
//! setting that was left is held against the shadow of the setting in force, over the same window and the same sample of
//! the requests, and the difference is taken off the measured hit ratio. That is exact without prefetching; with it, an
//! entry that both the new policy and the prefetcher would have kept counts for the policy.
//!
//! Shadows follow the cache at fixed multiples of its capacity, so that often none stands where it comes from. Then they
//! stay there until the window is over ([`Window::keeps_shadows`]), and what was measured is held against the one of the
//! capacity that was left. Prefetching would then count for the new capacity; a cache that shrinks gets no better by it.
//!
//! A change of prefetching is held against the shadow of the setting in force: it says what the window would have given
//! without any prefetching. Where nothing can tell, there is no counterfactual, and the basis says why.
//!
//! A difference counts from [`ERRORS`] standard errors of two samples that know nothing of each other: those of two shadows
//! share their requests, so that this is the careful side. What is worse by [`MARGIN`] more than that is undone: a policy
//! that was just put in force may lose some requests before it gains.

use std::collections::BTreeSet;
use std::sync::Arc;

use host_contract::number::{ratio, to_f64};
use host_contract::snapshot::Shadow;
use host_contract::{Dial, Judged, Snapshot, Value};

use crate::effect::{Effect, Found};

/// Standard errors from which a difference is none by chance.
const ERRORS: f64 = 2.0;

/// Share of the requests by which a setting may be worse and still stand.
pub(super) const MARGIN: f64 = 0.02;

/// The same where a shadow is held against the cache itself: the two differ a little by themselves.
const MARGIN_OF_CACHE: f64 = 0.05;

/// What is judged: one change of a dial or of the rule book.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// Number of the decision.
    pub decision: u64,
    /// The dial; none for the rule book. A further change of the same closes the window.
    pub dial: Option<Dial>,
    /// What the change is judged by.
    pub judged: Judged,
    /// What was left.
    pub from: Value,
    /// What stands since.
    pub to: Value,
    /// Positions of the registrations that asked for it; none where the host decided.
    pub authors: BTreeSet<usize>,
}

impl Change {
    /// Whether it makes the cache smaller.
    pub(super) fn gives_up_memory(&self) -> bool {
        let smaller = matches!((&self.from, &self.to), (Value::Count(from), Value::Count(to)) if to < from);
        self.judged == Judged::Capacity && smaller
    }
}

/// Whether this process should take no more memory.
pub(super) fn is_short(snapshot: &Snapshot) -> bool {
    snapshot.gauge("memory-room").is_some_and(|room| room <= 0.0)
}

/// A window that has closed.
#[derive(Debug)]
pub(crate) struct Closed {
    pub(crate) change: Change,
    pub(crate) effect: Effect,
    /// Ticks without any work that the change cost as much as, at most; 0 where it was not worse.
    pub(crate) cost: f64,
    /// Whether it gave up memory while memory was short.
    pub(crate) needed: bool,
}

/// A change whose window is open.
#[derive(Debug)]
pub(crate) struct Window {
    change: Change,
    since: Arc<Snapshot>,
    throughput_before: f64,
    throughput_sum: f64,
    ticks: u32,
    /// Whether the shadows have to stay at the capacity that was left.
    kept: bool,
    /// Whether it gives up memory while memory is short.
    needed: bool,
}

impl Window {
    /// The window of a change made in the tick of `snapshot`, to be judged after `ticks`.
    pub(crate) fn open(change: Change, snapshot: &Arc<Snapshot>, ticks: u64) -> Self {
        let throughput_before = recent_throughput(snapshot, ticks);
        let kept = match (change.judged, &change.from, &change.to) {
            // The host moves it within the memory that is left, and is not held against anything.
            (Judged::Capacity, Value::Count(from), Value::Count(to)) if !change.authors.is_empty() => {
                !follows(snapshot, *from, *to)
            }
            _ => false,
        };
        let needed = change.gives_up_memory() && is_short(snapshot);
        let since = Arc::clone(snapshot);
        Self { change, needed, since, throughput_before, throughput_sum: 0.0, ticks: 0, kept }
    }

    /// Whether the shadows have to stay at the capacity where they are.
    pub(crate) fn keeps_shadows(&self) -> bool {
        self.kept
    }

    /// The dial; none for the rule book.
    pub(crate) fn dial(&self) -> Option<Dial> {
        self.change.dial
    }

    /// Ticks so far.
    pub(crate) fn ticks(&self) -> u64 {
        u64::from(self.ticks)
    }

    /// Counts the tick of `snapshot`.
    pub(crate) fn tick(&mut self, snapshot: &Snapshot) {
        self.ticks += 1;
        self.throughput_sum += snapshot.throughput();
    }

    /// None where the window saw nothing to measure.
    pub(crate) fn close(self, now: &Snapshot) -> Option<Closed> {
        let (metric, measured, told) = match self.change.judged {
            Judged::Nothing => return None,
            Judged::Throughput | Judged::Guarded => {
                if self.ticks == 0 {
                    return None;
                }
                let measured = self.throughput_sum / f64::from(self.ticks);
                let before = Told { figure: self.throughput_before, basis: "before".to_owned(), test: None };
                ("throughput", measured, Ok(before))
            }
            Judged::Policy | Judged::Capacity | Judged::Prefetching => {
                let (before, after) = (&self.since.cache, &now.cache);
                let hits = after.hits.checked_sub(before.hits)?;
                let misses = after.misses.checked_sub(before.misses)?;
                let measured = ratio(hits, hits.saturating_add(misses))?;
                ("hit-ratio", measured, self.counterfactual(now, measured))
            }
        };
        let (counterfactual, basis, test) = match told {
            Ok(told) => (Some(told.figure), told.basis, told.test),
            Err(why) => (None, format!("none: {why}"), None),
        };
        let cost = test.as_ref().map_or(0.0, |test| test.cost * f64::from(self.ticks));
        let effect = Effect {
            decision: self.change.decision,
            tick: now.tick,
            window_ticks: u64::from(self.ticks),
            metric,
            measured,
            counterfactual,
            basis,
            verdict: test.as_ref().map_or(Found::NotTested, Test::verdict),
            pairs: 0,
            statistic: test.as_ref().map(|test| test.errors),
            confidence: None,
        };
        Some(Closed { change: self.change, effect, cost, needed: self.needed })
    }

    /// What the cache itself counted in the window.
    fn cache_requests(&self, now: &Snapshot) -> Counted {
        let (before, after) = (&self.since.cache, &now.cache);
        let misses = after.misses.saturating_sub(before.misses);
        Counted { requests: after.hits.saturating_sub(before.hits).saturating_add(misses), misses }
    }

    /// The hit ratio that the setting which was left would have given, and how that is known; or why it is not.
    fn counterfactual(&self, now: &Snapshot, measured: f64) -> Result<Told, String> {
        let (policy, capacity) = (now.cache.policy.as_str(), now.cache.capacity_bytes);
        if let (true, Value::Count(left)) = (self.kept, &self.change.from) {
            let shadow = counted(&self.since, now, policy, *left)?;
            let requests = self.cache_requests(now);
            let test = Test::of(shadow, requests, MARGIN_OF_CACHE);
            let basis = format!("a capacity of {left}, by its shadow");
            return Ok(Told { figure: shadow.hit_ratio(), basis, test: Some(test) });
        }
        let in_force = counted(&self.since, now, policy, capacity)?;
        let (left, setting) = match (self.change.judged, &self.change.from) {
            (Judged::Prefetching, _) => {
                let basis = format!("no prefetching, by the shadow of {policy}");
                return Ok(Told { figure: in_force.hit_ratio(), basis, test: None });
            }
            (Judged::Policy, Value::Name(left)) => (counted(&self.since, now, left, capacity)?, left.clone()),
            (Judged::Capacity, Value::Count(left)) => {
                (counted(&self.since, now, policy, *left)?, format!("a capacity of {left}"))
            }
            _ => return Err("the setting that was left is none that a shadow follows".to_owned()),
        };
        let figure = (measured + (left.hit_ratio() - in_force.hit_ratio())).clamp(0.0, 1.0);
        let test = Some(Test::of(left, in_force, MARGIN));
        Ok(Told { figure, basis: format!("{setting}, by the shadows"), test })
    }
}

/// Whether, once the cache has the capacity `to`, a shadow of the policy in force will stand near `from`: shadows follow the
/// cache at fixed multiples of its capacity.
fn follows(snapshot: &Snapshot, from: u64, to: u64) -> bool {
    let of_policy = snapshot.shadows.iter().filter(|shadow| shadow.policy == snapshot.cache.policy);
    let (from, to) = (to_f64(from), to_f64(to));
    of_policy.map(|shadow| shadow.capacity_factor * to).any(|near| (near - from).abs() <= from / 8.0)
}

/// A counterfactual, how it is known, and how sure the difference is where that can be told.
struct Told {
    figure: f64,
    basis: String,
    test: Option<Test>,
}

/// Two shadows over the same window.
pub(super) struct Test {
    /// Hit ratio of the setting in force less that of the one that was left.
    difference: f64,
    /// The same in standard errors.
    pub(super) errors: f64,
    /// By how much it may be worse beyond them.
    margin: f64,
    /// Share of the time that was lost, were loads all that takes time.
    cost: f64,
}

impl Test {
    pub(super) fn of(left: Counted, in_force: Counted, margin: f64) -> Self {
        let variance = |of: Counted| {
            // One more hit and one more miss than there were: a window without either is not without error.
            let share = (to_f64(of.misses) + 1.0) / (to_f64(of.requests) + 2.0);
            share * (1.0 - share) / to_f64(of.requests.max(1))
        };
        let difference = in_force.hit_ratio() - left.hit_ratio();
        let errors = difference / (variance(left) + variance(in_force)).sqrt();
        let cost = ratio(left.misses, in_force.misses).map_or(0.0, |share| (1.0 - share).max(0.0));
        Self { difference, errors, margin, cost }
    }

    pub(super) fn verdict(&self) -> Found {
        let error = if self.errors == 0.0 { 0.0 } else { self.difference / self.errors };
        if self.errors > ERRORS && self.difference > self.margin - MARGIN {
            Found::Better
        } else if self.difference < -(self.margin + ERRORS * error) {
            Found::Worse
        } else {
            Found::NoDifference
        }
    }
}

/// What a shadow counted in a window.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Counted {
    pub(super) requests: u64,
    pub(super) misses: u64,
}

impl Counted {
    pub(super) fn hit_ratio(self) -> f64 {
        ratio(self.requests.saturating_sub(self.misses), self.requests).unwrap_or(0.0)
    }

    pub(super) fn add(&mut self, more: Self) {
        self.requests = self.requests.saturating_add(more.requests);
        self.misses = self.misses.saturating_add(more.misses);
    }
}

/// Mean throughput of the last ticks, this one included, as many as a change is judged over.
fn recent_throughput(snapshot: &Snapshot, ticks: u64) -> f64 {
    let take = usize::try_from(ticks).unwrap_or(usize::MAX);
    let (mut sum, mut count) = (0.0, 0.0);
    for figure in snapshot.history("throughput", take) {
        sum += figure;
        count += 1.0;
    }
    if count > 0.0 { sum / count } else { snapshot.throughput() }
}

/// The shadow of a policy at the capacity nearest to `capacity` and within an eighth of it.
pub(crate) fn near<'a>(now: &'a Snapshot, policy: &str, capacity: u64) -> Option<&'a Shadow> {
    let distance = |shadow: &&Shadow| shadow.capacity_bytes.abs_diff(capacity);
    let near = |shadow: &&Shadow| shadow.policy == policy && distance(shadow) <= capacity / 8;
    now.shadows.iter().filter(near).min_by_key(distance)
}

/// What such a shadow counted between two snapshots. A shadow goes on counting when the cache is resized: the multiple of
/// the capacity is what it is known by.
fn counted(since: &Snapshot, now: &Snapshot, policy: &str, capacity: u64) -> Result<Counted, String> {
    if !now.shadows.iter().any(|shadow| shadow.policy == policy) {
        return Err(format!("no shadow follows {policy}"));
    }
    let end = near(now, policy, capacity)
        .ok_or_else(|| format!("no shadow of {policy} has a capacity near {capacity}"))?;
    let same = |shadow: &&Shadow| {
        shadow.policy == policy && shadow.capacity_factor.to_bits() == end.capacity_factor.to_bits()
    };
    let start = since.shadows.iter().find(same);
    let (requests, misses) = start.map_or((0, 0), |start| (start.requests, start.misses));
    let counted = || {
        let requests = end.requests.checked_sub(requests).filter(|requests| *requests > 0)?;
        Some(Counted { requests, misses: end.misses.checked_sub(misses)?.min(requests) })
    };
    counted().ok_or_else(|| format!("the shadow of {policy} saw no request"))
}

#[cfg(test)]
mod tests;
