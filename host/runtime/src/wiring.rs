//! From settings to the parts of a run, for wall time and virtual time alike.

use std::ops::RangeInclusive;
use std::sync::Arc;

use host_cache::{Builder, Cache, Cause, PolicyFactory, Registry, Shadows, builtin};
use host_contract::dial::CACHE_CAPACITY;
use host_contract::{Dial, Dials, Snapshot, Value};
use host_control::ledger::Record;
use host_control::{
    Actuators, Budget, Config, ControlLoop, Controls, NoShadows, Registration, RuleBook as _,
};
use host_executor::Executor;
use host_prefetch::Prefetcher;
use host_profile::Settings;

use crate::actuators;
use crate::entry::Entry;
use crate::rule_book::Rules;
use crate::snapshot_builder::Prefetch;

/// A cache at the starting policy that tells the prefetcher what leaves it.
pub(crate) fn cache(settings: &Settings, capacity: u64, watcher: Arc<Prefetcher>) -> Builder<u64, Entry> {
    Cache::builder(capacity)
        .policy(&starting_policy(settings))
        .weigher(|_: &u64, entry: &Entry| entry.weight())
        .listener(move |key: &u64, _: &Entry, cause| {
            if cause != Cause::Replaced {
                watcher.evicted(*key);
            }
        })
}

/// What the settings allow each dial.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Ranges {
    /// The policies that the cache can follow.
    pub(crate) policies: Registry,
    /// Capacity of the cache, bytes.
    pub(crate) capacity: RangeInclusive<u64>,
    /// Threads of the CPU pool.
    pub(crate) cpu_workers: RangeInclusive<u32>,
    /// Tasks that the IO pool runs at once.
    pub(crate) io_workers: RangeInclusive<u32>,
    /// Threads of the CPU pool at the start.
    pub(crate) start_cpu_workers: u32,
    /// Tasks of the IO pool at the start.
    pub(crate) start_io_workers: u32,
    /// Most prefetches under way at once; none where the settings switch prefetching off.
    pub(crate) prefetch_in_flight: Option<u32>,
}

/// The ranges for a cache that starts with `capacity` bytes.
///
/// Where the capacity is another than the profile's (a trace's own scale), its bounds keep their distance from it in
/// proportion.
pub(crate) fn ranges(settings: &Settings, capacity: u64) -> Ranges {
    let cache = &settings.cache;
    let scaled = |bound: u64| scale(bound, capacity, cache.capacity.get());
    let pools = &settings.executor;
    Ranges {
        policies: policies(),
        capacity: ordered(scaled(cache.min_capacity.get()).max(1), scaled(cache.max_capacity.get())),
        cpu_workers: pools.min_cpu_workers..=pools.max_cpu_workers,
        io_workers: pools.min_io_workers..=pools.max_io_workers,
        start_cpu_workers: pools.cpu_workers,
        start_io_workers: pools.io_workers,
        prefetch_in_flight: settings.prefetch.enabled.then_some(settings.prefetch.max_in_flight_limit),
    }
}

/// Rules that one strategy may have installed; none where the settings switch prefetching off.
pub(crate) fn rule_limit(settings: &Settings) -> Option<u32> {
    settings.prefetch.enabled.then_some(settings.prefetch.max_rules)
}

/// The policies that the cache can follow.
pub(crate) fn policies() -> Registry {
    Registry::default()
}

/// Their names.
pub(crate) fn policy_names(policies: &Registry) -> Vec<String> {
    policies.names().map(str::to_owned).collect()
}

/// `bound * capacity / reference`, without overflow.
fn scale(bound: u64, capacity: u64, reference: u64) -> u64 {
    let scaled = u128::from(bound) * u128::from(capacity) / u128::from(reference.max(1));
    u64::try_from(scaled).unwrap_or(u64::MAX)
}

fn ordered(least: u64, most: u64) -> RangeInclusive<u64> {
    least..=most.max(least)
}

/// Shadows of the basic policies, and of the one to start with, at half, once and twice the capacity.
pub(crate) fn shadows(start: &PolicyFactory, capacity: u64, mean_weight: u64) -> Shadows {
    let mut policies = builtin::BASIC.to_vec();
    if !policies.contains(start) {
        policies.push(start.clone());
    }
    Shadows::new(&policies, &[0.5, 1.0, 2.0], capacity, mean_weight)
}

/// The profile has checked the name.
fn starting_policy(settings: &Settings) -> PolicyFactory {
    policies().get(&settings.cache.policy).cloned().unwrap_or(builtin::LRU)
}

/// A prefetcher at the starting budget.
pub(crate) fn prefetcher(settings: &Settings, capacity: u64) -> Prefetcher {
    let prefetch = &settings.prefetch;
    let max_in_flight = if prefetch.enabled { prefetch.max_in_flight } else { 0 };
    let budget = host_prefetch::Budget { max_in_flight, cache_share: prefetch.cache_share };
    let prefetcher = Prefetcher::new(budget, usize::try_from(prefetch.max_rules).unwrap_or(usize::MAX));
    prefetcher.set_cache_capacity(capacity);
    prefetcher
}

/// How the control loop is set up.
pub(crate) fn loop_config(settings: &Settings) -> Config {
    Config {
        dials: Dials::built_in(),
        cool_down_ticks: settings.control.cool_down_ticks,
        judge_after_ticks: settings.control.judge_after_ticks,
        modes: settings.dials.iter().map(|(dial, settings)| (*dial, settings.mode)).collect(),
        budget: Some(Budget { dial: CACHE_CAPACITY, cap_bytes: settings.memory.cap.get() }),
    }
}

