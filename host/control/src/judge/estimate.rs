//! What a strategy in shadow mode would have gained, by the shadows: the hit ratio that its policy and its capacity would have
//! given, beside the hit ratio that those in force gave by their own shadow.
//!
//! Tick by tick: what it wanted changes, and so does what is in force. A tick counts where a shadow stood for both at its
//! begin and at its end, so that both counted the same requests. Workers and prefetching have no shadow: nothing can be said
//! of them without turning them. Pure.

use std::sync::Arc;

use host_contract::Snapshot;
use host_contract::snapshot::Shadow;
use serde::Serialize;

use super::window::{Counted, MARGIN, Test, near};
use crate::effect::Found;

/// What the shadows say of the settings that a strategy in shadow mode wanted.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Estimated {
    /// Ticks in which it wanted a policy or a capacity of its own.
    pub ticks: u64,
    /// Of them, those in which shadows stood for both sides.
    pub compared: u64,
    /// Requests that the shadows saw in these: a sample.
    pub requests: u64,
    /// Hit ratio under what it wanted, 0.0 to 1.0.
    pub hit_ratio: f64,
    /// Hit ratio under what was in force, 0.0 to 1.0.
    pub in_force_hit_ratio: f64,
    /// The difference in standard errors, above 0 where what it wanted is better.
    pub standard_errors: f64,
    /// What follows: better, worse, or no difference beyond noise.
    pub verdict: Found,
}

/// Compares tick by tick.
#[derive(Debug, Default)]
pub(crate) struct Estimate {
    since: Option<Arc<Snapshot>>,
    ticks: u64,
    compared: u64,
    wanted: Counted,
    in_force: Counted,
    /// Why the last tick that could not be compared could not.
    why_not: Option<String>,
}

impl Estimate {
    /// Takes in the tick that ends with `now`. `policy` and `capacity` are what the strategy has wanted since the tick
    /// before, where it did.
    pub(crate) fn tick(&mut self, now: &Arc<Snapshot>, policy: Option<&str>, capacity: Option<u64>) {
        let Some(since) = self.since.replace(Arc::clone(now)) else { return };
        if policy.is_none() && capacity.is_none() {
            return;
        }
        self.ticks += 1;
        let cache = &now.cache;
        let (in_force, stands) = (cache.policy.as_str(), cache.capacity_bytes);
        let wanted = counted(&since, now, policy.unwrap_or(in_force), capacity.unwrap_or(stands));
        match wanted.and_then(|wanted| Ok((wanted, counted(&since, now, in_force, stands)?))) {
            Ok((wanted, in_force)) => {
                self.compared += 1;
                self.wanted.add(wanted);
                self.in_force.add(in_force);
            }
            Err(why) => self.why_not = Some(why),
        }
    }

    /// What the shadows say, or why they say nothing. None where no policy and no capacity was wanted.
    pub(crate) fn told(&self) -> Option<Result<Estimated, String>> {
        if self.ticks == 0 {
            return None;
        }
        if self.compared == 0 || self.wanted.requests == 0 || self.in_force.requests == 0 {
            let why = self.why_not.clone();
            return Some(Err(why.unwrap_or_else(|| "the shadows saw no request".to_owned())));
        }
        let test = Test::of(self.in_force, self.wanted, MARGIN);
        Some(Ok(Estimated {
            ticks: self.ticks,
            compared: self.compared,
            requests: self.wanted.requests,
            hit_ratio: self.wanted.hit_ratio(),
            in_force_hit_ratio: self.in_force.hit_ratio(),
            standard_errors: test.errors,
            verdict: test.verdict(),
        }))
    }
}

/// What the shadow of a policy near a capacity counted between two snapshots, both of which have it.
fn counted(since: &Snapshot, now: &Snapshot, policy: &str, capacity: u64) -> Result<Counted, String> {
    let end = near(now, policy, capacity)
        .ok_or_else(|| format!("no shadow of {policy} has a capacity near {capacity}"))?;
    let same = |shadow: &&Shadow| {
        shadow.policy == policy && shadow.capacity_factor.to_bits() == end.capacity_factor.to_bits()
    };
    let start = since.shadows.iter().find(same).ok_or_else(|| format!("the shadow of {policy} is new"))?;
    let between = || {
        let requests = end.requests.checked_sub(start.requests)?;
        Some(Counted { requests, misses: end.misses.checked_sub(start.misses)?.min(requests) })
    };
    between().ok_or_else(|| format!("the shadow of {policy} began anew"))
}

#[cfg(test)]
mod tests {
    use host_contract::number::to_u64;
    use host_contract::snapshot::Cache;

    use super::*;

    /// A snapshot of lru at capacity 100, with shadows that have seen `n` hundreds of requests: lru misses half of them, and
    /// arc the share of `arc`.
    fn snapshot(n: u64, arc: Option<f64>) -> Arc<Snapshot> {
        let shadow = |policy: &str, factor: f64, misses: f64| Shadow {
            policy: policy.to_owned(),
            capacity_factor: factor,
            capacity_bytes: to_u64((100.0 * factor).round()),
            requests: 100 * n,
            misses: to_u64((misses * 100.0).round()) * n,
            ..Shadow::default()
        };
        let mut shadows = vec![shadow("lru", 1.0, 0.5), shadow("lru", 2.0, 0.3)];
        shadows.extend(arc.map(|misses| shadow("arc", 1.0, misses)));
        let cache = Cache { policy: "lru".to_owned(), capacity_bytes: 100, ..Cache::default() };
        Arc::new(Snapshot { tick: n, cache, shadows, ..Snapshot::default() })
    }

    fn told(estimate: &Estimate) -> Estimated {
        estimate.told().unwrap().unwrap()
    }

    #[test]
    fn a_policy_is_held_against_the_one_in_force() {
        for (arc, verdict) in [(0.2, Found::Better), (0.8, Found::Worse), (0.5, Found::NoDifference)] {
            let mut estimate = Estimate::default();
            for n in 0..10 {
                estimate.tick(&snapshot(n, Some(arc)), (n > 2).then_some("arc"), None);
            }
            let told = told(&estimate);
            assert_eq!((told.ticks, told.compared, told.requests, told.verdict), (7, 7, 700, verdict));
            assert!(
                (told.hit_ratio - (1.0 - arc)).abs() < 1e-9 && (told.in_force_hit_ratio - 0.5).abs() < 1e-9
            );
        }
    }

    #[test]
    fn a_capacity_is_held_against_the_one_in_force() {
        let mut estimate = Estimate::default();
        for n in 0..10 {
            estimate.tick(&snapshot(n, None), None, Some(190));
        }
        let told = told(&estimate);
        assert!((told.hit_ratio - 0.7).abs() < 1e-9 && told.verdict == Found::Better, "{told:?}");
    }

    #[test]
    fn what_no_shadow_follows_is_told() {
        let mut estimate = Estimate::default();
        assert_eq!(estimate.told(), None);
        for n in 0..3 {
            estimate.tick(&snapshot(n, None), Some("arc"), None);
        }
        assert_eq!(estimate.told(), Some(Err("no shadow of arc has a capacity near 100".to_owned())));
        // A shadow that comes up counts from the tick after.
        estimate.tick(&snapshot(3, Some(0.2)), Some("arc"), None);
        assert_eq!(estimate.told(), Some(Err("the shadow of arc is new".to_owned())));
        estimate.tick(&snapshot(4, Some(0.2)), Some("arc"), None);
        assert_eq!((told(&estimate).ticks, told(&estimate).compared), (4, 1));
    }
}
