//! The interfaces of the host as native functions, answered by the tick that is under way.
//!
//! Each module has the types that the bindings have, and functions of its own in place of theirs.

use super::now::with;
use crate::bindings::optimizer::plugin::types::{Acceptance, ControlError};

/// What a proposal is answered.
type Answer = Result<Acceptance, ControlError>;

/// `optimizer:plugin/metrics`.
pub mod metrics {
    pub use crate::bindings::optimizer::plugin::metrics::*;

    use super::with;

    /// The machine and this process.
    #[must_use]
    pub fn system() -> SystemMetrics {
        with(|now| now.shown.system)
    }

    /// The memory tier.
    #[must_use]
    pub fn cache() -> CacheMetrics {
        with(|now| now.shown.cache.clone())
    }

    /// Every policy at every capacity that is simulated.
    #[must_use]
    pub fn shadows() -> Vec<ShadowEstimate> {
        with(|now| now.shown.shadows.clone())
    }

    /// Size of what the shadows missed, for each of [`shadows`].
    #[must_use]
    pub fn shadow_missed_bytes() -> Vec<u64> {
        with(|now| now.shown.missed_bytes.clone())
    }

    /// The pools; all 0 where the run has none.
    #[must_use]
    pub fn executor() -> ExecutorMetrics {
        let none = || PoolMetrics {
            workers: 0,
            min_workers: 0,
            max_workers: 0,
            utilisation: 0.0,
            queued: 0,
            window_completed: 0,
            mean_wait_us: 0.0,
            mean_service_us: 0.0,
        };
        let without = || ExecutorMetrics { cpu: none(), io: none(), classes: Vec::new() };
        with(|now| now.shown.executor.clone().unwrap_or_else(without))
    }

    /// The window of each class of tasks.
    #[must_use]
    pub fn classes() -> Vec<ClassWindow> {
        with(|now| now.shown.windows.clone())
    }

    /// Prefetching, with the rules of this strategy.
    #[must_use]
    pub fn prefetch() -> PrefetchMetrics {
        with(|now| {
            let mine = now.shown.rules.iter().filter(|rule| rule.owner == now.name);
            PrefetchMetrics {
                in_flight: now.shown.in_flight,
                max_in_flight: now.shown.max_in_flight,
                cache_share: now.shown.cache_share,
                rules_left: now.rules_left(),
                rules: mine.map(|rule| rule.became).collect(),
            }
        })
    }

    /// What the rules of this strategy cost.
    #[must_use]
    pub fn prefetch_costs() -> Vec<RuleCosts> {
        with(|now| {
            let mine = now.shown.rules.iter().filter(|rule| rule.owner == now.name);
            mine.map(|rule| rule.costs).collect()
        })
    }

    /// The gauges of this tick. A ledger has their names alone.
    #[must_use]
    pub fn gauges() -> Vec<GaugeInfo> {
        let row =
            |name: &String| GaugeInfo { name: name.clone(), unit: String::new(), summary: String::new() };
        with(|now| now.shown.gauges.keys().map(row).collect())
    }

    /// The value of a gauge in this tick.
    #[must_use]
    pub fn gauge(name: &str) -> Option<f64> {
        with(|now| now.shown.gauges.get(name).copied())
    }

    /// The last values of a gauge, oldest first.
    #[must_use]
    pub fn history(name: &str, max: u32) -> Vec<f64> {
        let max = usize::try_from(max).unwrap_or(usize::MAX).min(crate::replay::HISTORY);
        let last =
            |values: &Vec<f64>| values.iter().skip(values.len().saturating_sub(max)).copied().collect();
        with(|now| now.history.get(name).map(last).unwrap_or_default())
    }
}

/// `optimizer:plugin/accesses`.
pub mod accesses {
    pub use crate::bindings::optimizer::plugin::accesses::*;

    use super::with;

    /// Most requests answered at once.
    const MOST: usize = 4_096;

