//! What the settings allow the control loop: the range of each dial, the limits, the modes.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use host_contract::dial::{CACHE_CAPACITY, WARM_CAPACITY};
use host_contract::number::to_f64;
use host_contract::{Dial, Dials, Value};
use host_control::judge::Plan;
use host_control::{Budget, Config, RuleKinds};
use host_profile::{DialSettings, JudgeSettings, PrefetchMode, Settings};

use crate::control_thread::{EARLY_REQUESTS, EARLY_TICKS};

/// What the settings allow each dial.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Ranges {
    /// Capacity of the cache, bytes.
    pub(crate) capacity: RangeInclusive<u64>,
    /// What the settings say of every dial.
    pub(crate) dials: BTreeMap<Dial, DialSettings>,
    /// Most prefetches under way at once; none where the settings switch prefetching off.
    pub(crate) prefetch_in_flight: Option<u32>,
    /// The most that the process may hold, bytes.
    pub(crate) memory_cap: u64,
}

/// Where a dial that counts starts, and what it can take.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Counted {
    pub(crate) start: u64,
    pub(crate) range: RangeInclusive<u64>,
}

impl Ranges {
    /// What the settings say of a dial that counts; none where they give it no maximum.
    pub(crate) fn counted(&self, dial: Dial) -> Option<Counted> {
        let count = |value: &Value| if let Value::Count(count) = value { Some(*count) } else { None };
        let settings = self.dials.get(&dial)?;
        let least = settings.min.as_ref().and_then(count).unwrap_or(0);
        let most = settings.max.as_ref().and_then(count)?;
        Some(Counted { start: count(&settings.start)?, range: ordered(least, most) })
    }
}

/// The ranges for a cache that starts with `capacity` bytes.
///
/// Where the capacity is another than the profile's (a trace's own scale), its bounds keep their distance from it in
/// proportion.
pub(crate) fn ranges(settings: &Settings, capacity: u64) -> Ranges {
    let cache = &settings.cache;
    let scaled = |bound: u64| scale(bound, capacity, cache.capacity.get());
    Ranges {
        capacity: ordered(scaled(cache.min_capacity.get()).max(1), scaled(cache.max_capacity.get())),
        dials: settings.dials.clone(),
        prefetch_in_flight: prefetches(settings).then_some(settings.prefetch.max_in_flight_limit),
        memory_cap: settings.memory.cap.get(),
    }
}

/// `bound * capacity / reference`, without overflow.
fn scale(bound: u64, capacity: u64, reference: u64) -> u64 {
    let scaled = u128::from(bound) * u128::from(capacity) / u128::from(reference.max(1));
    u64::try_from(scaled).unwrap_or(u64::MAX)
}

fn ordered(least: u64, most: u64) -> RangeInclusive<u64> {
    least..=most.max(least)
}

/// Rules that one strategy may have installed; none where the settings switch prefetching off.
pub(crate) fn rule_limit(settings: &Settings) -> Option<u32> {
    prefetches(settings).then_some(settings.prefetch.max_rules)
}

/// Which rules the settings take.
pub(crate) fn rule_kinds(settings: &Settings) -> RuleKinds {
    if settings.prefetch.mode < PrefetchMode::Predictive { RuleKinds::InOrder } else { RuleKinds::All }
}

/// Whether anything may be loaded before it is asked for.
pub(crate) fn prefetches(settings: &Settings) -> bool {
    settings.prefetch.mode != PrefetchMode::OnDemand
}

fn judge_plan(judge: JudgeSettings, tick_requests: u64) -> Plan {
    Plan {
        enabled: judge.enabled,
        window_ticks: judge.after_ticks,
        settle_ticks: judge.settle_ticks,
        wash_in_ticks: judge.wash_in_ticks,
        block_ticks: judge.block_ticks,
        blocks: judge.blocks,
        cost: judge.cost,
        early_ticks: EARLY_TICKS,
        early_share: if tick_requests > EARLY_REQUESTS {
            to_f64(EARLY_REQUESTS) / to_f64(tick_requests)
        } else {
            1.0
        },
    }
}

/// How the control loop is set up, with ticks after so many requests; 0 for ticks by time alone.
pub(crate) fn loop_config(settings: &Settings, tick_requests: u64) -> Config {
    Config {
        dials: Dials::built_in(),
        cool_down_ticks: settings.control.cool_down_ticks,
        judge: judge_plan(settings.control.judge, tick_requests),
        modes: settings.dials.iter().map(|(dial, settings)| (*dial, settings.mode)).collect(),
        budget: Some(Budget {
            dial: CACHE_CAPACITY,
            cap_bytes: settings.memory.cap.get(),
            promised: vec![(WARM_CAPACITY, "warm-bytes")],
        }),
    }
}

#[cfg(test)]
mod tests {
    use host_contract::Mode;
    use host_contract::dial::{CACHE_POLICY, IO_WORKERS};
    use host_contract::number::to_u64;
    use host_telemetry::Machine;

    use super::*;

    fn settings(sets: &[&str]) -> Settings {
        let machine = Machine::read(std::path::Path::new("."));
        host_profile::Loader::new().user_file(None).set(sets.iter().copied()).load(&machine).unwrap()
    }

    #[test]
    fn the_bounds_of_the_capacity_keep_their_distance() {
        let settings =
            settings(&["cache.capacity=10MB", "cache.min-capacity=5MB", "cache.max-capacity=30MB"]);
        let scaled = |capacity| ranges(&settings, capacity).capacity;
        assert_eq!(scaled(10_000_000), 5_000_000..=30_000_000);
        assert_eq!(scaled(100), 50..=300);
        assert_eq!(scaled(0), 1..=1);
        let most = scaled(u64::MAX);
        assert!(*most.end() == u64::MAX && *most.start() >= to_u64(9e18), "{most:?}");
    }

    #[test]
    fn a_dial_that_counts_has_the_start_and_the_bounds_of_its_keys() {
        let sets = ["executor.io-workers=3", "executor.min-io-workers=2", "executor.max-io-workers=5"];
        let ranges = ranges(&settings(&sets), 100);
        assert_eq!(ranges.counted(IO_WORKERS), Some(Counted { start: 3, range: 2..=5 }));
        assert_eq!(ranges.counted(CACHE_POLICY), None);
    }

    #[test]
    fn every_dial_has_its_mode_from_the_profile() {
        let settings = settings(&["control.arbitration.io-workers=mean"]);
        let config = loop_config(&settings, 1_000);
        for spec in config.dials.iter() {
            let expected = if spec.dial == IO_WORKERS { Mode::Mean } else { spec.mode };
            assert_eq!(config.modes.get(&spec.dial), Some(&expected), "{}", spec.dial);
        }
        assert_eq!(config.budget.as_ref().map(|budget| budget.cap_bytes), Some(settings.memory.cap.get()));
    }
}
