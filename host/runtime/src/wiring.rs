//! From settings to the parts of a run, for wall time and virtual time alike.

use std::sync::Arc;
use std::time::Instant;

use ahash::RandomState;
use host_cache::{Cache, Cause, PolicyFactory, Shadows, UnknownPolicy, builtin};
use host_contract::dial::{CACHE_CAPACITY, REFRESH_AHEAD};
use host_contract::{Grant, Value as DialValue};
use host_control::{ControlLoop, Registration};
use host_executor::{Affinity, Balance, ByPriority, Executor, ExecutorError};
use host_prefetch::Prefetcher;
use host_profile::{AffinityMode, Settings};
use host_telemetry::Sampler;

use crate::actuators::{Turnable, actuators, with_recorded_pools};
use crate::control_plane::{ControlPlane, Machine};
use crate::data_plane::{DataPlane, Store, TickTrigger};
use crate::entry::Entry;
use crate::ledger::Ledger;
use crate::modelled::Modelled;
use crate::options::Scope;
use crate::policies::Policies;
use crate::prefixes::Prefixes;
use crate::ranges::{loop_config, prefetches, ranges};
use crate::refresh::Refresh;
use crate::request_metrics::RequestMetrics;
use crate::rule_book::Rules;
use crate::snapshot_builder::SnapshotBuilder;
use crate::tier_windows::TierWindows;
use crate::tiers::{self, Tiers};
use crate::value::Weighing;
use crate::virtual_clock::VirtualClock;

/// A cache at the starting policy that tells the prefetcher what leaves it. With a virtual clock it has one shard, is hashed
/// alike in every run, and its entries live by that clock.
fn store(
    (start, fallback): (&PolicyFactory, &PolicyFactory),
    capacity: u64,
    weighing: Weighing,
    (clock, tiers): (Option<Arc<VirtualClock>>, Option<Arc<Tiers>>),
    watcher: Arc<Prefetcher>,
) -> Store {
    let share = watcher.cache_share();
    let builder = Cache::builder(capacity)
        .policy(start)
        .fallback(fallback)
        .steady_weigher(move |entry: &Entry, (): &()| entry.weight(weighing))
        .listener(move |entry: &Entry, (): &(), cause| match cause {
            Cause::Replaced => {}
            Cause::Evicted => watcher.displaced(entry.number(), entry.weight(weighing)),
            _ => watcher.evicted(entry.number()),
        });
    let store = match (clock, tiers) {
        (Some(clock), _) => builder.shards(1).hasher(fixed_hasher()).clock(move || clock.now()).build(),
        (None, Some(tiers)) => {
            let clock = tiers.clock().clone();
            let builder = builder.evicted(move |entry, (), until| tiers.demote(entry, until));
            builder.clock(move || clock.now()).build()
        }
        (None, None) => {
            let clock = tiers::clock();
            builder.clock(move || clock.now()).build()
        }
    };
    store.set_probation_share(share);
    store
}

/// Shadows of the basic policies, and of the one to start with, at the present capacity and the others that `registrations`
/// need.
fn shadows(
    start: &PolicyFactory,
    registrations: &[Registration],
    capacity: u64,
    mean_weight: u64,
) -> Shadows {
    let mut policies = builtin::BASIC.to_vec();
    if !policies.contains(start) {
        policies.push(start.clone());
    }
    // A strategy that moves the capacity asks for them, if it can.
    let cannot_ask = |registration: &Registration| {
        let moves = registration.identity().dials.iter().any(|dial| dial == CACHE_CAPACITY.name());
        moves && !registration.grants().contains(&Grant::ShadowControl)
    };
    let more = registrations.iter().any(cannot_ask);
    Shadows::new(&policies, if more { &ALL_CAPACITIES } else { &[1.0] }, capacity, mean_weight)
}

/// What shadows may take, as a share of the capacity, where entries count for the memory that they take.
const SHADOW_SHARE: f64 = 1.0 / 32.0;

/// Multiples of the present capacity at which shadows can run.
pub(crate) const ALL_CAPACITIES: [f64; 3] = [0.5, 1.0, 2.0];