    /// The requests after a cursor; none where the ledger has no requests (`control.record-requests`).
    #[must_use]
    pub fn since(cursor: u64, max: u32) -> AccessBatch {
        let most = usize::try_from(max).unwrap_or(usize::MAX).min(MOST);
        with(|now| {
            let kept = &now.requests;
            let count = |keys: &[u64]| u64::try_from(keys.len()).unwrap_or(u64::MAX);
            let end = kept.kept.saturating_add(count(&kept.keys));
            let lost = kept.kept.saturating_sub(cursor);
            let skipped = usize::try_from(cursor.saturating_sub(kept.kept)).unwrap_or(usize::MAX);
            let keys: Vec<u64> = kept.keys.iter().skip(skipped).take(most).copied().collect();
            AccessBatch {
                next: if cursor > end { cursor } else { cursor + lost + count(&keys) },
                lost,
                sizes: kept.sizes.iter().skip(skipped).take(most).copied().collect(),
                hits: kept.hits.iter().skip(skipped).take(most).copied().collect(),
                keys,
            }
        })
    }

    /// The keys of the most recent requests, oldest first.
    #[must_use]
    pub fn recent(max: u32) -> Vec<u64> {
        let most = usize::try_from(max).unwrap_or(usize::MAX).min(MOST);
        with(|now| {
            let keys = &now.requests.keys;
            keys.iter().skip(keys.len().saturating_sub(most)).copied().collect()
        })
    }
}

/// `optimizer:plugin/dials`.
pub mod dials {
    pub use crate::bindings::optimizer::plugin::dials::*;
    use serde_json::Value as Json;

    use super::with;

    /// The dials that have something behind them in the run.
    #[must_use]
    pub fn names() -> Vec<String> {
        let dials = |offer: &Json| Some(offer.get("dials")?.as_object()?.keys().cloned().collect());
        with(|now| dials(&now.offer).unwrap_or_default())
    }

    /// Range and value of a dial that is a number.
    #[must_use]
    pub fn range(dial: &str) -> Option<DialRange> {
        with(|now| {
            let (minimum, maximum) = now.bounds(dial)?;
            Some(DialRange { minimum, maximum, value: now.dial(dial)?.get("value")?.as_f64()? })
        })
    }

    /// The names that a dial takes which is a choice.
    #[must_use]
    pub fn choices(dial: &str) -> Vec<String> {
        with(|now| now.choices(dial))
    }

    /// The name in force of a dial that is a choice.
    #[must_use]
    pub fn choice(dial: &str) -> Option<String> {
        with(|now| Some(now.dial(dial)?.get("value")?.as_str()?.to_owned()))
    }

    /// The first tick in which a proposal is not refused as cooling down.
    #[must_use]
    pub fn free_from_tick(dial: &str) -> Option<u64> {
        with(|now| now.free_from(dial))
    }

    /// Says why a dial is turned.
    pub fn explain(dial: &str, reason: &str) {
        with(|now| now.reasons.insert(dial.to_owned(), reason.to_owned()));
    }

    /// None: nothing that is asked for in a replay comes of anything.
    #[must_use]
    pub fn outcomes(_: u32) -> Vec<Outcome> {
        Vec::new()
    }
}

/// `optimizer:plugin/run`.
pub mod run {
    use super::with;

    /// What moves the time of the run that was recorded.
    #[must_use]
    pub fn clock() -> String {
        with(|now| now.about.clock.clone())
    }

    /// What the operator wants.
    #[must_use]
    pub fn objective() -> String {
        with(|now| now.about.objective.clone())
    }

    /// Unit of sizes and of the capacity.
    #[must_use]
    pub fn capacity_unit() -> String {
        with(|now| now.about.unit.clone())
    }

    /// The seed of the run.
    #[must_use]
    pub fn seed() -> u64 {
        with(|now| now.about.seed)
    }

    /// Whether keys keep an order.
    #[must_use]
    pub fn keys_ordered() -> bool {
        with(|now| now.about.keys_ordered)
    }

    /// Whether all of the work is there from the start.
    #[must_use]
    pub fn batch() -> bool {
        with(|now| now.about.batch)
    }

    /// Natively nothing counts it: the most there is.
    #[must_use]
    pub fn fuel_left() -> u64 {
        u64::MAX
    }

    /// None, as in virtual time.
    #[must_use]
    pub fn time_left_ns() -> Option<u64> {
        None
    }
}

/// `optimizer:plugin/cache-control`.
pub mod cache_control {
    use super::{Answer, with};

    /// Dial `cache-policy`.
    ///
    /// # Errors
    /// Why it is refused.
    pub fn propose_policy(name: &str) -> Answer {
        with(|now| now.propose_name("cache-policy", name.to_owned()))
    }

