//! Policies that are left alone, over the input of a run in virtual time.
//!
//! They run beside the run, on the cores that it leaves idle: those that it is likely to be compared with are known from
//! its first tick on. Over a trace that is held in memory a policy is replayed as the simulator does it, by the numbers of
//! the keys; over any other input all of a thread are fed in one pass, and find their entries by hash. Policies see the
//! same hashes either way, and miss the same requests.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{Scope, ScopedJoinHandle, available_parallelism};

use host_cache::PolicyFactory;
use host_contract::Unit;
use host_contract::number::ratio;
use host_simulator::{NumberedTrace, PolicyFault, Replay, SimError, Tally, Weigh};
use host_workload::key::hash_number;
use serde::Serialize;

use super::steps::{Step, Steps};
use crate::error::RunError;
use crate::progress::Stop;

/// A policy that was never changed.
#[derive(Debug, Clone, Serialize)]
pub struct Fixed {
    /// Its name.
    pub policy: String,
    /// Requests that missed.
    pub misses: u64,
    /// `misses` of all requests to the cache, 0.0 to 1.0.
    pub miss_ratio: f64,
    /// The same by bytes; none where all objects weigh the same.
    pub byte_miss_ratio: Option<f64>,
}

type Rows = Vec<(PolicyFactory, Fixed)>;

/// Threads that replay beside the run: one for each core but the run's own, at least one.
pub(super) fn threads() -> u64 {
    let cores = available_parallelism().map_or(1, usize::from);
    u64::try_from(cores).unwrap_or(1).saturating_sub(1).max(1)
}

/// Replays under way.
pub(super) struct Alone<'scope, 'a> {
    steps: &'a Steps<'a>,
    asked: Asked<'a>,
    threads: Vec<ScopedJoinHandle<'scope, Result<Rows, RunError>>>,
}

/// Whether to go on.
#[derive(Clone, Copy)]
struct Asked<'a> {
    stop: &'a Stop,
    abandoned: &'a AtomicBool,
}

impl Asked<'_> {
    fn to_stop(self) -> bool {
        self.stop.asked() || self.abandoned.load(Ordering::Relaxed)
    }
}

impl<'scope, 'a> Alone<'scope, 'a> {
    /// Begins to replay these policies. They end early where `stop` is asked, or the run ends without
    /// [`rows`](Self::rows) and so leaves `abandoned` set.
    pub(super) fn begin(
        scope: &'scope Scope<'scope, 'a>,
        steps: &'a Steps<'a>,
        policies: &[PolicyFactory],
        stop: &'a Stop,
        abandoned: &'a AtomicBool,
    ) -> Self {
        let asked = Asked { stop, abandoned };
        let count = usize::try_from(threads()).unwrap_or(1).min(policies.len());
        let threads = (0..count).map(|number| {
            let mine: Vec<_> = policies.iter().skip(number).step_by(count).cloned().collect();
            scope.spawn(move || replayed(steps, mine, asked))
        });
        Self { steps, asked, threads: threads.collect() }
    }

    /// What each of these policies missed; of an input that was not replayed to its end, nothing.
    pub(super) fn rows(mut self, policies: &[PolicyFactory]) -> Result<Vec<Fixed>, RunError> {
        let mut rows = Rows::new();
        for thread in self.threads.drain(..) {
            rows.extend(thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?);
        }
        // A strategy may have had the shadows follow others since.
        let known = |policy: &PolicyFactory, rows: &Rows| rows.iter().any(|(known, _)| known == policy);
        let more: Vec<_> = policies.iter().filter(|policy| !known(policy, &rows)).cloned().collect();
        rows.extend(replayed(self.steps, more, self.asked)?);
        let row = |policy| rows.iter().find(|(known, _)| known == policy).map(|(_, row)| row.clone());
        Ok(policies.iter().filter_map(row).collect())
    }
}

impl Drop for Alone<'_, '_> {
    fn drop(&mut self) {
        self.asked.abandoned.store(true, Ordering::Relaxed);
    }
}

fn replayed(steps: &Steps<'_>, policies: Vec<PolicyFactory>, asked: Asked<'_>) -> Result<Rows, RunError> {
    match steps.held() {
        _ if policies.is_empty() => Ok(Rows::new()),
        Some(trace) => {
            let rows = policies.into_iter().map(|policy| {
                let row = by_number(steps, trace, &policy, asked)?;
                Ok(row.map(|row| (policy, row)))
            });
            rows.filter_map(Result::transpose).collect()
        }
        None => by_hash(steps, policies, asked),
    }
}