/// What a tick reads and turns.
pub(crate) struct Controlled {
    pub(crate) cache: Arc<Cache<u64, Entry>>,
    pub(crate) prefetcher: Arc<Prefetcher>,
    /// None in virtual time.
    pub(crate) executor: Option<Arc<Executor>>,
    pub(crate) shadows: Option<Shadows>,
    pub(crate) actuators: Actuators,
    pub(crate) rules: Rules,
    /// Names of the strategies, by the number under which they own rules.
    pub(crate) owners: Vec<String>,
}

impl Controlled {
    /// The parts of a run, each with what turns it.
    pub(crate) fn new(
        settings: &Settings,
        cache: Arc<Cache<u64, Entry>>,
        prefetcher: Arc<Prefetcher>,
        executor: Option<Arc<Executor>>,
        shadows: Option<Shadows>,
    ) -> Self {
        let ranges = ranges(settings, cache.capacity());
        let actuators = actuators::actuators(&cache, &prefetcher, executor.as_ref(), &ranges);
        let rules = Rules::new(Arc::clone(&prefetcher), rule_limit(settings));
        Self { cache, prefetcher, executor, shadows, actuators, rules, owners: Vec::new() }
    }

    /// A loop over these parts.
    pub(crate) fn control(&mut self, settings: &Settings, registrations: Vec<Registration>) -> ControlLoop {
        let control = ControlLoop::new(loop_config(settings), registrations, &self.actuators);
        self.owners = control.identities().map(|identity| identity.name.clone()).collect();
        control
    }

    /// One tick of the loop. The shadows follow the capacity afterwards, so that an estimate always speaks of multiples of
    /// the present one.
    pub(crate) fn tick(&mut self, control: &mut ControlLoop, snapshot: &Arc<Snapshot>) -> Vec<Record> {
        let (actuators, rules, shadows) = (&mut self.actuators, &mut self.rules, &mut NoShadows);
        let records = control.tick(snapshot, &mut Controls { actuators, rules, shadows });
        let capacity = self.cache.capacity();
        if capacity != snapshot.cache.capacity_bytes
            && let Some(shadows) = &mut self.shadows
        {
            shadows.set_capacity(capacity);
        }
        records
    }

    /// What the prefetcher shows of itself.
    pub(crate) fn prefetch(&self) -> Prefetch {
        Prefetch {
            in_flight: self.prefetcher.in_flight(),
            max_in_flight: self.prefetcher.max_in_flight(),
            cache_share: self.prefetcher.cache_share(),
            max_rules: self.rules.limit().unwrap_or(0),
            rules: self.prefetcher.stats(),
            owners: self.owners.clone(),
        }
    }

    /// The number that a dial stands at; 0 where it is unavailable.
    pub(crate) fn workers(&self, dial: Dial) -> u32 {
        match self.actuators.value(dial) {
            Some(Value::Count(workers)) => u32::try_from(workers).unwrap_or(u32::MAX),
            _ => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use host_contract::Mode;
    use host_contract::dial::IO_WORKERS;
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
        assert_eq!(ranges(&settings, 10_000_000).capacity, 5_000_000..=30_000_000);
        assert_eq!(ranges(&settings, 100).capacity, 50..=300);
        assert_eq!(ranges(&settings, 0).capacity, 1..=1);
        let most = ranges(&settings, u64::MAX).capacity;
        assert!(*most.end() == u64::MAX && *most.start() >= to_u64(9e18), "{most:?}");
    }

    #[test]
    fn every_policy_may_be_the_first_and_has_a_shadow_then() {
        for policy in &policies() {
            let settings = settings(&[&format!("cache.policy={policy}")]);
            let cache = cache(&settings, 100, Arc::new(prefetcher(&settings, 100))).build();
            assert_eq!(cache.policy(), *policy);
            let estimates = shadows(&cache.policy(), 100, 1).estimates();
            let of_it = estimates.iter().filter(|estimate| estimate.policy == *policy).count();
            let basic = builtin::BASIC.contains(policy);
            assert_eq!((of_it, estimates.len()), (3, if basic { 9 } else { 12 }), "{policy}");
        }
    }

    #[test]
    fn prefetching_that_is_switched_off_has_neither_dials_nor_rules() {
        let settings = settings(&["prefetch.enabled=false"]);
        assert_eq!((ranges(&settings, 100).prefetch_in_flight, rule_limit(&settings)), (None, None));
        assert_eq!(prefetcher(&settings, 100).max_in_flight(), 0);
    }

    #[test]
    fn every_dial_has_its_mode_from_the_profile() {
        let settings = settings(&["control.arbitration.io-workers=mean"]);
        let config = loop_config(&settings);
        for spec in config.dials.iter() {
            let expected = if spec.dial == IO_WORKERS { Mode::Mean } else { spec.mode };
            assert_eq!(config.modes.get(&spec.dial), Some(&expected), "{}", spec.dial);
        }
        assert_eq!(config.budget.map(|budget| budget.cap_bytes), Some(settings.memory.cap.get()));
    }

    #[test]
    fn a_part_that_a_run_lacks_has_no_value() {
        let settings = settings(&[]);
        let prefetcher = Arc::new(prefetcher(&settings, 100));
        let cache = Arc::new(cache(&settings, 100, Arc::clone(&prefetcher)).build());
        let mut controlled = Controlled::new(&settings, cache, prefetcher, None, None);
        let control = controlled.control(&settings, Vec::new());
        assert_eq!(controlled.workers(IO_WORKERS), 0);
        assert!(!control.starting().contains_key(&IO_WORKERS));
        assert_eq!(control.starting().get(&CACHE_CAPACITY), Some(&Value::Count(100)));
    }
}
