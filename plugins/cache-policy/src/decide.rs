//! Which policy, and when it is worth a change.
//!
//! A change of policy costs misses: the cache holds what the old policy kept, and the newcomer earns its shadow's
//! hit ratio only once it holds what it would have kept itself. How long a lead will last nobody knows. So this is
//! the ski-rental problem, and it is answered as there (Karlin, Manasse, Rudolph, Sleator, "Competitive snoopy
//! caching", 1988): stay until staying has cost what a change costs, then change. That loses a bounded multiple of
//! what the best choice in hindsight would have lost, whatever the requests do, and noise has to add up to a whole
//! change before it moves anything.
//!
//! - What staying has cost is the regret: misses of the shadow of the policy in force, less those of the
//!   challenger's shadow, summed up. A challenger has to miss a share (`margin`) less for it to count at all, and
//!   the sum starts over whenever it falls to zero. That is Page's CUSUM test ("Continuous inspection schemes",
//!   1954), which finds a change of phase soonest among tests with so many false alarms.
//! - The cost of a change is estimated as a share (`change-cost`) of the entries the two policies can disagree about:
//!   as many as were evicted so far, at most all. To that come `min-misses` sampled misses, below which a sum is chance.
//! - Before anything was evicted all policies hold the same, and a change costs nothing. What is chosen then is
//!   `prior`: ARC, which of the policies built in loses least where it is not the best, while one scan through LRU
//!   loses what no later change brings back.
//! - A shadow may lead by what it still holds from long ago, which the cache in use does not. So a change is held
//!   against the shadow of the policy that was left: once the cache has missed more than that one by the cost of a
//!   change, it is undone, and the lead is not believed again before it has ended.
//! - Changes that lost make the next one dearer, twice each time, and those that gained cheaper again: a pattern
//!   that alternates faster than a change pays is followed less and less.
//!
//! All figures are misses, at full scale: no ticks and no times, so that they say the same of a short trace and of
//! a busy service.

mod regret;

use regret::Regrets;
use std::collections::BTreeMap;
use strategy_sdk::{
    Acceptance, ControlError, count,
    metrics::{CacheMetrics, ShadowEstimate},
};

strategy_sdk::settings! {
    /// What a profile may set.
    pub(crate) struct Settings {
        /// Policy to take while nothing was evicted and a change costs nothing; empty: the profile's own
        prior: String = "arc",
        /// Share of its misses that another policy has to save
        margin: f64 = 0.015 in 0.0..=1.0,
        /// Misses that a change is taken to cost, as a share of the entries
        change_cost: f64 = 0.0625 in 0.0..=10.0,
        /// Sampled misses below which a lead is chance
        min_misses: f64 = 16.0 in 0.0..=1e12,
        /// Where memory is the objective: share of the requests that may miss in addition when the capacity is halved
        spare: f64 = 0.01 in 0.0..=1.0,
    }
}

/// Changes that lost make the next one dearer up to this multiple.
const DEAREST: f64 = 64.0;

/// A change is answerable for the misses until the cache has evicted so many times what it holds: from then on
/// it holds what the policy in force has chosen.
const TURNOVERS: f64 = 2.0;

/// Ticks without a proposal after one that was refused for good: it would be refused again.
const REFUSED_TICKS: u64 = 16;

/// A change worth proposing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Choice {
    /// The policy.
    pub(crate) policy: String,
    /// The figures behind it.
    pub(crate) reason: String,
    why: Why,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Why {
    /// Nothing was evicted yet.
    Prior,
    /// Staying has cost more than a change.
    Better,
    /// The change before has lost.
    Undo,
}

/// The change before, while it is answerable for the misses.
#[derive(Debug)]
struct Change {
    /// The policy that was left.
    left: String,
    /// Misses of its shadow since, less the cache's own.
    gain: f64,
    /// Entries evicted since.
    evicted: f64,
}

/// The strategy's memory from tick to tick.
#[derive(Debug)]
pub(crate) struct Chooser {
    settings: Settings,
    /// The policy that is taken to be in force.
    in_force: String,
    capacity_bytes: u64,
    regrets: Regrets,
    change: Option<Change>,
    /// Entries evicted since the start.
    evicted: f64,
    /// What a change costs now, in misses.
    cost: f64,
    /// By how much the changes so far have made the next one dearer, from 1.
    doubt: f64,
    /// No proposal before this tick.
    silent_until: u64,
}

impl Chooser {
    pub(crate) fn with(settings: Settings) -> Self {
        Self {
            settings,
            in_force: String::new(),
            capacity_bytes: 0,
            regrets: Regrets::default(),
            change: None,
            evicted: 0.0,
            cost: 0.0,
            doubt: 1.0,
            silent_until: 0,
        }
    }

