//! Figures for a strategy that no run measured: always the same ones, so that two instances can be compared.
//!
//! They hold what a strategy meets sooner or later: ticks in which nothing happened and nothing is known, such as the first
//! one, usual ticks, and ticks with as much in every list as a host ever shows.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use host_contract::dial::{self, Kind};
use host_contract::number::to_f64;
use host_contract::snapshot::{Accesses, Cache, Class, Executor, Pool, Prefetch, Shadow, System, TaskKind};
use host_contract::split_mix::mix;
use host_contract::{
    Clock, DialSpec, Dials, Gauges, Grant, History, Names, Objective, Range, Refusal, RunInfo, Snapshot,
    Unit, Value,
};
use host_control::{DialState, Offer, ProposalContext, RuleKinds};
use host_policy::{Registry, UnknownPolicy};

/// How much there is to see in a tick.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fill {
    /// Nothing was asked for, and nothing is known yet.
    Nothing,
    /// What a run usually shows.
    Usual,
    /// As much as a host ever shows.
    Most,
}

impl Fill {
    /// The tick in words.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Nothing => "in which nothing was asked for",
            Self::Usual => "a usual one",
            Self::Most => "in which every list is as long as it can be",
        }
    }

    /// Requests of a tick.
    const fn requests(self) -> u64 {
        match self {
            Self::Nothing => 0,
            Self::Usual => 500,
            Self::Most => MOST_ACCESSES,
        }
    }
}

/// Ticks of a check, in order.
pub const TICKS: [Fill; 12] = {
    let mut ticks = [Fill::Usual; 12];
    ticks[0] = Fill::Nothing;
    ticks[6] = Fill::Nothing;
    ticks[9] = Fill::Most;
    ticks
};

/// Requests that a strategy is shown at most.
const MOST_ACCESSES: u64 = 4_096;

/// Between two ticks.
const INTERVAL: Duration = Duration::from_secs(1);

/// Bytes that the cache may hold.
const CAPACITY: u64 = 64_000_000;

/// Bytes of every object.
const OBJECT: u32 = 16_000;

/// Makes snapshots, one tick after the other.
#[derive(Debug)]
pub struct Figures {
    seed: u64,
    /// What the strategy is told the seed of the run is.
    shown_seed: u64,
    policies: Vec<String>,
    gauges: Gauges,
    history: History,
    accesses: Accesses,
    tick: u64,
    hits: u64,
    misses: u64,
}

