//! A run in virtual time: the whole control loop with its strategies, against a trace.
//!
//! Single-threaded, with a clock that only requests move: a hit takes [`HIT_TIME`], a miss the origin's
//! latency, a load ahead of demand is there when its latency has passed. There is no executor, and its
//! dials answer `unavailable`. The cache has one shard and a fixed hasher, strategies are bounded by
//! fuel and by their own time alone, so that the same input gives the same bytes twice.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap};
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ahash::RandomState;
use host_cache::{Cache, PolicyFactory, Shadows, builtin};
use host_contract::snapshot::{Snapshot, System};
use host_contract::{Clock, RunInfo, Unit, gauge};
use host_control::ledger::{Decision, Disabled, End, Record, RulesChanged, Run};
use host_control::{ControlLoop, Registration};
use host_plugin::Time;
use host_prefetch::Prefetcher;
use host_profile::Settings;
use host_simulator::{Capacity, Replay as Simulated, Weigh};
use host_workload::key;
use host_workload::trace::{Options as TraceOptions, TraceReader, check_readings};
use serde::Serialize;

use crate::drive::trace::Footprint;
use crate::entry::Entry;
use crate::error::RunError;
use crate::fallbacks;
use crate::ledger_file::LedgerFile;
use crate::meter::Meter;
use crate::progress::{Progress, Stop};
use crate::report::{self, share};
use crate::snapshot_builder::{Sample, SnapshotBuilder};
use crate::strategies;
use crate::wiring::{self, Controlled};

/// Virtual time of a request served from the cache.
const HIT_TIME: Duration = Duration::from_micros(10);

const BATCH: usize = 4_096;

/// What to replay, and how.
#[derive(Debug, Clone)]
pub struct VirtualOptions {
    /// The effective configuration.
    pub settings: Settings,
    /// The trace.
    pub trace: PathBuf,
    /// How to read it.
    pub format: TraceOptions,
    /// Capacity at the start. In objects or percent every object weighs 1.
    pub capacity: Capacity,
    /// A tick after so many requests, at least 1.
    pub tick_requests: u64,
    /// Virtual time that the origin takes for an object.
    pub origin_latency: Duration,
    /// Where all chance comes from.
    pub seed: u64,
    /// Where the ledger is written.
    pub ledger: Option<PathBuf>,
}

/// What came of it. `host sim --profile P --json` prints this object.
#[derive(Debug, Clone, Serialize)]
pub struct VirtualReport {
    /// Name of the profile.
    pub profile: String,
    /// The trace file.
    pub trace: String,
    /// Requests replayed.
    pub requests: u64,
    /// Distinct keys in the trace.
    pub distinct: u64,
    /// Capacity at the start, in objects or bytes as it was given.
    pub capacity: u64,
    /// Ticks held.
    pub ticks: u64,
    /// Requests that had to load; those that waited for a load ahead of demand are not among them.
    pub misses: u64,
    /// `misses / requests`.
    pub miss_ratio: f64,
    /// Policy at the end.
    pub policy: String,
    /// What each policy alone would have missed at the capacity of the start.
    pub fixed: Vec<Fixed>,
    /// Entries loaded ahead, and what became of them.
    pub prefetch: report::Prefetch,
    /// Every change of a dial.
    pub decisions: Vec<Decision>,
    /// Every change of the prefetch rules.
    pub rules: Vec<RulesChanged>,
    /// Strategies that were disabled, and why.
    pub disabled: Vec<Disabled>,
    /// What each strategy asked for and burnt.
    pub strategies: BTreeMap<String, host_control::registration::Cost>,
    /// What else is worth knowing.
    pub notes: Vec<String>,
    /// Whether it was ended early.
    pub interrupted: bool,
}

/// A policy that was never changed.
#[derive(Debug, Clone, Serialize)]
pub struct Fixed {
    /// Its name.
    pub policy: String,
    /// Requests that missed.
    pub misses: u64,
    /// `misses / requests`.
    pub miss_ratio: f64,
}

