//! What strategies are shown in a tick of a replay.
//!
//! As long as the replay has turned what the recording turned, the recorded readings are true of it. From then on cache, shadows, latency,
//! throughput and prefetching are those of the simulated cache; the machine and the pools are the recorded ones of that time. Counts since
//! the start go on from what was shown last, so that no reading jumps where the one takes over from the other.

use std::sync::Arc;

use host_contract::gauge::Values;
use host_contract::number::to_f64;
use host_contract::snapshot::{Accesses, Cache, Shadow, Snapshot};
use host_contract::{History, RunInfo};

use crate::control_plane::Measured;

/// The gauges of a recorded tick that a simulated cache does not give.
pub(super) fn measured(recorded: &Snapshot) -> Measured {
    let of_machine = |name: &str| !SIMULATED.contains(&name) && !name.starts_with("prefetch-");
    let gauges: Values = recorded
        .gauges
        .iter()
        .filter(|(name, _)| of_machine(name))
        .map(|(name, value)| (*name, *value))
        .collect();
    Measured { system: recorded.system.clone(), gauges, pools: recorded.executor.clone() }
}

/// The others, beside those of prefetching.
const SIMULATED: [&str; 9] = [
    "hit-ratio",
    "throughput",
    "latency-mean",
    "latency-p50",
    "latency-p99",
    "missed-bytes",
    "origin-latency-p99",
    OF_SETTINGS[0],
    OF_SETTINGS[1],
];

/// Those that follow from the settings, which may be others than the recorded ones.
const OF_SETTINGS: [&str; 2] = ["target-hit-ratio", "memory-room"];

/// Makes the snapshots of a replay.
pub(super) struct Shown {
    run: RunInfo,
    history: History,
    before: Arc<Snapshot>,
}

impl Shown {
    pub(super) fn new(run: RunInfo) -> Self {
        Self { run, history: History::default(), before: Arc::default() }
    }

    /// What was shown last.
    pub(super) fn before(&self) -> &Arc<Snapshot> {
        &self.before
    }

    /// The recorded readings, with gauges that follow from the settings.
    pub(super) fn recorded(&mut self, mut recorded: Snapshot, of_settings: &Values) -> Arc<Snapshot> {
        for name in OF_SETTINGS {
            match of_settings.get(name) {
                Some(value) => recorded.gauges.insert(name, *value),
                None => recorded.gauges.remove(name),
            };
        }
        self.show(recorded)
    }

    /// The readings of the simulated cache, at the time of a recorded tick; and those of the tick before, whatever was shown then.
    pub(super) fn simulated(
        &mut self,
        recorded: &Snapshot,
        [earlier, simulated]: [&Snapshot; 2],
    ) -> Arc<Snapshot> {
        // Positions of requests go on from those that were shown.
        let ahead = end(&self.before.accesses).saturating_sub(end(&earlier.accesses));
        let before = Arc::clone(&self.before);
        let cache = Cache {
            hits: before.cache.hits.saturating_add(simulated.cache.window_hits),
            misses: before.cache.misses.saturating_add(simulated.cache.window_misses),
            ..simulated.cache.clone()
        };
        let shadow = |now: &Shadow| {
            let same = |of: &&Shadow| of.policy == now.policy && of.capacity_factor == now.capacity_factor;
            let Some(then) = before.shadows.iter().find(same) else { return now.clone() };
            Shadow {
                requests: then.requests.saturating_add(now.window_requests),
                misses: then.misses.saturating_add(now.window_misses),
                ..now.clone()
            }
        };
        // The process held what the recorded cache held.
        let process = recorded.system.process_memory_bytes;
        let process = process.saturating_sub(recorded.cache.used_bytes).saturating_add(cache.used_bytes);
        let mut snapshot = Snapshot {
            tick: recorded.tick,
            now: recorded.now,
            elapsed: recorded.elapsed,
            shadows: simulated.shadows.iter().map(shadow).collect(),
            cache,
            accesses: Arc::new(Accesses {
                before: simulated.accesses.before.saturating_add_signed(ahead),
                ..Accesses::clone(&simulated.accesses)
            }),
            ..simulated.clone()
        };
        snapshot.system.process_memory_bytes = process;
        snapshot.gauges.insert("process-memory", to_f64(process));
        self.show(snapshot)
    }

    fn show(&mut self, snapshot: Snapshot) -> Arc<Snapshot> {
        for (gauge, value) in &snapshot.gauges {
            self.history.push(gauge, *value);
        }
        let history = Arc::new(self.history.clone());
        self.before = Arc::new(Snapshot { history, run: self.run, ..snapshot });
        Arc::clone(&self.before)
    }
}

/// The position after the last request that is shown.
fn end(of: &Accesses) -> i64 {
    let end = of.before.saturating_add(u64::try_from(of.keys.len()).unwrap_or(u64::MAX));
    i64::try_from(end).unwrap_or(i64::MAX)
}
