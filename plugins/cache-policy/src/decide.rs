//! Which policy, and when it is worth a change.
//!
//! A change of policy costs misses: the cache holds what the old policy kept, and the newcomer earns its shadow's
//! hit ratio only once it holds what it would have kept itself. How long a lead will last nobody knows. So the
//! strategy follows the leader, with a bounded memory, once staying has cost a good part of a change:
//!
//! - Each policy's shadow tells its misses. They are summed up behind the leader, the policy with the fewest, and
//!   capped at `memory` times the cost of a change. So a lead has to make up for what the policy lost before, and a
//!   policy that was bad long ago can lead again soon. Without the cap this is the strategy of Hannan ("Approximation
//!   to Bayes risk in repeated play", 1957) for requests that do not change; the cap is for those that do.
//! - The leader is put in force once the present policy is `patience` times the cost of a change behind it.
//! - The cost of a change is estimated as a share (`change-cost`) of the entries the two policies can disagree about:
//!   as many as were evicted so far, at most all. To that come `min-misses` sampled misses, below which a sum is chance.
//! - Before anything was evicted all policies hold the same, and a change costs nothing. What is chosen then is
//!   `prior`.
//!
//! Where the shadows follow so few keys that a sum of misses says little (`entries` of a shadow below [`FEW`]), other rules hold.
//! Chance would change the policy again and again, and each change costs misses, and memory besides. There the start is a policy
//! that is good everywhere (`coarse-prior`), fewer policies are followed (`coarse-candidates`), so that more keys of each are,
//! and a policy takes over only where it is better beyond chance (`decide/evidence.rs`).
//!
//! All figures are misses, at full scale: no ticks and no times, so that they say the same of a short trace and of
//! a busy service. Where bandwidth is the objective they are the bytes of the misses, and what is counted in entries
//! counts as many bytes as an entry has in the mean.

mod evidence;
mod feedback;
mod standings;

use evidence::{Bar, Evidence};
use feedback::{Feedback, Window};
use standings::Standings;
use std::collections::BTreeMap;
use strategy_sdk::{
    Acceptance, ControlError, count,
    metrics::{CacheMetrics, ShadowEstimate},
    thousands,
};

strategy_sdk::settings! {
    /// What a profile may set.
    pub(crate) struct Settings {
        /// Policies to choose from, with spaces between: shadows follow them; of equals the first is taken
        candidates: String = "lru arc w-tinylfu lirs 2q lfu lirs(hir=0.1,ghosts=4) s3-fifo(small=0.25,ghosts=2)",
        /// Policy to take while nothing was evicted and a change costs nothing; empty: the profile's own
        prior: String = "lirs",
        /// The same where a mistake is dear: prefetching is on, or the cache is so large that the shadows follow a sample
        safe_prior: String = "arc",
        /// What is followed instead where the shadows follow few keys; fewer policies, so that more keys of each are
        coarse_candidates: String = "s3-fifo(small=0.25) arc w-tinylfu",
        /// What is taken at the start where the shadows follow few keys, or it is not known yet how many
        coarse_prior: String = "s3-fifo(small=0.25)",
        /// Where the shadows follow few keys: standard errors by which a policy has to miss less before it is put in force
        coarse_errors: f64 = 4.0 in 0.0..=100.0,
        /// The same as a share of the requests
        coarse_lead: f64 = 0.02 in 0.0..=1.0,
        /// Misses that a change is taken to cost, as a share of the entries
        change_cost: f64 = 0.03 in 0.0..=10.0,
        /// Costs of a change that staying with a policy may have cost before the leader takes its place
        patience: f64 = 0.6 in 0.0..=100.0,
        /// Costs of a change by which a policy is behind the leader at most
        memory: f64 = 8.0 in 0.0..=1e6,
        /// Sampled misses below which a lead is chance
        min_misses: f64 = 16.0 in 0.0..=1e12,
    }
}

/// Policies that no load ruins, with any parameters: in the mean over the traces that are not of LIRS's paper they miss no more
/// than half a percent more than LRU, where LFU, LIRS and W-TinyLFU with its small window miss 4 % more and over. Who starts
/// with one of them keeps it until more is known, where the prior is the safe one: that is none of them for certain.
const SAFE: [&str; 6] = ["arc", "2q", "s3-fifo", "s4-fifo", "clock2q-plus", "w-tinylfu-climb"];

/// A cache that misses less than this share of what its shadow misses is taken to owe that to prefetching; a smaller
/// difference may be the error of a sample.
const PREFETCHED: f64 = 0.9;

/// Entries of a shadow below which a sample is small, and from which it no longer is.
const FEW: f64 = 1_024.0;
const MANY: f64 = 2_048.0;

/// Ticks without a proposal after one that was refused for good: it would be refused again.
const REFUSED_TICKS: u64 = 16;