/// One policy over a trace in memory; none where it was stopped.
fn by_number(
    steps: &Steps<'_>,
    trace: &NumberedTrace,
    policy: &PolicyFactory,
    asked: Asked<'_>,
) -> Result<Option<Fixed>, RunError> {
    let weigh = weigh(steps);
    let mut replay = Replay::numbered(policy, steps.capacity, weigh);
    replay.learn(trace.ids());
    let (mut requests, mut tally, mut weights, mut fault) = (0, Tally::default(), Vec::new(), None);
    trace.for_each_piece(|numbers| {
        weights.clear();
        if weigh == Weigh::Bytes {
            weights.extend(trace.sizes_of(numbers));
        }
        match replay.feed(numbers, &weights) {
            Ok(fed) => tally += fed,
            Err(failed) => {
                fault = Some(failed);
                return false;
            }
        }
        requests += u64::try_from(numbers.len()).unwrap_or(u64::MAX);
        !asked.to_stop()
    })?;
    if let Some(fault) = fault {
        return Err(failed(policy, &fault));
    }
    Ok((!asked.to_stop()).then(|| fixed(steps, policy, requests, tally)))
}

/// Policies over any input; none where it was stopped.
fn by_hash(steps: &Steps<'_>, policies: Vec<PolicyFactory>, asked: Asked<'_>) -> Result<Rows, RunError> {
    let weigh = weigh(steps);
    let replay = |policy| (Replay::hashed(&policy, steps.capacity, weigh), policy, Tally::default());
    let mut replays: Vec<_> = policies.into_iter().map(replay).collect();
    let (mut requests, mut fault) = (0, None);
    let (mut ids, mut weights) = (Vec::new(), Vec::new());
    steps.each(|some| {
        for step in some {
            if let Step::Get(key, weight) = *step {
                ids.push(hash_number(key));
                if weigh == Weigh::Bytes {
                    weights.push(u32::try_from(weight).unwrap_or(u32::MAX));
                }
            }
        }
        if ids.len() >= FED && fault.is_none() {
            fault = feed(&mut replays, &mut ids, &mut weights, &mut requests).err();
        }
        fault.is_none() && !asked.to_stop()
    })?;
    if let Some(fault) = fault {
        return Err(fault);
    }
    feed(&mut replays, &mut ids, &mut weights, &mut requests)?;
    let row = |(_, policy, tally)| (fixed(steps, &policy, requests, tally), policy);
    let rows = replays.into_iter().map(row).map(|(row, policy)| (policy, row));
    Ok(if asked.to_stop() { Rows::new() } else { rows.collect() })
}

/// Requests that a replay is fed with at a time.
const FED: usize = 4_096;

fn feed(
    replays: &mut [(Replay<u64>, PolicyFactory, Tally)],
    ids: &mut Vec<u64>,
    weights: &mut Vec<u32>,
    requests: &mut u64,
) -> Result<(), RunError> {
    *requests += u64::try_from(ids.len()).unwrap_or(u64::MAX);
    for (replay, policy, tally) in replays {
        *tally += replay.feed(ids, weights).map_err(|fault| failed(policy, &fault))?;
    }
    ids.clear();
    weights.clear();
    Ok(())
}

fn failed(policy: &PolicyFactory, fault: &PolicyFault) -> RunError {
    RunError::Simulation(SimError::Policy { policy: policy.name().to_owned(), reason: fault.to_string() })
}

fn weigh(steps: &Steps<'_>) -> Weigh {
    match steps.unit() {
        Unit::Objects => Weigh::Objects,
        Unit::Bytes => Weigh::Bytes,
    }
}

fn fixed(steps: &Steps<'_>, policy: &PolicyFactory, requests: u64, tally: Tally) -> Fixed {
    let misses = requests.saturating_sub(tally.hits);
    Fixed {
        policy: policy.to_string(),
        misses,
        miss_ratio: ratio(misses, requests).unwrap_or(0.0),
        byte_miss_ratio: ratio(tally.bytes_missed, tally.bytes).filter(|_| steps.weights_differ()),
    }
}