/// A prefetcher at the starting budget, for entries that weigh about `mean_weight`. By the seed it holds some back. Without
/// a clock it goes by wall time.
pub(crate) fn prefetcher(
    settings: &Settings,
    capacity: u64,
    mean_weight: u64,
    seed: u64,
    clock: Option<Arc<VirtualClock>>,
) -> Prefetcher {
    let prefetch = &settings.prefetch;
    let max_in_flight = if prefetches(settings) { prefetch.max_in_flight } else { 0 };
    let budget = host_prefetch::Budget { max_in_flight, cache_share: prefetch.cache_share };
    let most = usize::try_from(prefetch.max_rules).unwrap_or(usize::MAX);
    let started = Instant::now();
    let prefetcher = match clock {
        Some(clock) => Prefetcher::measured(budget, most, seed, mean_weight, Box::new(move || clock.now())),
        None => Prefetcher::measured(budget, most, seed, mean_weight, Box::new(move || started.elapsed())),
    };
    prefetcher.set_cache_capacity(capacity);
    prefetcher
}

/// In which time a host runs, and what it has there alone.
pub(crate) enum When {
    /// In wall time, with pools and perhaps tiers.
    Now(Arc<Executor>, Option<Arc<Tiers>>),
    /// In virtual time. The pools are those of a test.
    Virtual(Arc<VirtualClock>, Option<Arc<Executor>>),
    /// In virtual time, with every dial that a run in wall time has: a replay of one.
    Again(Arc<VirtualClock>),
}

/// The two halves of a host.
pub(crate) struct Parts {
    /// What requests pass.
    pub(crate) plane: DataPlane,
    /// What ticks read and turn.
    pub(crate) control: ControlPlane,
}

impl Parts {
    /// In wall time: the machine is sampled, and the pools can be resized.
    pub(crate) fn live(
        scope: &Scope,
        (executor, tiers): (&Arc<Executor>, Option<Arc<Tiers>>),
        registrations: Vec<Registration>,
        ledger: Ledger,
    ) -> Result<Self, UnknownPolicy> {
        let machine = Machine::Sampled(Box::new(Sampler::new()));
        Self::new(scope, When::Now(Arc::clone(executor), tiers), machine, registrations, ledger)
    }

    /// In virtual time: one shard, no pools, and a machine that is the same everywhere.
    pub(crate) fn in_virtual_time(
        scope: &Scope,
        clock: &Arc<VirtualClock>,
        registrations: Vec<Registration>,
        ledger: Ledger,
    ) -> Result<Self, UnknownPolicy> {
        let machine = Machine::Nominal(scope.settings.memory.cap.get());
        Self::new(scope, When::Virtual(Arc::clone(clock), None), machine, registrations, ledger)
    }

    /// In virtual time, around a model of a server: its workers are the one dial.
    pub(crate) fn around_model(
        scope: &Scope,
        clock: &Arc<VirtualClock>,
        model: &Arc<Modelled>,
        registrations: Vec<Registration>,
        ledger: Ledger,
    ) -> Result<Self, UnknownPolicy> {
        let machine = Machine::Modelled(Arc::clone(model));
        Self::new(scope, When::Virtual(Arc::clone(clock), None), machine, registrations, ledger)
    }

    /// In virtual time, over what a run in wall time has recorded: its machine and its pools are what was measured.
    pub(crate) fn again(
        scope: &Scope,
        clock: &Arc<VirtualClock>,
        registrations: Vec<Registration>,
        ledger: Ledger,
    ) -> Result<Self, UnknownPolicy> {
        let machine = Machine::Recorded(Box::default());
        Self::new(scope, When::Again(Arc::clone(clock)), machine, registrations, ledger)
    }