    /// Dial `cache-capacity`.
    ///
    /// # Errors
    /// Why it is refused.
    pub fn propose_capacity(bytes: u64) -> Answer {
        with(|now| now.propose_number("cache-capacity", crate::count(bytes), bytes.to_string()))
    }

    /// Dial `cache-ttl`.
    ///
    /// # Errors
    /// Why it is refused.
    pub fn propose_ttl(seconds: u64) -> Answer {
        with(|now| now.propose_number("cache-ttl", crate::count(seconds), seconds.to_string()))
    }

    /// Dial `refresh-ahead`.
    ///
    /// # Errors
    /// Why it is refused.
    pub fn propose_refresh_ahead(share: f64) -> Answer {
        with(|now| now.propose_number("refresh-ahead", share, share.to_string()))
    }
}

/// `optimizer:plugin/tier-control`.
pub mod tier_control {
    use super::{Answer, with};

    /// Dial `warm-capacity`.
    ///
    /// # Errors
    /// Why it is refused.
    pub fn propose_warm_capacity(bytes: u64) -> Answer {
        with(|now| now.propose_number("warm-capacity", crate::count(bytes), bytes.to_string()))
    }

    /// Dial `warm-compression`.
    ///
    /// # Errors
    /// Why it is refused.
    pub fn propose_warm_compression(name: &str) -> Answer {
        with(|now| now.propose_name("warm-compression", name.to_owned()))
    }

    /// Dial `disk-capacity`.
    ///
    /// # Errors
    /// Why it is refused.
    pub fn propose_disk_capacity(bytes: u64) -> Answer {
        with(|now| now.propose_number("disk-capacity", crate::count(bytes), bytes.to_string()))
    }

    /// Dial `tiers-ttl`.
    ///
    /// # Errors
    /// Why it is refused.
    pub fn propose_ttl(seconds: u64) -> Answer {
        with(|now| now.propose_number("tiers-ttl", crate::count(seconds), seconds.to_string()))
    }
}

/// `optimizer:plugin/executor-control`.
pub mod executor_control {
    use super::{Answer, with};

    /// Dial `cpu-workers`.
    ///
    /// # Errors
    /// Why it is refused.
    pub fn propose_cpu_workers(workers: u32) -> Answer {
        with(|now| now.propose_number("cpu-workers", f64::from(workers), workers.to_string()))
    }

    /// Dial `io-workers`.
    ///
    /// # Errors
    /// Why it is refused.
    pub fn propose_io_workers(workers: u32) -> Answer {
        with(|now| now.propose_number("io-workers", f64::from(workers), workers.to_string()))
    }
}

/// `optimizer:plugin/prefetch-control`.
pub mod prefetch_control {
    pub use crate::bindings::optimizer::plugin::prefetch_control::*;

    use super::super::now::{RULES, Shape};
    use super::{Answer, with};

    /// Proposes a rule under an id of the strategy's own choice.
    ///
    /// # Errors
    /// Why it is refused.
    pub fn propose_rule(id: u32, rule: &Rule) -> Answer {
        let shape = match rule {
            Rule::Sequential(rule) => Shape::Stride(rule.stride, rule.depth),
            Rule::Association(rule) => Shape::Targets(rule.targets.len()),
        };
        with(|now| now.propose_rule(id, format!("{rule:?}"), shape))
    }

    /// Proposes a rule that finds keys at an equal distance by itself.
    ///
    /// # Errors
    /// Why it is refused.
    pub fn propose_stream(id: u32, depth: u32) -> Answer {
        with(|now| now.propose_rule(id, format!("stream {depth}"), Shape::Depth(depth)))
    }

    /// Proposes a rule that loads what came after a key the last time.
    ///
    /// # Errors
    /// Why it is refused.
    pub fn propose_replay(id: u32, depth: u32) -> Answer {
        with(|now| now.propose_rule(id, format!("replay {depth}"), Shape::Depth(depth)))
    }

    /// Proposes a rule that loads what missed together with a key before.
    ///
    /// # Errors
    /// Why it is refused.
    pub fn propose_mined(id: u32) -> Answer {
        with(|now| now.propose_rule(id, "mined".to_owned(), Shape::Mined))
    }