/// What a miss counts as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Loss {
    /// One, whatever its size.
    Miss,
    /// Its bytes.
    Bytes,
}

/// A change worth proposing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Choice {
    /// The policy.
    pub(crate) policy: String,
    /// The figures behind it.
    pub(crate) reason: String,
}

/// The strategy's memory from tick to tick.
#[derive(Debug)]
pub(crate) struct Chooser {
    settings: Settings,
    loss: Loss,
    /// Policies that have a shadow, or will have one.
    candidates: Vec<String>,
    capacity_bytes: u64,
    standings: Standings,
    feedback: Feedback,
    evidence: Evidence,
    /// Whether the shadows follow few keys; none before it was looked at.
    coarse: Option<bool>,
    /// Whether the capacity is in objects: how many entries there will be is known from the start then.
    objects: bool,
    /// Entries evicted since the start.
    evicted: f64,
    /// Entries at the last tick.
    entries: u64,
    /// A proposal was accepted: what comes before the first eviction is decided.
    prior_taken: bool,
    /// No proposal before this tick.
    silent_until: u64,
}

impl Chooser {
    pub(crate) fn with(settings: Settings, loss: Loss) -> Self {
        let candidates = settings.candidates.split_whitespace().map(str::to_owned).collect();
        Self {
            settings,
            loss,
            candidates,
            capacity_bytes: 0,
            standings: Standings::default(),
            feedback: Feedback::default(),
            evidence: Evidence::default(),
            coarse: None,
            objects: false,
            evicted: 0.0,
            entries: 0,
            prior_taken: false,
            silent_until: 0,
        }
    }

    /// Says whether the capacity is in objects; it is in bytes unless said.
    pub(crate) fn in_objects(self, objects: bool) -> Self {
        Self { objects, ..self }
    }

    /// The policies that are to be followed from now on, where these are others than before.
    pub(crate) fn candidates(
        &mut self,
        cache: &CacheMetrics,
        shadows: &[ShadowEstimate],
    ) -> Option<Vec<String>> {
        let rate = rate(shadows);
        let entries = if self.objects { cache.capacity_bytes } else { cache.entries };
        let held = count(entries) * rate;
        // Fewer policies may be followed whole where more were not.
        let coarse = if self.coarse == Some(true) { held < MANY } else { rate < 1.0 && held < FEW };
        if self.coarse.replace(coarse) == Some(coarse) {
            return None;
        }
        let list = if coarse { &self.settings.coarse_candidates } else { &self.settings.candidates };
        Some(list.split_whitespace().map(str::to_owned).collect())
    }

    /// The shadows follow these.
    pub(crate) fn follows(&mut self, policies: Vec<String>) {
        self.candidates = policies;
    }

    /// Takes in one tick's figures, and whether anything can be prefetched. Where a [loss](Loss) is in bytes, so are the
    /// misses of the window. Answers where another policy than the present one should be in force.
    pub(crate) fn choose(
        &mut self,
        tick: u64,
        cache: &CacheMetrics,
        shadows: &[ShadowEstimate],
        prefetching: bool,
    ) -> Option<Choice> {
        self.notice_capacity(cache.capacity_bytes);
        self.evicted += count(cache.window_evictions);
        let own = self.own_misses(cache);
        let rate = rate(shadows);
        if self.evicted == 0.0 {
            return self.prior(tick, cache, prefetching, rate < 1.0);
        }
        let at_present = |shadow: &&ShadowEstimate| (shadow.capacity_factor - 1.0).abs() < 1e-6;
        let shadows: Vec<&ShadowEstimate> = shadows.iter().filter(at_present).collect();
        let mut misses: BTreeMap<&str, f64> =
            shadows.iter().map(|s| (s.policy.as_str(), count(s.window_misses) / rate)).collect();
        // A policy without a shadow stands for itself.
        misses.entry(&cache.policy).or_insert(own);
        let disputed = count(cache.entries).min(self.evicted);
        let miss = match self.loss {
            Loss::Miss => 1.0,
            Loss::Bytes => count(cache.used_bytes) / count(cache.entries).max(1.0),
        };
        let cost = miss * (self.settings.change_cost * disputed + self.settings.min_misses / rate);
        // The cache and a shadow of few keys differ by chance alone: neither is held against the other.
        if self.coarse == Some(true) {
            let sampled = misses.iter().map(|(policy, misses)| (*policy, misses * rate)).collect();
            let requests = shadows.first().map_or(0.0, |shadow| count(shadow.window_requests));
            self.evidence.add(&cache.policy, &sampled, requests, count(cache.entries) * rate);
            let free = tick >= self.silent_until;
            return free.then(|| self.beyond_chance(cache, cost, miss, rate)).flatten();
        }
        if let Some(&shadow) = misses.get(cache.policy.as_str()) {
            let entries = count(cache.entries);
            let evicted = count(cache.window_evictions);
            self.feedback.add(&Window { in_force: &cache.policy, entries, evicted, own, shadow, cost });
        }
        for (policy, misses) in &mut misses {
            *misses *= self.feedback.factor(policy);
        }
        // A shadow knows nothing of what is prefetched. How much of it another policy would keep until it is asked for,
        // nobody knows either: what prefetching saves counts for the policy in force.
        if prefetching
            && let Some(shadow) = misses.get_mut(cache.policy.as_str())
            && own < PREFETCHED * *shadow
        {
            *shadow = own;
        }
        self.standings.add(&misses, &cache.policy, self.settings.memory * cost);
        if tick < self.silent_until { None } else { self.leader(cache, cost) }
    }