/// Replays the trace under the profile's strategies.
///
/// # Errors
/// [`RunError`]: something handed in is wrong.
pub fn run_virtual(
    options: &VirtualOptions,
    progress: &dyn Progress,
    stop: &Stop,
) -> Result<VirtualReport, RunError> {
    let settings = &options.settings;
    let ledger = LedgerFile::open(options.ledger.as_deref(), Some(&options.trace), progress)?;
    let loaded = strategies::load(settings, Time::Virtual, options.seed, progress)?;
    // The footprint, the run, the policies alone.
    check_readings(&options.trace, 3)?;
    progress.doing(&format!("opening {}", options.trace.display()));
    let open = || TraceReader::open(&options.trace, &options.format);
    // An object without a size weighs 1, as it does where capacities are in objects.
    let footprint = Footprint::read(open()?, 1, progress, stop)?;
    let capacity = options.capacity.resolve(footprint.distinct());

    let ledger = ledger.map(LedgerFile::begin).transpose()?;
    let mut replay = Replay::new(options, &footprint, capacity, loaded.registrations, ledger);
    progress.begin("replay", Some(footprint.requests));
    let mut trace = open()?;
    let mut batch = Vec::with_capacity(BATCH);
    while !stop.asked() {
        batch.clear();
        if trace.read_batch(&mut batch, BATCH)? == 0 {
            break;
        }
        for request in &batch {
            replay.request(request.key);
        }
        progress.at(replay.meter.count());
    }
    progress.end(&format!("{} requests replayed, {} ticks", replay.meter.count(), replay.builder.ticks()));
    let mut report = replay.settle(options, &footprint, capacity);
    report.fixed = fixed(open()?, options.capacity, capacity, &footprint, stop)?;
    report.disabled.splice(0..0, loaded.disabled);
    report.notes.splice(0..0, loaded.notes.into_iter().chain(footprint.notes));
    report.interrupted = stop.asked();
    Ok(report)
}

/// What each policy alone misses, simulated in one pass over the trace.
fn fixed(
    mut trace: TraceReader,
    asked: Capacity,
    capacity: u64,
    footprint: &Footprint,
    stop: &Stop,
) -> Result<Vec<Fixed>, RunError> {
    let weigh = if asked.is_bytes() { Weigh::Bytes } else { Weigh::Objects };
    let mut policies = builtin::BASIC.map(|policy| {
        let replay = Simulated::hashed(&policy, capacity, weigh);
        (policy, replay, 0_u64)
    });
    let mut batch = Vec::with_capacity(BATCH);
    let mut requests = 0_u64;
    while !stop.asked() {
        batch.clear();
        let read = trace.read_batch(&mut batch, BATCH)?;
        if read == 0 {
            break;
        }
        requests += u64::try_from(read).unwrap_or(0);
        let keys: Vec<u64> = batch.iter().map(|request| request.key).collect();
        let ids: Vec<u64> = keys.iter().copied().map(id).collect();
        let size = |key: &u64| footprint.sizes.get(key).copied().unwrap_or(1);
        let sizes = if asked.is_bytes() { keys.iter().map(size).collect() } else { Vec::new() };
        for (_, replay, hits) in &mut policies {
            *hits += replay.feed(&ids, &sizes).hits;
        }
    }
    let row = |(policy, _, hits): (PolicyFactory, _, u64)| Fixed {
        policy: policy.to_string(),
        misses: requests - hits,
        miss_ratio: share(requests - hits, requests).unwrap_or(0.0),
    };
    Ok(policies.into_iter().map(row).collect())
}

/// What a policy knows an object by: nothing follows from its value, whatever a key tells.
fn id(key: u64) -> u64 {
    key::hash_number(key)
}

fn weight(asked: Capacity, footprint: &Footprint, key: u64) -> u64 {
    match asked {
        Capacity::Bytes(_) => footprint.sizes.get(&key).map_or(1, |size| u64::from(*size)),
        Capacity::Objects(_) | Capacity::Percent(_) => 1,
    }
}