    pub(crate) fn new(
        scope: &Scope,
        when: When,
        machine: Machine,
        registrations: Vec<Registration>,
        ledger: Ledger,
    ) -> Result<Self, UnknownPolicy> {
        let Scope { settings, policies, capacity, mean_weight, entry_bytes, run, workload } = scope;
        let again = matches!(when, When::Again(_));
        let (clock, executor, tiers) = match when {
            When::Now(executor, tiers) => (None, Some(executor), tiers),
            When::Virtual(clock, executor) => (Some(clock), executor, None),
            When::Again(clock) => (Some(clock), None, None),
        };
        let weighing = Weighing { unit: run.unit, entry: *entry_bytes };
        let start = &policies.parse(&settings.cache.policy)?;
        let prefetcher = Arc::new(prefetcher(settings, *capacity, *mean_weight, run.seed, clock.clone()));
        let fallback = &policies.parse(&settings.cache.fallback_policy)?;
        let cache = Arc::new(store(
            (start, fallback),
            *capacity,
            weighing,
            (clock, tiers.clone()),
            Arc::clone(&prefetcher),
        ));
        let wanted = settings.cache.shadows && !registrations.is_empty();
        let mut shadows = wanted.then(|| shadows(start, &registrations, *capacity, *mean_weight));
        // Where an entry counts for what it takes, what is beside the entries takes of the same memory.
        if let Some(shadows) = &mut shadows
            && *entry_bytes > 0
        {
            shadows.bound(SHADOW_SHARE);
        }
        // In virtual time a request is shown to the shadows when it is made: nothing may be dropped.
        let live = executor.is_some();
        let tap = shadows.as_ref().filter(|_| live).map(|shadows| shadows.tap(TAP));
        let every = if live || again { settings.control.tick_requests } else { 0 };

        let refresh = (live || again).then(Arc::<Refresh>::default);
        if let (Some(refresh), Some(DialValue::Ratio(share))) =
            (&refresh, settings.dials.get(&REFRESH_AHEAD).map(|dial| &dial.start))
        {
            refresh.set_share(*share);
        }
        let ranges = ranges(settings, *capacity);
        let policies = Policies::new(Arc::clone(policies));
        let actuators = match &machine {
            Machine::Modelled(model) => model.actuators(),
            Machine::Sampled(_) | Machine::Nominal(_) | Machine::Recorded(_) => {
                let parts = Turnable {
                    cache: (&cache, &policies),
                    prefetcher: &prefetcher,
                    executor: executor.as_ref(),
                    refresh: refresh.as_ref(),
                    tiers: tiers.as_ref(),
                };
                let of_parts = actuators(&parts, &ranges);
                if again { with_recorded_pools(of_parts, &ranges) } else { of_parts }
            }
        };
        let control = ControlLoop::new(loop_config(settings, every), registrations, &actuators);
        let mut control = ControlPlane {
            control,
            cache: Arc::clone(&cache),
            prefetcher: Arc::clone(&prefetcher),
            executor,
            tiers: tiers.clone(),
            tier_windows: TierWindows::default(),
            refresh: refresh.clone(),
            latency_target: settings.executor.latency_target,
            hit_ratio_target: settings.cache.hit_ratio_target,
            memory: settings.memory,
            policies,
            start: start.name().to_owned(),
            stand_in: None,
            fallbacks: 0,
            shadows,
            shadow_capacity: *capacity,
            shadow_budget: settings.cache.shadow_policies,
            actuators,
            rules: Rules::new(Arc::clone(&prefetcher), settings),
            machine,
            builder: SnapshotBuilder::new(*run),
            ledger,
            records_requests: settings.control.record_requests,
            hot: None,
            last: Arc::default(),
        };
        control.begin(&settings.profile, workload);
        let metrics = RequestMetrics::default();
        let (prefixes, trigger) = (Prefixes::default(), TickTrigger::new(every));
        let plane = DataPlane {
            cache,
            weighing,
            prefetcher,
            metrics,
            tap,
            prefixes,
            trigger,
            tiers,
            inflow: Arc::default(),
            refresh,
            recording: None,
        };
        Ok(Self { plane, control })
    }
}

/// Sampled requests that may wait for the control thread, which empties the queue every 10 ms. It bounds what the shadows may
/// cost: 25,600 samples a second, each 0.4 to 1 us with eight shadows, are 1 to 2.7 % of a core. Where more come the
/// shadows lower their rate.
const TAP: usize = 256;

/// A hasher that is the same in every run.
pub(crate) fn fixed_hasher() -> RandomState {
    RandomState::with_seeds(1, 2, 3, 4)
}