    /// The misses of the window that a shadow can know: those whose value came into the cache. Clients that ask for a key again
    /// before anybody has stored it, or store nothing, miss more often than any policy is to blame for. Bytes are counted so
    /// by the host.
    fn own_misses(&mut self, cache: &CacheMetrics) -> f64 {
        let before = std::mem::replace(&mut self.entries, cache.entries);
        let stored = cache.entries.saturating_add(cache.window_evictions).saturating_sub(before);
        match self.loss {
            Loss::Miss => count(cache.window_misses.min(stored)),
            Loss::Bytes => count(cache.window_misses),
        }
    }

    /// What was learnt of another capacity, by more than a fifth, says little from now on.
    fn notice_capacity(&mut self, is: u64) {
        let was = self.capacity_bytes;
        if was.abs_diff(is) > was.max(is) / 5 {
            self.standings = Standings::default();
            self.capacity_bytes = is;
        }
    }

    fn prior(&self, tick: u64, cache: &CacheMetrics, prefetching: bool, sampled: bool) -> Option<Choice> {
        let Settings { prior, safe_prior, coarse_prior, .. } = &self.settings;
        let safe = prefetching || sampled;
        let prior = if self.coarse == Some(true) {
            coarse_prior
        } else if safe {
            safe_prior
        } else {
            prior
        };
        let applies = tick >= self.silent_until
            && !self.prior_taken
            && self.candidates.contains(prior)
            && on_offer(cache, prior)
            && *prior != cache.policy
            && !(safe && SAFE.contains(&cache.policy.split('(').next().unwrap_or_default()));
        applies.then(|| Choice {
            policy: prior.clone(),
            reason: format!(
                "nothing has been evicted yet, so switching costs nothing; {prior} until more is known"
            ),
        })
    }

    fn leader(&self, cache: &CacheMetrics, cost: f64) -> Option<Choice> {
        let (policy, its) = self.standings.leader(&self.candidates, |policy| on_offer(cache, policy))?;
        let behind = self.standings.behind(&cache.policy) - its;
        (behind > self.settings.patience * cost).then(|| self.change(cache, policy, behind, cost))
    }

    /// A policy that is better than the one in force by more than a small sample is wrong. `miss` is what one counts as.
    fn beyond_chance(&self, cache: &CacheMetrics, cost: f64, miss: f64, rate: f64) -> Option<Choice> {
        let bar = Bar {
            errors: self.settings.coarse_errors,
            share: self.settings.coarse_lead,
            misses: self.settings.patience * cost * rate,
            miss,
        };
        let (policy, saved) = self.evidence.best(bar, |policy| on_offer(cache, policy))?;
        Some(self.change(cache, policy, saved / rate, cost))
    }

    fn change(&self, cache: &CacheMetrics, policy: &str, saved: f64, cost: f64) -> Choice {
        Choice {
            policy: policy.to_owned(),
            reason: format!(
                "it would have missed {} fewer {} than {}; a change costs about {}",
                thousands(saved),
                match self.loss {
                    Loss::Miss => "requests",
                    Loss::Bytes => "bytes",
                },
                cache.policy,
                thousands(cost)
            ),
        }
    }

    /// Takes in what the host said to a choice. Should another strategy outrank it, the next tick's metrics say so.
    pub(crate) fn answered(&mut self, tick: u64, answer: &Result<Acceptance, ControlError>) {
        match answer {
            Ok(_) => self.prior_taken = true,
            Err(ControlError::CoolingDown(until)) => self.silent_until = *until,
            Err(_) => self.silent_until = tick + REFUSED_TICKS,
        }
    }
}

/// The share of keys that the shadows follow, over 0; 1 where there are none.
fn rate(shadows: &[ShadowEstimate]) -> f64 {
    shadows.first().map_or(1.0, |shadow| shadow.sampling_rate).max(f64::MIN_POSITIVE)
}

/// Whether the host has the policy. Its list names no parameters.
fn on_offer(cache: &CacheMetrics, policy: &str) -> bool {
    let name = policy.split('(').next().unwrap_or(policy);
    cache.policies.iter().any(|known| known == name)
}

#[cfg(test)]
mod tests;
