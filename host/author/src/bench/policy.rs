//! An eviction policy, replayed in memory beside its native twin.
//!
//! The loop is the simulator's: what is measured of a component is its own work, the calls, and the host's record of the
//! residents. Requests are drawn before the clock starts.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use host_contract::number::to_f64;
use host_contract::split_mix::mix;
use host_plugin::{PolicyPlugin, WasmPolicy};
use host_policy::batched::{Answer, Batch, BatchedPolicy};
use host_policy::{ExportedEntry, ImportedEntry, PolicyFactory};
use host_simulator::{PolicyFault, Replay, Weigh};
use rand_distr::{Distribution as _, Zipf};
use rand_pcg::Pcg64;
use rand_pcg::rand_core::SeedableRng as _;
use serde::Serialize;

use super::Spread;

/// How skewed requests are: that of most published traces of caches.
const SKEW: f64 = 0.99;

/// What is replayed.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct PolicyLoad {
    /// Requests of a round.
    pub requests: u32,
    /// Keys that they are drawn from, by Zipf's law with 0.99.
    pub keys: u32,
    /// Capacity in objects.
    pub capacity: u64,
    /// Rounds.
    pub rounds: u32,
}

impl Default for PolicyLoad {
    /// A million requests to 100,000 keys at a tenth of them, five times.
    fn default() -> Self {
        Self { requests: 1_000_000, keys: 100_000, capacity: 10_000, rounds: 5 }
    }
}

/// What was measured of a policy. `host plugin bench --json` prints this object.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PolicyBench {
    /// What was replayed.
    pub load: PolicyLoad,
    /// The component.
    pub component: PolicyFigures,
    /// Linear memory that it held at the end of a round, bytes.
    pub memory_bytes: u64,
    /// The native policy of the same name; none where there is none.
    pub native: Option<PolicyFigures>,
}

/// What was measured of a policy, component or not.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PolicyFigures {
    /// Its name.
    pub policy: String,
    /// Nanoseconds a request, of each round.
    pub ns_per_event: Spread,
    /// Requests of a round that missed.
    pub misses: u64,
}

/// Replays a component, and its native twin where there is one, in turns.
///
/// # Errors
/// The component failed.
pub fn policy(
    plugin: &Arc<PolicyPlugin>,
    twin: Option<&PolicyFactory>,
    load: PolicyLoad,
) -> Result<PolicyBench, PolicyFault> {
    let memory = Arc::new(AtomicU64::new(0));
    let component = metered(plugin, &memory);
    let requests = requests(load);
    let ids: Vec<u64> = (0..u64::from(load.keys)).map(mix).collect();
    let one = |policy: &PolicyFactory| round(policy, &requests, &ids, load.capacity);
    let (mut of_component, mut of_twin) = (Vec::new(), Vec::new());
    let (mut missed, mut missed_by_twin) = (0, 0);
    for _ in 0..load.rounds.max(1) {
        let (took, misses) = one(&component)?;
        of_component.push(per_event(took, load.requests));
        missed = misses;
        if let Some(twin) = twin {
            let (took, misses) = one(twin)?;
            of_twin.push(per_event(took, load.requests));
            missed_by_twin = misses;
        }
    }
    let figures = |name: &str, measured, misses| PolicyFigures {
        policy: name.to_owned(),
        ns_per_event: Spread::of(measured),
        misses,
    };
    Ok(PolicyBench {
        load,
        component: figures(component.name(), of_component, missed),
        memory_bytes: memory.load(Ordering::Relaxed),
        native: twin.map(|twin| figures(twin.name(), of_twin, missed_by_twin)),
    })
}

/// The numbers of the keys that are asked for: always the same.
fn requests(load: PolicyLoad) -> Vec<u32> {
    let mut random = Pcg64::seed_from_u64(1);
    let Ok(zipf) = Zipf::new(to_f64(u64::from(load.keys.max(1))), SKEW) else { return Vec::new() };
    let key = |rank: f64| {
        let rank = u32::try_from(host_contract::number::to_u64(rank)).unwrap_or(1);
        rank.clamp(1, load.keys.max(1)) - 1
    };
    (0..load.requests).map(|_| key(zipf.sample(&mut random))).collect()
}

/// All requests through a fresh policy: the time, and how many missed.
fn round(
    policy: &PolicyFactory,
    requests: &[u32],
    ids: &[u64],
    capacity: u64,
) -> Result<(Duration, u64), PolicyFault> {
    let mut replay = Replay::numbered(policy, capacity, Weigh::Objects);
    replay.learn(ids);
    let began = Instant::now();
    let tally = replay.feed(requests, &[])?;
    let took = began.elapsed();
    let asked = u64::try_from(requests.len()).unwrap_or(u64::MAX);
    Ok((took, asked.saturating_sub(tally.hits)))
}

fn per_event(took: Duration, events: u32) -> f64 {
    took.as_secs_f64() * 1e9 / to_f64(u64::from(events.max(1)))
}

/// The component as a policy that leaves word of its memory.
fn metered(plugin: &Arc<PolicyPlugin>, memory: &Arc<AtomicU64>) -> PolicyFactory {
    let (plugin, memory) = (Arc::clone(plugin), Arc::clone(memory));
    PolicyFactory::batched(format!("plugin:{}", plugin.name()), move |opening| {
        let policy = plugin.start(opening).map_err(|error| error.to_string())?;
        Ok(Box::new(Metered { policy, memory: Arc::clone(&memory) }))
    })
}

struct Metered {
    policy: WasmPolicy,
    memory: Arc<AtomicU64>,
}

impl BatchedPolicy for Metered {
    fn wants_ids(&self) -> bool {
        self.policy.wants_ids()
    }

    fn turn(&mut self, batch: Batch<'_>, answer: &mut Answer) -> Result<(), String> {
        let told = self.policy.turn(batch, answer);
        self.memory.fetch_max(self.policy.memory_bytes(), Ordering::Relaxed);
        told
    }

    fn resize(&mut self, capacity: u64, answer: &mut Answer) -> Result<(), String> {
        self.policy.resize(capacity, answer)
    }

    fn hand_over(&mut self) -> Result<Vec<ExportedEntry>, String> {
        self.policy.hand_over()
    }

    fn take_over(&mut self, entries: &[ImportedEntry]) -> Result<(), String> {
        self.policy.take_over(entries)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_the_same_each_time_and_skewed() {
        let load = PolicyLoad { requests: 20_000, keys: 1_000, ..PolicyLoad::default() };
        let drawn = requests(load);
        assert_eq!(drawn, requests(load));
        assert!(drawn.iter().all(|key| *key < 1_000));
        let to_the_first = drawn.iter().filter(|key| **key == 0).count();
        assert!((2_000..4_000).contains(&to_the_first), "{to_the_first}");
    }

    #[test]
    fn a_native_policy_goes_through_a_round() {
        let load = PolicyLoad { requests: 20_000, keys: 1_000, capacity: 100, rounds: 1 };
        let ids: Vec<u64> = (0..1_000).map(mix).collect();
        let drawn = requests(load);
        let (_, misses) = round(&host_policy::builtin::LRU, &drawn, &ids, load.capacity).unwrap();
        let (_, again) = round(&host_policy::builtin::LRU, &drawn, &ids, load.capacity).unwrap();
        assert!(misses == again && misses > 5_000 && misses < 15_000, "{misses}");
    }
}
