//! Where a strategy hands in its proposals.
//!
//! One desk serves one strategy for one tick. It answers each call at once from what is known before
//! the tick: grants, bounds, cool-downs. It applies nothing; what stands goes to the arbiter. It also
//! bounds what a runaway strategy can make the host remember: at most [`MAX_PROPOSALS`] proposals
//! count, everything beyond is refused and only numbered.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use std::sync::Arc;

use serde::Serialize;

use crate::proposal::{Acceptance, Budget, Control, PrefetchRule, Proposal, Refusal};

/// Proposals of one strategy in one tick that are listened to.
pub const MAX_PROPOSALS: u32 = 256;

/// Most targets that an association rule may have.
pub const MAX_TARGETS: usize = 16;

/// Most keys that a sequential rule may stay ahead.
pub const MAX_DEPTH: u32 = 64;

/// What each control can take in this run.
#[derive(Debug, Clone, PartialEq)]
pub struct Bounds {
    /// Names of the policies that the cache can follow.
    pub policies: Vec<String>,
    /// Capacity of the cache, bytes.
    pub capacity: RangeInclusive<u64>,
    /// Threads of the CPU pool; none where the run has no executor.
    pub cpu_workers: Option<RangeInclusive<u32>>,
    /// Tasks of the IO pool at once; none where the run has no executor.
    pub io_workers: Option<RangeInclusive<u32>>,
    /// Loads ahead of demand under way at once; none where the run cannot prefetch.
    pub prefetch_in_flight: Option<RangeInclusive<u32>>,
    /// Largest share of the cache for entries loaded ahead and not yet asked for.
    pub prefetch_share: f64,
    /// Prefetch rules that one strategy may have installed.
    pub max_rules: u32,
}

/// One proposal and the answer it got.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Entry {
    /// What was asked for.
    pub proposal: Proposal,
    /// What was answered.
    pub answer: Result<Acceptance, Refusal>,
}

/// Where one strategy hands in its proposals of one tick.
#[derive(Debug)]
pub struct Desk {
    granted: BTreeSet<Control>,
    bounds: Arc<Bounds>,
    cooling: Arc<BTreeMap<Control, u64>>,
    rules: BTreeSet<u32>,
    entries: Vec<Entry>,
    ignored: u64,
}

impl Desk {
    /// A desk for a strategy with these grants, which has these rules installed. `cooling` names the
    /// controls that were changed a moment ago, each with the tick from which it is free again.
    #[must_use]
    pub fn new(
        granted: BTreeSet<Control>,
        bounds: Arc<Bounds>,
        cooling: Arc<BTreeMap<Control, u64>>,
        rules: BTreeSet<u32>,
    ) -> Self {
        Self { granted, bounds, cooling, rules, entries: Vec::new(), ignored: 0 }
    }

    /// A desk that grants nothing, for calls made outside a tick.
    #[must_use]
    pub fn closed() -> Self {
        let bounds = Bounds {
            policies: Vec::new(),
            capacity: 0..=0,
            cpu_workers: None,
            io_workers: None,
            prefetch_in_flight: None,
            prefetch_share: 0.0,
            max_rules: 0,
        };
        Self::new(BTreeSet::new(), Arc::new(bounds), Arc::default(), BTreeSet::new())
    }

    /// Hears one proposal and answers it. The proposal is kept with its bounds applied.
    ///
    /// # Errors
    /// The reason for which the proposal is refused.
    pub fn propose(&mut self, proposal: Proposal) -> Result<Acceptance, Refusal> {
        let kept = u32::try_from(self.entries.len()).unwrap_or(u32::MAX);
        if kept >= MAX_PROPOSALS {
            self.ignored += 1;
            return Err(Refusal::TooMany(MAX_PROPOSALS));
        }
        let (proposal, answer) = match self.judge(&proposal) {
            Ok((bounded, acceptance)) => (bounded, Ok(acceptance)),
            Err(refusal) => (proposal, Err(refusal)),
        };
        if answer.is_ok() {
            match &proposal {
                Proposal::InstallRule { id, .. } => {
                    self.rules.insert(*id);
                }
                Proposal::WithdrawRule { id } => {
                    self.rules.remove(id);
                }
                _ => {}
            }
        }
        self.entries.push(Entry { proposal, answer: answer.clone() });
        answer
    }

    /// Rules that may still be installed.
    #[must_use]
    pub fn rules_left(&self) -> u32 {
        let installed = u32::try_from(self.rules.len()).unwrap_or(u32::MAX);
        self.bounds.max_rules.saturating_sub(installed)
    }