struct Replay<'a> {
    options: &'a VirtualOptions,
    footprint: &'a Footprint,
    control: ControlLoop,
    controlled: Controlled,
    cache: Arc<Cache<u64, Entry, RandomState>>,
    prefetcher: Arc<Prefetcher>,
    meter: Meter,
    builder: SnapshotBuilder,
    now: Duration,
    /// Loads ahead of demand by the time at which they are there.
    due: BinaryHeap<Reverse<(Duration, u64)>>,
    in_flight: HashMap<u64, Duration, RandomState>,
    ledger: Option<Box<dyn Write + Send>>,
    ledger_error: Option<std::io::Error>,
}

impl<'a> Replay<'a> {
    fn new(
        options: &'a VirtualOptions,
        footprint: &'a Footprint,
        capacity: u64,
        registrations: Vec<Registration>,
        ledger: Option<Box<dyn Write + Send>>,
    ) -> Self {
        let settings = &options.settings;
        let hasher = || RandomState::with_seeds(1, 2, 3, 4);
        let prefetcher = Arc::new(wiring::prefetcher(settings, capacity));
        let cache = wiring::cache(settings, capacity, Arc::clone(&prefetcher));
        let cache = Arc::new(cache.shards(1).hasher(hasher()).build());
        let mean_weight = match options.capacity {
            Capacity::Bytes(_) => footprint.mean_size(),
            Capacity::Objects(_) | Capacity::Percent(_) => 1,
        };
        let shadows = settings.cache.shadows.then(|| wiring::shadows(&cache.policy(), capacity, mean_weight));
        let (stored, prefetched) = (Arc::clone(&cache), Arc::clone(&prefetcher));
        let mut controlled = Controlled::new(settings, stored, prefetched, None, shadows);
        let control = controlled.control(settings, registrations);
        let unit = match options.capacity {
            Capacity::Bytes(_) => Unit::Bytes,
            Capacity::Objects(_) | Capacity::Percent(_) => Unit::Objects,
        };
        let objective = settings.optimise;
        let run = RunInfo { clock: Clock::Virtual, objective, unit, seed: options.seed, keys_ordered: false };
        let mut this = Self {
            options,
            footprint,
            control,
            controlled,
            cache,
            prefetcher,
            meter: Meter::default(),
            builder: SnapshotBuilder::new(wiring::policy_names(&wiring::policies()), run),
            now: Duration::ZERO,
            due: BinaryHeap::new(),
            in_flight: HashMap::with_hasher(hasher()),
            ledger,
            ledger_error: None,
        };
        let header = Run {
            profile: settings.profile.clone(),
            workload: format!("trace {} in virtual time", options.trace.display()),
            strategies: this.control.identities().cloned().collect(),
            settings: this.control.starting().clone(),
        };
        this.write(&[Record::Run(header)]);
        this
    }

    fn request(&mut self, key: u64) {
        self.arrive();
        let at = self.meter.accesses.arrived(key);
        self.look_ahead(key);
        let wait = self.wait(key);
        let is_hit = self.cache.get(&key).is_some();
        let took = if is_hit {
            wait + HIT_TIME
        } else {
            self.cache.insert(key, self.entry(key));
            self.options.origin_latency
        };
        let weight = weight(self.options.capacity, self.footprint, key);
        self.meter.accesses.served(at, u32::try_from(weight).unwrap_or(u32::MAX), is_hit);
        if let Some(shadows) = &mut self.controlled.shadows {
            shadows.feed(id(key), weight);
        }
        self.now += took;
        if self.meter.finished(took).is_multiple_of(self.options.tick_requests.max(1)) {
            let snapshot = self.look();
            let fallback = self.builder.take_fallback();
            self.write(fallback.as_slice());
            let records = self.controlled.tick(&mut self.control, &snapshot);
            self.write(&records);
        }
    }

    /// Waits for the load ahead of demand that is under way, if there is one. It causes no other load.
    fn wait(&mut self, key: u64) -> Duration {
        let Some(due) = self.in_flight.get(&key).copied() else { return Duration::ZERO };
        self.land(key);
        due.saturating_sub(self.now)
    }

