//! The data plane as the control loop turns it.
//!
//! Everything is changed where it stands: entries stay in the cache, tasks in the queues. The shadows
//! follow, so that an estimate always speaks of multiples of the present capacity.

use std::sync::Arc;

use host_cache::{Cache, PolicyKind, Shadows};
use host_control::ledger::Value;
use host_control::{Bounds, Budget, Control, Controls, PrefetchRule, Proposal};
use host_executor::Executor;
use host_prefetch::{Prefetcher, Rule};

use crate::entry::Entry;

/// The parts that decisions are applied to.
pub(crate) struct Plane {
    pub(crate) cache: Arc<Cache<u64, Entry>>,
    pub(crate) prefetcher: Arc<Prefetcher>,
    /// None in virtual time.
    pub(crate) executor: Option<Arc<Executor>>,
    pub(crate) shadows: Option<Shadows>,
    pub(crate) bounds: Bounds,
    /// Workers in force, where there is an executor.
    pub(crate) cpu_workers: u32,
    pub(crate) io_workers: u32,
    pub(crate) budget: Budget,
    /// Names of the strategies that own prefetch rules; the position is the owner's number.
    pub(crate) owners: Vec<String>,
}

impl Plane {
    fn owner(&self, name: &str) -> Result<u32, String> {
        let at = self.owners.iter().position(|owner| owner == name);
        at.and_then(|at| u32::try_from(at).ok()).ok_or_else(|| format!("{name} owns no prefetch rules"))
    }
}

impl Controls for Plane {
    fn bounds(&self) -> Bounds {
        self.bounds.clone()
    }

    fn value(&self, control: Control) -> Value {
        match control {
            Control::CachePolicy => Value::Policy(self.cache.policy().to_string()),
            Control::CacheCapacity => Value::Count(self.cache.capacity()),
            Control::CpuWorkers => Value::Count(u64::from(self.cpu_workers)),
            Control::IoWorkers => Value::Count(u64::from(self.io_workers)),
            Control::PrefetchRules => {
                let rules = self.prefetcher.stats().len();
                Value::Rules { rules: u64::try_from(rules).unwrap_or(u64::MAX) }
            }
            Control::PrefetchBudget => Value::Budget(self.budget),
        }
    }

    fn apply(&mut self, owner: &str, proposal: &Proposal) -> Result<(), String> {
        match proposal {
            Proposal::CachePolicy(name) => {
                let kind: PolicyKind = name.parse().map_err(text)?;
                self.cache.set_policy(kind);
            }
            Proposal::CacheCapacity(bytes) => {
                self.cache.set_capacity(*bytes);
                self.prefetcher.set_cache_capacity(*bytes);
                if let Some(shadows) = &mut self.shadows {
                    shadows.set_capacity(*bytes);
                }
            }
            Proposal::CpuWorkers(workers) => {
                let executor = self.executor.as_ref().ok_or("this run has no executor")?;
                self.cpu_workers = executor.resize_cpu(*workers).map_err(text)?;
            }
            Proposal::IoWorkers(workers) => {
                let executor = self.executor.as_ref().ok_or("this run has no executor")?;
                self.io_workers = executor.resize_io(*workers);
            }
            Proposal::PrefetchBudget(budget) => {
                self.prefetcher.set_max_in_flight(budget.max_in_flight);
                self.prefetcher.set_cache_share(budget.cache_share);
                self.budget = *budget;
            }
            Proposal::InstallRule { id, rule } => {
                let rule = match rule {
                    PrefetchRule::Sequential { stride, depth } => {
                        Rule::Sequential { stride: *stride, depth: *depth }
                    }
                    PrefetchRule::Association { key, targets } => {
                        Rule::Association { key: *key, targets: targets.clone() }
                    }
                };
                self.prefetcher.install(self.owner(owner)?, *id, rule).map_err(text)?;
            }
            Proposal::WithdrawRule { id } => {
                self.prefetcher.withdraw(self.owner(owner)?, *id).map_err(text)?;
            }
        }
        Ok(())
    }

    fn withdraw_rules(&mut self, owner: &str) {
        if let Ok(owner) = self.owner(owner) {
            self.prefetcher.withdraw_all(owner);
        }
    }
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}