    /// Everything heard, in order.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Calls beyond [`MAX_PROPOSALS`], refused and not kept.
    #[must_use]
    pub fn ignored(&self) -> u64 {
        self.ignored
    }

    fn judge(&self, proposal: &Proposal) -> Result<(Proposal, Acceptance), Refusal> {
        let control = proposal.control();
        if !self.granted.contains(&control) {
            return Err(Refusal::NotGranted);
        }
        if let Some(&until) = self.cooling.get(&control) {
            return Err(Refusal::CoolingDown(until));
        }
        let bounds = &self.bounds;
        match proposal {
            Proposal::CachePolicy(name) => {
                if bounds.policies.contains(name) {
                    Ok((proposal.clone(), Acceptance::Accepted))
                } else {
                    Err(Refusal::Unknown(bounds.policies.clone()))
                }
            }
            Proposal::CacheCapacity(bytes) => {
                let within = clamp(*bytes, &bounds.capacity);
                Ok((Proposal::CacheCapacity(within), answer(*bytes, within)))
            }
            Proposal::CpuWorkers(n) => {
                let (within, acceptance) = workers(*n, bounds.cpu_workers.as_ref())?;
                Ok((Proposal::CpuWorkers(within), acceptance))
            }
            Proposal::IoWorkers(n) => {
                let (within, acceptance) = workers(*n, bounds.io_workers.as_ref())?;
                Ok((Proposal::IoWorkers(within), acceptance))
            }
            Proposal::PrefetchBudget(budget) => {
                let range = bounds.prefetch_in_flight.as_ref().ok_or(Refusal::Unavailable)?;
                if budget.cache_share.is_nan() {
                    return Err(Refusal::Invalid("cache-share is not a number".to_owned()));
                }
                let within = clamp(budget.max_in_flight, range);
                let cache_share = budget.cache_share.clamp(0.0, bounds.prefetch_share);
                let bounded = Proposal::PrefetchBudget(Budget { max_in_flight: within, cache_share });
                Ok((bounded, answer(u64::from(budget.max_in_flight), u64::from(within))))
            }
            Proposal::InstallRule { id, rule } => self.judge_rule(*id, rule),
            Proposal::WithdrawRule { id } => {
                if self.rules.contains(id) {
                    Ok((proposal.clone(), Acceptance::Accepted))
                } else {
                    Err(Refusal::Unknown(self.rules.iter().map(u32::to_string).collect()))
                }
            }
        }
    }

    fn judge_rule(&self, id: u32, rule: &PrefetchRule) -> Result<(Proposal, Acceptance), Refusal> {
        if self.bounds.prefetch_in_flight.is_none() {
            return Err(Refusal::Unavailable);
        }
        if !self.rules.contains(&id) && self.rules_left() == 0 {
            return Err(Refusal::TooMany(self.bounds.max_rules));
        }
        match rule {
            PrefetchRule::Sequential { stride: 0, .. } => Err(Refusal::Invalid("stride is 0".to_owned())),
            PrefetchRule::Sequential { stride, depth } => {
                let within = (*depth).clamp(1, MAX_DEPTH);
                let rule = PrefetchRule::Sequential { stride: *stride, depth: within };
                Ok((Proposal::InstallRule { id, rule }, answer(u64::from(*depth), u64::from(within))))
            }
            PrefetchRule::Association { targets, .. } if targets.is_empty() => {
                Err(Refusal::Invalid("no targets".to_owned()))
            }
            PrefetchRule::Association { key, targets } => {
                let kept: Vec<u64> = targets.iter().copied().take(MAX_TARGETS).collect();
                let (asked, within) = (len(targets), len(&kept));
                let rule = PrefetchRule::Association { key: *key, targets: kept };
                Ok((Proposal::InstallRule { id, rule }, answer(asked, within)))
            }
        }
    }
}

fn len(list: &[u64]) -> u64 {
    u64::try_from(list.len()).unwrap_or(u64::MAX)
}

fn workers(n: u32, range: Option<&RangeInclusive<u32>>) -> Result<(u32, Acceptance), Refusal> {
    let within = clamp(n, range.ok_or(Refusal::Unavailable)?);
    Ok((within, answer(u64::from(n), u64::from(within))))
}

/// `Ord::clamp` panics on an empty range; a bound from outside must not.
fn clamp<T: Ord + Copy>(value: T, range: &RangeInclusive<T>) -> T {
    value.min(*range.end()).max(*range.start())
}

fn answer(asked: u64, within: u64) -> Acceptance {
    if asked == within { Acceptance::Accepted } else { Acceptance::Clamped(within) }
}

#[cfg(test)]
mod tests;