    fn look_ahead(&mut self, key: u64) {
        let mut loads = Vec::new();
        let sizes = &self.footprint.sizes;
        let no_use = |key: u64| self.cache.contains(&key) || !sizes.contains_key(&key);
        self.prefetcher.on_access(key, no_use, &mut loads);
        for load in loads {
            let due = self.now + self.options.origin_latency;
            self.due.push(Reverse((due, load.key)));
            self.in_flight.insert(load.key, due);
        }
    }

    /// Lands the loads whose time has come.
    fn arrive(&mut self) {
        while let Some(Reverse((due, key))) = self.due.peek().copied() {
            if due > self.now {
                return;
            }
            self.due.pop();
            // One that was waited for has landed already.
            if self.in_flight.contains_key(&key) {
                self.land(key);
            }
        }
    }

    fn land(&mut self, key: u64) {
        self.in_flight.remove(&key);
        let entry = self.entry(key);
        let weight = entry.weight();
        self.cache.insert(key, entry);
        self.prefetcher.loaded(key, weight);
    }

    fn entry(&self, key: u64) -> Entry {
        let weight = weight(self.options.capacity, self.footprint, key);
        Entry::Sized(u32::try_from(weight).unwrap_or(u32::MAX))
    }

    fn look(&mut self) -> Arc<Snapshot> {
        let cap = self.options.settings.memory.cap.get();
        // No machine: what a strategy may read of it is the same everywhere.
        let system = System { cpu_cores: 1.0, memory_limit_bytes: cap, ..System::default() };
        let sample = Sample {
            system,
            cache: self.cache.stats(),
            shadows: self.controlled.shadows.as_ref().map(Shadows::estimates).unwrap_or_default(),
            executor: None,
            prefetch: self.controlled.prefetch(),
            accesses: self.meter.accesses.recent(),
            finished: self.meter.count(),
            latency: self.meter.take_window(),
            gauges: gauge::Values::new(),
        };
        Arc::new(self.builder.snapshot(self.now, sample))
    }

    fn settle(mut self, options: &VirtualOptions, footprint: &Footprint, capacity: u64) -> VirtualReport {
        let ticks = self.builder.ticks();
        let last = self.look();
        let mut records = vec![Record::Tick(Arc::clone(&last))];
        records.extend(self.builder.take_fallback());
        records.extend(self.control.finish(&last));
        let decisions = self.control.decisions().to_vec();
        records.push(Record::End(End {
            ticks,
            hits: last.cache.hits,
            misses: last.cache.misses,
            decisions: u64::try_from(decisions.len()).unwrap_or(u64::MAX),
        }));
        self.write(&records);
        if let Some(ledger) = &mut self.ledger
            && let Err(error) = ledger.flush()
        {
            self.ledger_error.get_or_insert(error);
        }
        self.prefetcher.finish();
        let prefetch = self.prefetcher.totals();
        let requests = self.meter.count();
        let strategies: BTreeMap<_, _> =
            self.control.costs().map(|(who, cost)| (who.name.clone(), cost.clone())).collect();
        let mut notes = report::objections(&strategies);
        notes.extend(fallbacks::note(&self.cache.stats()));
        notes.extend(self.ledger_error.map(|e| format!("the ledger is not whole: {e}")));
        VirtualReport {
            profile: options.settings.profile.clone(),
            trace: options.trace.display().to_string(),
            requests,
            distinct: footprint.distinct(),
            capacity,
            ticks,
            misses: last.cache.misses,
            miss_ratio: share(last.cache.misses, requests).unwrap_or(0.0),
            policy: self.cache.stats().in_force().to_string(),
            fixed: Vec::new(),
            prefetch: report::Prefetch {
                issued: prefetch.issued,
                timely: prefetch.timely,
                late: prefetch.late,
                wasted: prefetch.wasted,
            },
            decisions,
            rules: self.control.rule_changes().to_vec(),
            disabled: self.control.disabled().cloned().collect(),
            strategies,
            notes,
            interrupted: false,
        }
    }

    fn write(&mut self, records: &[Record]) {
        let Some(ledger) = &mut self.ledger else { return };
        if self.ledger_error.is_none()
            && let Err(error) = crate::ledger_file::write(ledger, records)
        {
            self.ledger_error = Some(error);
        }
    }
}
