//! From settings to the parts of a run, for wall time and virtual time alike.

use std::ops::RangeInclusive;
use std::sync::Arc;

use host_cache::{Builder, Cache, Cause, PolicyKind, Shadows};
use host_control::{Bounds, Config, Control};
use host_prefetch::Prefetcher;
use host_profile::Settings;

use crate::entry::Entry;

/// A cache at the starting policy that tells the prefetcher what leaves it.
pub(crate) fn cache(settings: &Settings, capacity: u64, watcher: Arc<Prefetcher>) -> Builder<u64, Entry> {
    Cache::builder(capacity)
        .policy(starting_policy(settings))
        .weigher(|_: &u64, entry: &Entry| entry.weight())
        .listener(move |key: &u64, _: &Entry, cause| {
            if cause != Cause::Replaced {
                watcher.evicted(*key);
            }
        })
}

/// What the settings allow each control, for a cache that starts with `capacity` bytes.
///
/// Where the capacity is another than the profile's (a trace's own scale), the bounds keep their
/// distance from it in proportion.
pub(crate) fn bounds(settings: &Settings, capacity: u64, executor: bool) -> Bounds {
    let cache = &settings.cache;
    let scaled = |bound: u64| scale(bound, capacity, cache.capacity.get());
    let pool = |least: u32, most: u32| executor.then_some(least..=most);
    let pools = &settings.executor;
    let prefetch = &settings.prefetch;
    Bounds {
        policies: policies(),
        capacity: ordered(scaled(cache.min_capacity.get()).max(1), scaled(cache.max_capacity.get())),
        cpu_workers: pool(pools.min_cpu_workers, pools.max_cpu_workers),
        io_workers: pool(pools.min_io_workers, pools.max_io_workers),
        prefetch_in_flight: prefetch.enabled.then_some(0..=prefetch.max_in_flight_limit),
        prefetch_share: 0.5,
        max_rules: prefetch.max_rules,
    }
}

/// Names of the policies that the cache can follow.
pub(crate) fn policies() -> Vec<String> {
    PolicyKind::ALL.iter().map(ToString::to_string).collect()
}

/// `bound * capacity / reference`, without overflow.
fn scale(bound: u64, capacity: u64, reference: u64) -> u64 {
    let scaled = u128::from(bound) * u128::from(capacity) / u128::from(reference.max(1));
    u64::try_from(scaled).unwrap_or(u64::MAX)
}

fn ordered(least: u64, most: u64) -> RangeInclusive<u64> {
    least..=most.max(least)
}

/// The shadows of the policies to choose between at half, once and twice the capacity.
pub(crate) fn shadows(capacity: u64, mean_weight: u64) -> Shadows {
    Shadows::new(&PolicyKind::BASIC, &[0.5, 1.0, 2.0], capacity, mean_weight)
}

/// The profile has checked the name.
fn starting_policy(settings: &Settings) -> PolicyKind {
    settings.cache.policy.parse().unwrap_or(PolicyKind::Lru)
}

pub(crate) fn starting_budget(settings: &Settings) -> host_control::Budget {
    let prefetch = &settings.prefetch;
    let max_in_flight = if prefetch.enabled { prefetch.max_in_flight } else { 0 };
    host_control::Budget { max_in_flight, cache_share: prefetch.cache_share }
}

pub(crate) fn prefetcher(settings: &Settings, capacity: u64) -> Prefetcher {
    let budget = starting_budget(settings);
    let budget =
        host_prefetch::Budget { max_in_flight: budget.max_in_flight, cache_share: budget.cache_share };
    let rules = usize::try_from(settings.prefetch.max_rules).unwrap_or(usize::MAX);
    let prefetcher = Prefetcher::new(budget, rules);
    prefetcher.set_cache_capacity(capacity);
    prefetcher
}

pub(crate) fn loop_config(settings: &Settings) -> Config {
    let by = &settings.control.arbitration;
    let modes = [
        (Control::CachePolicy, by.cache_policy),
        (Control::CacheCapacity, by.cache_capacity),
        (Control::CpuWorkers, by.cpu_workers),
        (Control::IoWorkers, by.io_workers),
        (Control::PrefetchRules, by.prefetch_rules),
        (Control::PrefetchBudget, by.prefetch_budget),
    ];
    Config {
        cool_down_ticks: settings.control.cool_down_ticks,
        judge_after_ticks: settings.control.judge_after_ticks,
        modes: modes.into(),
        memory_cap_bytes: settings.memory.cap.get(),
    }
}