impl Figures {
    /// Those of a run with this seed, before its first tick.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            shown_seed: seed,
            policies: policies(),
            gauges: Gauges::default(),
            history: History::default(),
            accesses: Accesses::default(),
            tick: 0,
            hits: 0,
            misses: 0,
        }
    }

    /// The same figures, in a run of which a strategy is told another seed.
    #[must_use]
    pub fn of_run(self, seed: u64) -> Self {
        Self { shown_seed: seed, ..self }
    }

    /// What the next tick shows.
    pub fn next(&mut self, fill: Fill) -> Arc<Snapshot> {
        self.tick += 1;
        let requests = fill.requests();
        let (hits, misses) = self.ask(requests);
        let mut snapshot = Snapshot {
            tick: self.tick,
            now: INTERVAL.saturating_mul(u32::try_from(self.tick).unwrap_or(u32::MAX)),
            elapsed: INTERVAL,
            system: System::default(),
            cache: self.cache(fill, hits, misses),
            shadows: self.shadows(fill, requests, misses),
            executor: Some(executor(fill, requests)),
            prefetch: Prefetch { max_in_flight: 8, cache_share: 0.1, rules_left: 256, ..Prefetch::default() },
            accesses: Arc::new(self.accesses.clone()),
            run: RunInfo {
                clock: Clock::Virtual,
                objective: Objective::Throughput,
                unit: Unit::Bytes,
                seed: self.shown_seed,
                keys_ordered: true,
                batch: false,
            },
            ..Snapshot::default()
        };
        if fill != Fill::Nothing {
            snapshot.system = system();
            for (row, at) in self.gauges.iter().zip(1_u64..) {
                let value = match row.unit {
                    "ratio" => share(self.tick * 31 + at, 1_000),
                    _ => to_f64(mix(self.tick * 31 + at) % 10_000),
                };
                self.history.push(row.name, value);
                snapshot.gauges.insert(row.name, value);
            }
        }
        snapshot.history = Arc::new(self.history.clone());
        Arc::new(snapshot)
    }

    /// Further requests: runs of keys, and keys that come again. Answers hits and misses.
    fn ask(&mut self, requests: u64) -> (u64, u64) {
        let kept = u64::try_from(self.accesses.keys.len()).unwrap_or(0);
        self.accesses.before += kept;
        self.accesses.keys.clear();
        self.accesses.sizes.clear();
        self.accesses.hits.clear();
        let mut hits = 0;
        for number in 0..requests {
            let chance = mix(self.seed ^ (self.tick << 20 | number));
            let in_order = self.tick * 100_000 + number;
            let popular = (chance >> 32) % ((chance >> 8) % 2_000 + 1);
            let hit = !chance.is_multiple_of(3);
            self.accesses.keys.push(if hit { popular } else { in_order });
            self.accesses.sizes.push(OBJECT);
            self.accesses.hits.push(u8::from(hit));
            hits += u64::from(hit);
        }
        self.hits += hits;
        self.misses += requests - hits;
        (hits, requests - hits)
    }

    fn cache(&self, fill: Fill, hits: u64, misses: u64) -> Cache {
        let used = if fill == Fill::Nothing && self.tick == 1 { 0 } else { CAPACITY };
        Cache {
            policy: "lru".to_owned(),
            policies: self.policies.clone(),
            capacity_bytes: CAPACITY,
            used_bytes: used,
            entries: used / u64::from(OBJECT),
            window_hits: hits,
            window_misses: misses,
            window_evictions: misses,
            hits: self.hits,
            misses: self.misses,
        }
    }

    /// Estimates of some policies; in the largest tick of all, at every capacity that is ever followed.
    fn shadows(&self, fill: Fill, requests: u64, misses: u64) -> Vec<Shadow> {
        let (policies, factors): (usize, &[(f64, u64)]) = match fill {
            Fill::Nothing if self.tick == 1 => return Vec::new(),
            Fill::Nothing | Fill::Usual => (4, &[(1.0, CAPACITY)]),
            Fill::Most => (self.policies.len(), &[(0.5, CAPACITY / 2), (1.0, CAPACITY), (2.0, CAPACITY * 2)]),
        };
        let mut shadows = Vec::new();
        for (policy, at) in self.policies.iter().take(policies).zip(0_u64..) {
            for &(capacity_factor, capacity_bytes) in factors {
                shadows.push(Shadow {
                    policy: policy.clone(),
                    capacity_factor,
                    capacity_bytes,
                    sampling_rate: 0.5,
                    window_requests: requests / 2,
                    window_misses: (misses / 2).saturating_sub(at * 4),
                    requests: (self.hits + self.misses) / 2,
                    misses: self.misses / 2,
                    window_missed_bytes: misses / 2 * u64::from(OBJECT),
                });
            }
        }
        shadows
    }
}

/// The names of the policies that a host has.
fn policies() -> Vec<String> {
    Registry::default().names().map(str::to_owned).collect()
}

/// The same, with the parameters that they take.
fn names() -> Names {
    let registry = Registry::default();
    Names::new(policies(), move |text| match registry.parse(text) {
        Ok(policy) => Ok(policy.name().to_owned()),
        Err(UnknownPolicy::Name { known, .. }) => Err(Refusal::Unknown(known)),
        Err(parameter) => Err(Refusal::Invalid(parameter.to_string())),
    })
}

/// A share from 0 to 1, by chance, in steps of one in `steps`.
fn share(seed: u64, steps: u64) -> f64 {
    to_f64(mix(seed) % steps) / to_f64(steps)
}

fn system() -> System {
    System {
        cpu_cores: 4.0,
        cpu_usage: 0.5,
        memory_limit_bytes: 8_000_000_000,
        memory_used_bytes: 3_000_000_000,
        process_memory_bytes: 200_000_000,
        disk_read_bytes_per_second: 1_000_000.0,
        disk_write_bytes_per_second: 0.0,
        network_received_bytes_per_second: 50_000.0,
        network_sent_bytes_per_second: 20_000.0,
    }
}