/// The pools of a host.
///
/// # Errors
/// A setting is out of range, or the system refuses threads.
pub fn executor(settings: &Settings) -> Result<Arc<Executor>, ExecutorError> {
    let pools = &settings.executor;
    Executor::new(host_executor::Config {
        cpu_workers: pools.cpu_workers,
        io_workers: pools.io_workers,
        max_cpu_workers: pools.max_cpu_workers,
        max_io_workers: pools.max_io_workers,
        cpu_queue: pools.queue,
        io_queue: pools.queue,
        shares: ByPriority { high: pools.shares.high, normal: pools.shares.normal, low: pools.shares.low },
        affinity: match pools.affinity {
            AffinityMode::None => Affinity::None,
            AffinityMode::Cores => Affinity::Cores,
        },
        balance: Balance::default(),
    })
    .map(Arc::new)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use host_contract::Unit;
    use host_contract::dial::IO_WORKERS;
    use host_telemetry::Machine;

    use super::*;
    use crate::key::Key;
    use crate::options::Options;
    use crate::value::Value;

    fn settings(sets: &[&str]) -> Settings {
        let machine = Machine::read(std::path::Path::new("."));
        host_profile::Loader::new().user_file(None).set(sets.iter().copied()).load(&machine).unwrap()
    }

    #[test]
    fn prefetching_that_is_switched_off_has_neither_dials_nor_rules() {
        let settings = settings(&["prefetch.mode=on-demand"]);
        let ranges = ranges(&settings, 100);
        assert_eq!((ranges.prefetch_in_flight, crate::ranges::rule_limit(&settings)), (None, None));
        assert_eq!(prefetcher(&settings, 100, 1, 0, None).max_in_flight(), 0);
    }

    #[test]
    fn every_policy_may_be_the_first_and_has_a_shadow_then() {
        for policy in &builtin::ALL {
            let parts = parts(settings(&[&format!("cache.policy={policy}")]));
            assert_eq!(parts.plane.cache.policy(), *policy);
            let estimates = shadows(policy, &[], 100, 1).estimates();
            let of_it = estimates.iter().filter(|estimate| estimate.policy == *policy).count();
            let basic = builtin::BASIC.contains(policy);
            assert_eq!((of_it, estimates.len()), (1, if basic { 3 } else { 4 }), "{policy}");
        }
    }

    #[test]
    fn in_virtual_time_entries_live_by_its_clock() {
        let clock = Arc::new(VirtualClock::default());
        let watcher = Arc::new(prefetcher(&settings(&[]), 100, 1, 0, None));
        let weighing = Weighing { unit: Unit::Bytes, entry: 0 };
        let cache =
            store((&builtin::LRU, &builtin::LRU), 100, weighing, (Some(Arc::clone(&clock)), None), watcher);
        let day = Duration::from_secs(86_400);
        let key = Key::Number(1);
        cache.insert_with_ttl(Entry::of(&key, Value::standing_for(1)), (), day);
        assert!(cache.contains(&key));
        clock.advance(day);
        assert!(!cache.contains(&key));
    }

    fn parts(settings: Settings) -> Parts {
        let scope = Scope { capacity: 100, mean_weight: 1, ..Options::new(settings).scope };
        Parts::in_virtual_time(&scope, &Arc::default(), Vec::new(), Ledger::new(None)).unwrap()
    }

    #[test]
    fn a_tick_measures_the_loads_of_its_window_and_keeps_their_history() {
        let Parts { plane, mut control } = parts(settings(&[]));
        plane.metrics.loaded(Duration::from_millis(5));
        let first = control.tick(Duration::from_secs(1), &plane).gauge("origin-latency-p99").unwrap();
        assert!((4_950.0..=5_050.0).contains(&first), "{first}");
        let idle = control.tick(Duration::from_secs(2), &plane);
        assert_eq!(idle.gauge("origin-latency-p99"), None);
        assert_eq!(idle.history("origin-latency-p99", 9), [first]);
    }

    #[test]
    fn a_run_without_pools_has_no_dials_for_them() {
        let parts = parts(settings(&[]));
        let starting = parts.control.control.starting();
        assert!(!starting.contains_key(&IO_WORKERS));
        assert_eq!(starting.get(&CACHE_CAPACITY), Some(&host_contract::Value::Count(100)));
    }
}
