//! Which policy, and when it is worth a change.
//!
//! A change of policy is not free: the newcomer starts from translated metadata, and noise-driven
//! switching costs more than a second-best policy. So a challenger has to lead by a margin, beyond
//! what chance explains, over enough requests, and not too soon after the change before.
//!
//! The figures are the shadows' at the present capacity. Each is an exponentially weighted hit
//! ratio whose half-life is counted in sampled requests and not in ticks, so that it says the same
//! of a short trace with long ticks and of a busy service with short ones.
//!
//! Chance: all shadows see the same requests, so the two ratios are paired, and mostly right and
//! wrong together. How often they disagree is not reported; the standard error of two independent
//! binomials is therefore used, which is an upper bound of the paired one as long as the policies
//! do not do well on opposite requests. Two of those is a stricter test than the usual five per
//! cent, which it has to be: it is applied at each tick.

use std::collections::BTreeMap;
use strategy_sdk::{
    Acceptance, ControlError, count,
    metrics::{CacheMetrics, ShadowEstimate},
};

strategy_sdk::settings! {
    /// What a profile may set.
    pub(crate) struct Settings {
        /// Lead in hit ratio that makes a change worth its cost, 0.0 to 1.0
        margin: f64 = 0.01 in 0.0..=1.0,
        /// Ticks from one change to the next; doubled by a return to a policy that was left shortly before
        dwell_ticks: u64 = 4 in 1..=10_000,
        /// Sampled requests after which an observation counts half
        half_life_requests: f64 = 10_000.0 in 100.0..=1e12,
        /// Sampled requests before the first judgement
        min_requests: f64 = 500.0 in 1.0..=1e12,
    }
}

/// How many dwell times back is "shortly before".
const RECENT_DWELLS: u64 = 4;
/// The dwell time does not grow beyond this multiple of its setting.
const LONGEST_DWELL: u64 = 16;
/// Standard errors that a lead must exceed.
const STANDARD_ERRORS: f64 = 2.0;

/// Weighted counts of one shadow.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Evidence {
    requests: f64,
    misses: f64,
    capacity: u64,
}

impl Evidence {
    fn hit_ratio(self) -> f64 {
        if self.requests > 0.0 { 1.0 - self.misses / self.requests } else { 0.0 }
    }

    /// Variance of the hit ratio: a binomial's.
    fn variance(self) -> f64 {
        let ratio = self.hit_ratio();
        if self.requests > 0.0 { ratio * (1.0 - ratio) / self.requests } else { 0.0 }
    }

    fn add(&mut self, shadow: &ShadowEstimate, half_life: f64) {
        // What was learnt of another capacity says little of this one.
        if capacity_moved(self.capacity, shadow.capacity_bytes) {
            *self = Self { capacity: shadow.capacity_bytes, ..Self::default() };
        }
        let requests = count(shadow.window_requests);
        let kept = (-requests / half_life).exp2();
        self.requests = self.requests * kept + requests;
        self.misses = self.misses * kept + count(shadow.window_misses.min(shadow.window_requests));
    }
}

/// By more than a fifth.
fn capacity_moved(from: u64, to: u64) -> bool {
    from.abs_diff(to) > from.max(to) / 5
}

/// A change worth proposing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Choice {
    /// The policy.
    pub(crate) policy: String,
    /// For the log: the figures behind it.
    pub(crate) reason: String,
}

/// The strategy's memory from tick to tick.
#[derive(Debug)]
pub(crate) struct Chooser {
    settings: Settings,
    evidence: BTreeMap<String, Evidence>,
    /// The tick at which each policy was last seen in force.
    in_force: BTreeMap<String, u64>,
    /// No proposal before this tick.
    silent_until: u64,
    dwell: u64,
}

impl Chooser {
    pub(crate) fn with(settings: Settings) -> Self {
        let dwell = settings.dwell_ticks;
        Self { settings, evidence: BTreeMap::new(), in_force: BTreeMap::new(), silent_until: 0, dwell }
    }

    /// Takes in one tick's figures; answers where another policy than the present one should be in
    /// force.
    pub(crate) fn choose(
        &mut self,
        tick: u64,
        cache: &CacheMetrics,
        shadows: &[ShadowEstimate],
    ) -> Option<Choice> {
        self.in_force.insert(cache.policy.clone(), tick);
        for shadow in shadows.iter().filter(|shadow| is_present_capacity(shadow)) {
            let evidence = self.evidence.entry(shadow.policy.clone()).or_default();
            evidence.add(shadow, self.settings.half_life_requests);
        }
        if tick < self.silent_until {
            return None;
        }
        let present = *self.evidence.get(&cache.policy)?;
        let (policy, best) = self
            .evidence
            .iter()
            .filter(|(policy, _)| cache.policies.contains(policy))
            .max_by(|(a, x), (b, y)| x.hit_ratio().total_cmp(&y.hit_ratio()).then_with(|| b.cmp(a)))?;
        (*policy != cache.policy && self.is_worth_it(*best, present)).then(|| Choice {
            policy: policy.clone(),
            reason: format!(
                "{policy} {:.1} % against {} {:.1} % over {} sampled requests",
                best.hit_ratio() * 100.0,
                cache.policy,
                present.hit_ratio() * 100.0,
                thousands(best.requests),
            ),
        })
    }

    fn is_worth_it(&self, best: Evidence, present: Evidence) -> bool {
        let lead = best.hit_ratio() - present.hit_ratio();
        let chance = STANDARD_ERRORS * (best.variance() + present.variance()).sqrt();
        let requests = best.requests.min(present.requests);
        requests >= self.settings.min_requests && lead > self.settings.margin && lead > chance
    }

    /// Takes in what the host said to a choice.
    pub(crate) fn answered(&mut self, tick: u64, choice: &Choice, answer: &Result<Acceptance, ControlError>) {
        match answer {
            Ok(_) => {
                let base = self.settings.dwell_ticks;
                let left = self.in_force.get(&choice.policy);
                let is_return =
                    left.is_some_and(|left| tick.saturating_sub(*left) <= self.dwell * RECENT_DWELLS);
                self.dwell = if is_return { (self.dwell * 2).min(base * LONGEST_DWELL) } else { base };
                self.silent_until = tick + self.dwell;
            }
            Err(ControlError::CoolingDown(until)) => self.silent_until = *until,
            // It would be refused again at the next tick.
            Err(_) => self.silent_until = tick + self.dwell,
        }
    }
}

fn is_present_capacity(shadow: &ShadowEstimate) -> bool {
    (shadow.capacity_factor - 1.0).abs() < 1e-6
}

/// A whole number with commas: 12,345.
fn thousands(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests;
