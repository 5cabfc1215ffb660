//! A cache with a predictor in virtual time: who prefetches pays for it.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, HashSet};
use std::time::Duration;

use host_cache::{Cache, builtin};
use host_contract::split_mix::mix;
use host_simulator::{Demand, NumberedTrace, Origin, SimError};

const HIT: Duration = Duration::from_micros(10);
const LATENCY: Duration = Duration::from_millis(1);
const SLOTS: u32 = 8;
const MOST_IN_FLIGHT: usize = 8;
const CONTROL: u64 = 20;

/// What names the keys to prefetch.
pub(crate) trait Predictor {
    /// A request for `key`, which was in the cache or not, perhaps by a prefetch not asked for before. Adds what to prefetch.
    fn access(&mut self, key: u64, found: Found, wanted: &mut Vec<u64>);
}

/// Where a request found its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found {
    Cached,
    Prefetched,
    Missed,
}

/// How a run goes.
pub(crate) struct Rules {
    /// In objects.
    pub(crate) capacity: u64,
    /// Whether prefetched entries wait apart.
    pub(crate) probation: bool,
    /// Whether one trigger in twenty is held back.
    pub(crate) control: bool,
}

/// What came of it.
#[derive(Debug, Default)]
pub(crate) struct Done {
    pub(crate) misses: u64,
    pub(crate) issued: u64,
    pub(crate) used: u64,
    pub(crate) time: Duration,
}

struct State {
    cache: Cache<u64, ()>,
    probation: bool,
    /// Prefetched, in the cache, and not asked for.
    unused: HashSet<u64>,
    due: BinaryHeap<Reverse<(Duration, u64)>>,
    in_flight: HashMap<u64, Duration>,
}

impl State {
    fn land(&mut self, key: u64) {
        if self.in_flight.remove(&key).is_some() {
            if self.probation {
                self.cache.fill(key, ());
            } else {
                self.cache.insert(key, ());
            }
            self.unused.insert(key);
        }
    }
}

pub(crate) fn run(
    trace: &NumberedTrace,
    rules: &Rules,
    predictor: &mut dyn Predictor,
) -> Result<Done, SimError> {
    let cache = Cache::builder(rules.capacity).shards(1).policy(&builtin::LRU).build();
    let mut state = State {
        cache,
        probation: rules.probation,
        unused: HashSet::new(),
        due: BinaryHeap::new(),
        in_flight: HashMap::new(),
    };
    let mut origin = Origin::new(LATENCY, Some(SLOTS));
    let (mut done, mut wanted, mut draws) = (Done::default(), Vec::new(), 0_u64);
    trace.for_each(|objects| {
        for object in objects {
            let key = object.key;
            while let Some(Reverse((due, landed))) = state.due.peek().copied()
                && due <= done.time
            {
                state.due.pop();
                state.land(landed);
            }
            let mut took = HIT;
            let mut found = Found::Cached;
            let there = state.cache.contains(&key);
            if let Some(due) = state.in_flight.get(&key).copied() {
                took += due.saturating_sub(done.time);
                state.land(key);
            } else if !there {
                found = Found::Missed;
            }
            if state.unused.remove(&key) && found == Found::Cached {
                found = Found::Prefetched;
                done.used += 1;
            }
            // A prefetch is issued as its trigger arrives, before the trigger's own load.
            wanted.clear();
            predictor.access(key, found, &mut wanted);
            draws += u64::from(!wanted.is_empty());
            if rules.control && mix(draws).is_multiple_of(CONTROL) {
                wanted.clear();
            }
            for &target in &wanted {
                let known = target == key || state.cache.contains(&target);
                if known || state.in_flight.contains_key(&target) || state.in_flight.len() >= MOST_IN_FLIGHT {
                    continue;
                }
                // Nothing is there that the trace never asks for.
                if trace.size(target).is_none() {
                    continue;
                }
                state.unused.remove(&target);
                let due = origin.load(done.time, Demand::Ahead);
                state.in_flight.insert(target, due);
                state.due.push(Reverse((due, target)));
                done.issued += 1;
            }
            if found == Found::Missed {
                done.misses += 1;
                took = origin.load(done.time, Demand::Now).saturating_sub(done.time);
                state.cache.insert(key, ());
            } else {
                // Landed and pushed out at once, where there is no room at all: served all the same.
                state.cache.get(&key);
            }
            done.time += took;
        }
        true
    })?;
    Ok(done)
}
