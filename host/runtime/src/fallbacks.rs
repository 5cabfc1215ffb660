//! What ledger and report say of a policy that lost track of the cache's entries.
//!
//! The cache goes on, because the fallback takes the shard over. Whoever reads the figures of the run has to know that they are
//! not those of the policy that was set.

use host_cache::Stats;
use host_control::ledger::Fallback;

/// Finds fallbacks that are news.
#[derive(Debug, Default)]
pub(crate) struct Fallbacks {
    /// Those seen so far.
    seen: u64,
}

impl Fallbacks {
    /// What the ledger says at this tick; `None` where nothing fell back since the last call.
    pub(crate) fn since(&mut self, tick: u64, cache: &Stats) -> Option<Fallback> {
        let fallbacks = cache.fallbacks.saturating_sub(self.seen);
        self.seen = cache.fallbacks;
        (fallbacks > 0).then(|| Fallback {
            tick,
            policy: cache.failed.as_ref().unwrap_or(&cache.policy).to_string(),
            fallback: cache.fallback.to_string(),
            fallbacks,
            degraded_shards: cache.degraded_shards,
            shards: cache.shards,
            reason: reason(cache).to_owned(),
        })
    }
}

/// What the report says at the end of a run; `None` where nothing fell back.
pub(crate) fn note(cache: &Stats) -> Option<String> {
    let times = match cache.fallbacks {
        0 => return None,
        1 => "once".to_owned(),
        times => format!("{times} times"),
    };
    let Stats { policy, fallback, degraded_shards, shards, .. } = cache;
    let then = match degraded_shards {
        0 => format!("{fallback} stood in for it until the next change"),
        _ => format!("{degraded_shards} of {shards} shards end on {fallback}, not {policy}"),
    };
    Some(format!("a policy failed {times}: {then}; {}", reason(cache)))
}

fn reason(cache: &Stats) -> &str {
    cache.fault.as_deref().unwrap_or("no reason is known")
}

#[cfg(test)]
mod tests {
    use host_cache::policy::{ExportedEntry, ImportedEntry};
    use host_cache::{Cache, Policy, PolicyFactory, Slot, builtin};

    use super::{Fallbacks, note};

    /// Names no entry to evict.
    struct Lost;

    impl Policy for Lost {
        fn on_hit(&mut self, _slot: Slot) {}
        fn on_miss(&mut self, _id: u64, _weight: u64) {}
        fn victim(&mut self) -> Option<Slot> {
            None
        }
        fn on_insert(&mut self, _slot: Slot, _id: u64, _weight: u64) {}
        fn on_remove(&mut self, _slot: Slot) {}
        fn on_reweigh(&mut self, _slot: Slot, _weight: u64) {}
        fn set_capacity(&mut self, _capacity: u64) {}
        fn export(&self) -> Vec<ExportedEntry> {
            Vec::new()
        }
        fn import(&mut self, _entries: &[ImportedEntry]) {}
        fn len(&self) -> usize {
            0
        }
    }

    #[test]
    fn ledger_and_report_tell_of_a_fallback() {
        let lost = PolicyFactory::new("mine", |_| Box::new(Lost));
        let cache = Cache::builder(2).shards(1).policy(&lost).build();
        let mut fallbacks = Fallbacks::default();
        assert_eq!((fallbacks.since(1, &cache.stats()).is_none(), note(&cache.stats())), (true, None));

        for key in 0..5 {
            cache.insert(key, key);
        }
        let told = fallbacks.since(2, &cache.stats()).map(host_control::ledger::Record::Fallback).unwrap();
        assert_eq!(
            serde_json::to_string(&told).unwrap(),
            r#"{"type":"fallback","tick":2,"policy":"mine","fallback":"lru","fallbacks":1,"degraded_shards":1,"shards":1,"reason":"it named no entry to evict"}"#
        );
        assert!(fallbacks.since(3, &cache.stats()).is_none(), "it is told once");
        assert_eq!(
            note(&cache.stats()).unwrap(),
            "a policy failed once: 1 of 1 shards end on lru, not mine; it named no entry to evict"
        );

        cache.set_policy(&lost);
        for key in 5..9 {
            cache.insert(key, key);
        }
        assert_eq!(fallbacks.since(4, &cache.stats()).map(|told| told.fallbacks), Some(1));
        cache.set_policy(&builtin::ARC);
        assert_eq!(
            note(&cache.stats()).unwrap(),
            "a policy failed 2 times: lru stood in for it until the next change; it named no entry to evict"
        );
    }
}