    /// Takes in one tick's figures; answers where another policy than the present one should be in force.
    pub(crate) fn choose(
        &mut self,
        tick: u64,
        cache: &CacheMetrics,
        shadows: &[ShadowEstimate],
    ) -> Option<Choice> {
        self.notice_changes(cache);
        self.evicted += count(cache.window_evictions);
        let at_present = |shadow: &&ShadowEstimate| (shadow.capacity_factor - 1.0).abs() < 1e-6;
        let shadows: Vec<&ShadowEstimate> = shadows.iter().filter(at_present).collect();
        let rate = shadows.first().map_or(1.0, |shadow| shadow.sampling_rate).max(f64::MIN_POSITIVE);
        let misses: BTreeMap<&str, f64> =
            shadows.iter().map(|s| (s.policy.as_str(), count(s.window_misses) / rate)).collect();
        if self.evicted == 0.0 {
            return self.prior(tick, cache);
        }
        let disputed = count(cache.entries).min(self.evicted);
        self.cost = self.settings.change_cost * disputed + self.settings.min_misses / rate;
        self.account(cache, &misses);
        if tick < self.silent_until {
            return None;
        }
        self.better(cache).or_else(|| self.undo(cache))
    }

    /// What was learnt of another capacity (by more than a fifth), or under a policy that somebody else has put in
    /// force, says little from now on.
    fn notice_changes(&mut self, cache: &CacheMetrics) {
        let (was, is) = (self.capacity_bytes, cache.capacity_bytes);
        let moved = was.abs_diff(is) > was.max(is) / 5;
        if moved || self.in_force != cache.policy {
            self.regrets = Regrets::default();
            self.change = None;
            self.capacity_bytes = is;
            self.in_force.clone_from(&cache.policy);
        }
    }

    /// Adds the window's misses to what staying, and the change before, have cost.
    fn account(&mut self, cache: &CacheMetrics, misses: &BTreeMap<&str, f64>) {
        let own = count(cache.window_misses);
        if let Some(change) = &mut self.change
            && change.evicted <= TURNOVERS * count(cache.entries)
            && let Some(left) = misses.get(change.left.as_str())
        {
            change.gain += left - own;
            change.evicted += count(cache.window_evictions);
        }
        // A policy without a shadow stands for itself.
        let present = misses.get(cache.policy.as_str()).copied().unwrap_or(own);
        let worth_it = present * (1.0 - self.settings.margin);
        for (policy, misses) in misses {
            if *policy != cache.policy {
                self.regrets.add(policy, worth_it - misses, self.cost);
            }
        }
    }

    fn prior(&self, tick: u64, cache: &CacheMetrics) -> Option<Choice> {
        let prior = &self.settings.prior;
        let applies = tick >= self.silent_until && cache.policies.contains(prior) && *prior != cache.policy;
        applies.then(|| Choice {
            policy: prior.clone(),
            reason: format!(
                "nothing has been evicted yet, so switching costs nothing; {prior} until more is known"
            ),
            why: Why::Prior,
        })
    }

    fn better(&self, cache: &CacheMetrics) -> Option<Choice> {
        let dear = self.cost * self.doubt;
        let (policy, regret) = self.regrets.largest(|policy| cache.policies.iter().any(|p| p == policy))?;
        (regret > dear).then(|| Choice {
            policy: policy.to_owned(),
            reason: format!(
                "{policy} would have had {} fewer misses than {}; switching is estimated to cost {}",
                thousands(regret),
                cache.policy,
                thousands(dear)
            ),
            why: Why::Better,
        })
    }

    fn undo(&self, cache: &CacheMetrics) -> Option<Choice> {
        let change = self.change.as_ref()?;
        let lost = -change.gain > self.cost && cache.policies.contains(&change.left);
        lost.then(|| Choice {
            policy: change.left.clone(),
            reason: format!(
                "since the switch to {} the cache has had {} more misses than {} would have had",
                cache.policy,
                thousands(-change.gain),
                change.left
            ),
            why: Why::Undo,
        })
    }

    /// Takes in what the host said to a choice.
    pub(crate) fn answered(&mut self, tick: u64, choice: &Choice, answer: &Result<Acceptance, ControlError>) {
        match answer {
            Ok(_) => self.changed(choice),
            Err(ControlError::CoolingDown(until)) => self.silent_until = *until,
            Err(_) => self.silent_until = tick + REFUSED_TICKS,
        }
    }

    /// The choice stands. Should another strategy outrank it, the next tick's metrics say so.
    fn changed(&mut self, choice: &Choice) {
        let left = std::mem::replace(&mut self.in_force, choice.policy.clone());
        if let Some(before) = self.change.take() {
            let factor = if before.gain < 0.0 { 2.0 } else { 0.5 };
            self.doubt = (self.doubt * factor).clamp(1.0, DEAREST);
        }
        self.regrets.rebase(&choice.policy);
        match choice.why {
            Why::Prior => {}
            Why::Better => self.change = Some(Change { left, gain: 0.0, evicted: 0.0 }),
            Why::Undo => self.regrets.doubt(&left, self.cost),
        }
    }
}

/// A whole number with commas: 12,345.
pub(crate) fn thousands(number: f64) -> String {
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