    /// Proposes to withdraw a rule.
    ///
    /// # Errors
    /// Why it is refused.
    pub fn propose_withdrawal(id: u32) -> Answer {
        with(|now| now.withdraw(id))
    }

    /// Says why rules are changed.
    pub fn explain_rules(reason: &str) {
        with(|now| now.reasons.insert(RULES.to_owned(), reason.to_owned()));
    }

    /// Dial `prefetch-in-flight`.
    ///
    /// # Errors
    /// Why it is refused.
    pub fn propose_in_flight(loads: u32) -> Answer {
        with(|now| now.propose_number("prefetch-in-flight", f64::from(loads), loads.to_string()))
    }

    /// Dial `prefetch-share`.
    ///
    /// # Errors
    /// Why it is refused.
    pub fn propose_share(share: f64) -> Answer {
        with(|now| now.propose_number("prefetch-share", share, share.to_string()))
    }
}

/// `optimizer:plugin/shadow-control`.
pub mod shadow_control {
    use super::super::now::Now;
    use super::super::shown::field;
    use super::{ControlError, with};

    fn budget_of(now: &Now) -> Option<u32> {
        field::<Option<u32>>(&now.offer, "shadow_budget").ok().flatten()
    }

    /// Policies that the shadows follow.
    #[must_use]
    pub fn followed() -> Vec<String> {
        with(|now| field(&now.offer, "followed").unwrap_or_default())
    }

    /// How many policies they may follow at once.
    #[must_use]
    pub fn budget() -> u32 {
        with(|now| budget_of(now).unwrap_or(0))
    }

    /// Asks the shadows to follow exactly these policies. Those of the ledger stay as they are.
    ///
    /// # Errors
    /// Why it is refused.
    pub fn follow(policies: &[String]) -> Result<(), ControlError> {
        with(|now| {
            let budget = budget_of(now).ok_or(ControlError::Unavailable)?;
            if policies.is_empty() {
                return Err(ControlError::Invalid("no policy to follow".to_owned()));
            }
            let known = &now.shown.cache.policies;
            let bare = |policy: &String| policy.split('(').next().unwrap_or_default().trim().to_owned();
            if !policies.iter().all(|policy| known.contains(&bare(policy))) {
                return Err(ControlError::Unknown(known.clone()));
            }
            if u32::try_from(policies.len()).is_ok_and(|count| count > budget) {
                return Err(ControlError::TooMany(budget));
            }
            Ok(())
        })
    }

    /// Asks for shadows at half and at twice the capacity.
    ///
    /// # Errors
    /// Why it is refused.
    pub fn follow_capacities() -> Result<(), ControlError> {
        with(|now| budget_of(now).map(|_| ()).ok_or(ControlError::Unavailable))
    }
}

/// `optimizer:plugin/settings`.
pub mod settings {
    use super::with;

    /// The value of a setting; none where the test gives none.
    #[must_use]
    pub fn get(name: &str) -> Option<String> {
        with(|now| now.settings.get(name).cloned())
    }
}

/// `optimizer:plugin/state`.
pub mod state {
    pub use crate::bindings::optimizer::plugin::state::*;

    use super::with;

    /// The bytes under a key.
    #[must_use]
    pub fn get(key: &str) -> Option<Vec<u8>> {
        with(|now| now.state.get(key).cloned())
    }

    /// Puts bytes under a key.
    ///
    /// # Errors
    /// The key cannot be one.
    pub fn set(key: &str, value: &[u8]) -> Result<(), StateError> {
        if key.is_empty() || key.len() > 128 || key.chars().any(char::is_control) {
            return Err(StateError::BadKey("1 to 128 bytes, no control characters".to_owned()));
        }
        with(|now| now.state.insert(key.to_owned(), value.to_vec()));
        Ok(())
    }

    /// Takes a key away.
    #[must_use]
    pub fn delete(key: &str) -> bool {
        with(|now| now.state.remove(key).is_some())
    }

    /// The keys there are.
    #[must_use]
    pub fn keys() -> Vec<String> {
        with(|now| now.state.keys().cloned().collect())
    }
}

/// `optimizer:plugin/log`.
pub mod log {
    pub use crate::bindings::optimizer::plugin::log::*;

    use super::with;

    /// Sends one message.
    pub fn write(level: Level, message: &str) {
        with(|now| now.log.push((level, message.to_owned())));
    }
}