fn executor(fill: Fill, requests: u64) -> Executor {
    let pool = |workers: u32, max_workers: u32| Pool {
        workers,
        min_workers: 1,
        max_workers,
        utilisation: if requests == 0 { 0.0 } else { 0.8 },
        queued: requests / 50,
        window_completed: requests,
        mean_wait_us: if requests == 0 { 0.0 } else { 150.0 },
        mean_service_us: if requests == 0 { 0.0 } else { 900.0 },
    };
    let class = |name: String, kind| Class {
        name,
        kind,
        completed: requests * 10,
        cpu_share: 0.3,
        wait_p50_us: 100.0,
        wait_p99_us: 2_000.0,
        service_p50_us: 800.0,
        service_p99_us: 5_000.0,
        window_completed: requests,
        window_failed: 0,
        latency_target_us: None,
    };
    let classes = match fill {
        Fill::Nothing => Vec::new(),
        Fill::Usual => vec![class("load".to_owned(), TaskKind::Io), class("parse".to_owned(), TaskKind::Cpu)],
        Fill::Most => (0..64).map(|n| class(format!("class-{n}"), TaskKind::Mixed)).collect(),
    };
    Executor { cpu: pool(4, 16), io: pool(8, 64), classes }
}

/// What can be proposed in a tick, to a strategy with these grants that declares these dials.
#[must_use]
pub fn context(tick: u64, grants: &BTreeSet<Grant>, declared: &[String]) -> ProposalContext {
    let dials = Dials::built_in().iter().map(state).collect();
    let offer = Offer {
        tick,
        dials,
        rule_limit: Some(256),
        rule_kinds: RuleKinds::All,
        followed: policies().into_iter().take(4).collect(),
        policies: Some(names()),
        shadow_budget: 8,
    };
    ProposalContext::new(Arc::new(offer), grants.clone(), declared.iter().cloned().collect())
}

/// A dial that can take everything that a profile may allow, and that no run has turned yet.
fn state(spec: &DialSpec) -> DialState {
    let (least, most) = (spec.keys.least.max(1), spec.keys.most.max(1));
    let (range, value) = match spec.kind {
        Kind::Choice => (Range::Names(names()), Value::Name("lru".to_owned())),
        Kind::Count if spec.dial == dial::CACHE_CAPACITY => {
            (Range::Count(CAPACITY / 4..=CAPACITY * 4), Value::Count(CAPACITY))
        }
        Kind::Count => (Range::Count(least..=most), Value::Count(8.clamp(least, most.max(least)))),
        Kind::Ratio => (Range::Ratio(0.0..=0.5), Value::Ratio(0.1)),
    };
    DialState { spec: *spec, range: Some(range), value: Some(value), free_from_tick: 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_figures_and_another_one_others() {
        let all = |seed| {
            let mut figures = Figures::new(seed);
            TICKS.map(|fill| {
                let snapshot = figures.next(fill);
                format!("{snapshot:?}")
            })
        };
        assert_eq!(all(1), all(1));
        assert_ne!(all(1), all(2));
    }

    #[test]
    fn a_tick_shows_nothing_or_as_much_as_a_host_ever_does() {
        let mut figures = Figures::new(1);
        let first = figures.next(Fill::Nothing);
        assert!(first.accesses.keys.is_empty() && first.shadows.is_empty() && first.gauges.is_empty());
        let most = figures.next(Fill::Most);
        assert_eq!((most.tick, most.accesses.keys.len(), most.accesses.before), (2, 4_096, 0));
        assert_eq!(most.shadows.len(), 3 * most.cache.policies.len());
        assert_eq!(most.cache.window_hits + most.cache.window_misses, 4_096);
        assert_eq!(figures.next(Fill::Usual).accesses.before, 4_096);
    }

    #[test]
    fn every_dial_takes_a_proposal_of_a_strategy_that_declares_it() {
        let dials: Vec<String> = Dials::built_in().iter().map(|spec| spec.dial.name().to_owned()).collect();
        let mut context = context(1, &Grant::ALL.into(), &dials);
        for spec in Dials::built_in().iter() {
            let value = match spec.kind {
                Kind::Choice => Value::Name("lirs(hir=0.1)".to_owned()),
                Kind::Count => Value::Count(20_000_000),
                Kind::Ratio => Value::Ratio(0.2),
            };
            assert!(context.propose(spec.dial, value).is_ok(), "{}", spec.dial);
        }
    }
}
