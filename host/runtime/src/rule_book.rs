//! The prefetcher as the rule book of the control loop.

use std::sync::Arc;

use host_contract::PrefetchRule;
use host_control::{RuleBook, RuleKinds};
use host_prefetch::{Prefetcher, Rule};
use host_profile::Settings;

use crate::ranges::{rule_kinds, rule_limit};

/// The rules of a run.
pub(crate) struct Rules {
    prefetcher: Arc<Prefetcher>,
    /// None where the run cannot prefetch.
    limit: Option<u32>,
    kinds: RuleKinds,
}

impl Rules {
    /// The rules of a prefetcher, as many and of such kinds as the settings take.
    pub(crate) fn new(prefetcher: Arc<Prefetcher>, settings: &Settings) -> Self {
        Self { prefetcher, limit: rule_limit(settings), kinds: rule_kinds(settings) }
    }

    /// Other settings. Rules that they would not take stay until their owner withdraws them.
    pub(crate) fn reload(&mut self, settings: &Settings) {
        (self.limit, self.kinds) = (rule_limit(settings), rule_kinds(settings));
    }
}

impl RuleBook for Rules {
    fn limit(&self) -> Option<u32> {
        self.limit
    }

    fn kinds(&self) -> RuleKinds {
        self.kinds
    }

    fn count(&self) -> u64 {
        u64::try_from(self.prefetcher.stats().len()).unwrap_or(u64::MAX)
    }

    fn install(&mut self, owner: u32, id: u32, rule: &PrefetchRule) -> Result<(), String> {
        let rule = match rule {
            PrefetchRule::Sequential { stride, depth } => Rule::Sequential { stride: *stride, depth: *depth },
            PrefetchRule::Association { key, targets } => {
                Rule::Association { key: *key, targets: targets.clone() }
            }
            PrefetchRule::Stream { depth } => Rule::Stream { depth: *depth },
            PrefetchRule::Mined => Rule::Mined,
            PrefetchRule::Replay { depth } => Rule::Replay { depth: *depth },
        };
        self.prefetcher.install(owner, id, rule).map(drop).map_err(|error| error.to_string())
    }

    fn withdraw(&mut self, owner: u32, id: u32) -> Result<(), String> {
        self.prefetcher.withdraw(owner, id).map_err(|error| error.to_string())
    }

    fn withdraw_all(&mut self, owner: u32) {
        self.prefetcher.withdraw_all(owner);
    }
}

#[cfg(test)]
mod tests {
    use host_prefetch::Budget;

    use super::*;

    #[test]
    fn rules_belong_to_their_owner() {
        let prefetcher = Arc::new(Prefetcher::new(Budget { max_in_flight: 4, cache_share: 0.25 }, 8));
        let mut rules = Rules { prefetcher, limit: Some(8), kinds: RuleKinds::All };
        let sequential = PrefetchRule::Sequential { stride: 1, depth: 4 };
        let association = PrefetchRule::Association { key: 7, targets: vec![70] };
        rules.install(0, 1, &sequential).unwrap();
        rules.install(0, 2, &association).unwrap();
        rules.install(1, 1, &sequential).unwrap();
        assert_eq!((rules.limit(), rules.count()), (Some(8), 3));
        rules.withdraw(0, 2).unwrap();
        assert!(rules.withdraw(0, 2).unwrap_err().contains('2'));
        rules.withdraw_all(0);
        assert_eq!(rules.count(), 1);
        assert!(rules.install(1, 9, &PrefetchRule::Sequential { stride: 0, depth: 4 }).is_err());
    }
}
