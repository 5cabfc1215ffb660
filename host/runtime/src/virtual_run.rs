//! A run in virtual time: the whole control loop with its strategies, over a trace or the built-in workload.
//!
//! The data plane and the tick are those of wall time ([`crate::data_plane`], [`crate::control_plane`]); what differs is
//! who moves the clock. Here only requests do: a hit takes [`HIT_TIME`], a miss the origin's latency and the wait for one of
//! its slots, a prefetched value is there when it would be by the same rule. One request is served at a time. There are no pools, and their dials answer
//! `unavailable`. The cache has one shard and a fixed hasher, and fuel alone bounds the strategies, so that the same
//! input gives the same bytes twice.

mod fixed;
pub(crate) mod served;
mod steps;
mod warmed;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread;
use std::time::Duration;

use host_cache::{PolicyFactory, Registry, builtin};
use host_contract::number::ratio;
use host_contract::{Clock, RunInfo, Unit};
use host_control::Status;
use host_control::ledger::{Decision, RulesChanged};
use host_plugin::Time;
use host_profile::Settings;
use host_simulator::{Capacity, Demand, MemoryLimit, Origin};
use host_workload::trace::Options as TraceOptions;
use serde::Serialize;

use crate::control_plane::ControlPlane;
use crate::data_plane::DataPlane;
use crate::entry::Entry;
use crate::error::RunError;
use crate::key::Key;
use crate::ledger::Ledger;
use crate::ledger_file::LedgerFile;
use crate::options::Scope;
use crate::progress::{Progress, Stop};
use crate::report::{self, Warming};
use crate::strategies;
use crate::under_way::UnderWay;
use crate::value::Value;
use crate::virtual_clock::VirtualClock;
use crate::warm::hot::Hot;
use crate::warm::save::{HotFile, Rows};
use crate::warm::source::{HotKeys, Known, ToWarm};
use crate::wiring::Parts;
use fixed::Alone;
use served::Served;
use steps::{Step, Steps};
use warmed::Warmed;

pub use fixed::Fixed;

/// Virtual time of a request served from the cache.
const HIT_TIME: Duration = Duration::from_micros(10);

/// What to replay.
#[derive(Debug, Clone)]
pub enum VirtualInput {
    /// The generator's phases.
    BuiltIn,
    /// A recorded trace, and how to read it.
    Trace(PathBuf, TraceOptions),
}

impl VirtualInput {
    /// The file, where there is one.
    fn path(&self) -> Option<&Path> {
        match self {
            Self::BuiltIn => None,
            Self::Trace(path, _) => Some(path),
        }
    }
}

/// What to replay, and how.
#[derive(Debug, Clone)]
pub struct VirtualOptions {
    /// The effective configuration.
    pub settings: Settings,
    /// The policies that can be set, proposed, and followed by a shadow. `cache.policy` is one of them.
    pub policies: Arc<Registry>,
    /// What to replay.
    pub input: VirtualInput,
    /// Capacity at the start. None: a tenth of a trace's footprint, or what the built-in workload is made for.
    pub capacity: Option<Capacity>,
    /// Unit of sizes and of the capacity: bytes, or objects where every object counts as one.
    pub unit: Unit,
    /// Size of an object of a trace that gives none, bytes.
    pub object_size: u32,
    /// A tick after so many requests, at least 1.
    pub tick_requests: u64,
    /// Virtual time that the origin takes for an object.
    pub origin_latency: Duration,
    /// Loads that the origin works on at once, at least 1: others wait. None: any number.
    pub origin_slots: Option<u32>,
    /// Memory that the requests of a trace may take. One that takes more is read again while it is replayed.
    pub memory: MemoryLimit,
    /// Where all chance comes from.
    pub seed: u64,
    /// Where the ledger is written.
    pub ledger: Option<PathBuf>,
    /// A file of hot keys, or a recording, to warm from; it has to be there. None: what `prefetch.warm` names, once it is there.
    pub warm: Option<PathBuf>,
    /// Where the hottest keys are saved. What a profile names for it is left to runs in wall time.
    pub save_hot: Option<PathBuf>,
    /// The folder for what strategies learn. None: they begin with nothing, and nothing is kept. What a profile names for it is left
    /// to runs in wall time.
    pub state_dir: Option<PathBuf>,
}

/// What came of it. `host sim --profile P --json` prints this object.
#[derive(Debug, Clone, Serialize)]
pub struct VirtualReport {
    /// Name of the profile.
    pub profile: String,
    /// The trace file, or `built-in`.
    pub trace: String,
    /// Requests replayed.
    pub requests: u64,
    /// Distinct keys.
    pub distinct: u64,
    /// Capacity at the start, in `unit`.
    pub capacity: u64,
    /// Unit of the capacity.
    pub unit: Unit,
    /// Ticks held.
    pub ticks: u64,
    /// Requests that had to load; those that waited for a prefetch are not among them.
    pub misses: u64,
    /// `misses` of all requests to the cache, 0.0 to 1.0.
    pub miss_ratio: f64,
    /// The same by bytes; none where all objects weigh the same. Prefetched bytes are not among those missed.
    pub byte_miss_ratio: Option<f64>,
    /// Policy at the end.
    pub policy: String,
    /// What each policy alone would have missed at the capacity of the start.
    pub fixed: Vec<Fixed>,
    /// Prefetched entries, and what became of them.
    pub prefetch: report::Prefetch,
    /// Entries that were warmed, and what became of them; none where nothing was to be warmed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warming: Option<Warming>,
    /// What the origin was asked for, on demand and ahead of it.
    pub origin: Charged,
    /// Virtual time that the run took.
    pub seconds: f64,
    /// Every change of a dial.
    pub decisions: Vec<Decision>,
    /// Every change of the prefetch rules.
    pub rules: Vec<RulesChanged>,
    /// Where each strategy stands at the end, and what happened to it; those that could not be started come first.
    pub strategies: Vec<Status>,
    /// What tuning cost: fuel, and what each strategy asked for.
    pub cost: report::Cost,
    /// What else is worth knowing.
    pub notes: Vec<String>,
    /// Whether it was ended early.
    pub interrupted: bool,
}

/// What the loads of a run cost its origin, and those who waited for it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Charged {
    /// Loads, those of prefetches included.
    pub loads: u64,
    /// What they brought, in the unit of the capacity.
    pub weight: u64,
    /// Of it, what was prefetched.
    pub prefetched_weight: u64,
    /// Misses that waited until the origin had a slot for them, because prefetches took it.
    pub delayed: u64,
    /// How long they waited together.
    pub delay_seconds: f64,
}

/// Replays the input under the profile's strategies.
///
/// # Errors
/// [`RunError`]: something handed in is wrong.
pub fn run_virtual(
    options: &VirtualOptions,
    progress: &dyn Progress,
    stop: &Stop,
) -> Result<VirtualReport, RunError> {
    let settings = &options.settings;
    let ledger = LedgerFile::open(options.ledger.as_deref(), options.input.path(), progress)?;
    let states = strategies::states(options.state_dir.as_deref())?;
    let loaded = strategies::load(settings, Time::Virtual, options.seed, &states, progress)?;
    let save = HotFile::open(options.save_hot.as_deref(), options.input.path())?;
    let default = TraceOptions::default();
    let how = if let VirtualInput::Trace(_, how) = &options.input { how } else { &default };
    let to_warm = ToWarm::read(settings, options.warm.as_deref(), Known::ByNumber(how), stop)?;
    let steps = Steps::open(options, progress, stop)?;
    let ledger = ledger.map(LedgerFile::begin).transpose()?;

    let capacity = steps.capacity;
    let scope = Scope {
        settings: settings.clone(),
        policies: Arc::clone(&options.policies),
        capacity,
        mean_weight: steps.mean_weight(),
        entry_bytes: 0,
        run: RunInfo {
            clock: Clock::Virtual,
            objective: settings.optimise,
            unit: options.unit,
            seed: options.seed,
            keys_ordered: steps.keys_ordered,
            batch: false,
        },
        workload: format!("{} in virtual time", steps.name),
    };
    let clock = Arc::new(VirtualClock::default());
    let parts = Parts::in_virtual_time(&scope, &clock, loaded.registrations, Ledger::new(ledger))?;
    let mut replay = Replay::new(options, &steps, parts, clock);
    replay.control.hot = save.as_ref().map(|_| Hot::new());
    if let Some(HotKeys::Numbers(keys)) = &to_warm.keys {
        replay.warm(keys);
    }
    // What is decided before the first request costs nothing.
    replay.tick();
    let compared = replay.compared()?;
    let abandoned = AtomicBool::new(false);
    let (mut report, hot) = thread::scope(|scope| {
        let alone = Alone::begin(scope, &steps, &compared, stop, &abandoned);
        replay.run(progress, stop)?;
        // A policy alone over the whole input says nothing of a run that was ended before.
        let whole = replay.finished == steps.total;
        let compared = if whole { replay.compared()? } else { Vec::new() };
        let (report, hot) = replay.settle();
        Ok::<_, RunError>((VirtualReport { fixed: alone.rows(&compared)?, ..report }, hot))
    })?;
    report.strategies.splice(0..0, loaded.not_started);
    report.notes.splice(0..0, loaded.notes.into_iter().chain(to_warm.notes).chain(steps.notes()));
    report.notes.extend(save.map(|file| file.save(&Rows::Numbers(hot))));
    report.notes.extend(states.finish());
    report.interrupted = stop.asked();
    Ok(report)
}

struct Replay<'a> {
    options: &'a VirtualOptions,
    steps: &'a Steps<'a>,
    plane: DataPlane,
    control: ControlPlane,
    clock: Arc<VirtualClock>,
    served: Served,
    /// Steps taken.
    finished: u64,
    ticks: u64,
    /// Prefetches.
    under_way: UnderWay,
    origin: Origin,
    charged: Charged,
    warmed: Option<Warmed>,
}

impl<'a> Replay<'a> {
    fn new(
        options: &'a VirtualOptions,
        steps: &'a Steps<'a>,
        parts: Parts,
        clock: Arc<VirtualClock>,
    ) -> Self {
        Self {
            options,
            steps,
            plane: parts.plane,
            control: parts.control,
            clock,
            served: Served::new(HIT_TIME, options.origin_latency),
            finished: 0,
            ticks: 0,
            under_way: UnderWay::default(),
            origin: Origin::new(options.origin_latency, options.origin_slots),
            charged: Charged::default(),
            warmed: None,
        }
    }

    /// Works through the input.
    fn run(&mut self, progress: &dyn Progress, stop: &Stop) -> Result<(), RunError> {
        let steps = self.steps;
        progress.begin("replay", Some(steps.total));
        let mut ids = Vec::new();
        steps.each(|some| {
            if stop.asked() {
                return false;
            }
            // Each key is hashed once, and what the cache will read of it is on its way when it is looked up.
            ids.clear();
            ids.extend(some.iter().map(|step| match step {
                Step::Get(key, _) => self.plane.cache.id(&Key::Number(*key)),
                Step::Work(_) => 0,
            }));
            ids.iter().for_each(|id| self.plane.cache.prefetch(*id));
            some.iter().zip(&ids).for_each(|(step, id)| self.step(*step, *id));
            progress.at(self.finished);
            true
        })?;
        progress.end(&format!("{} requests replayed, {} ticks", self.finished, self.ticks));
        Ok(())
    }

    fn step(&mut self, step: Step, id: u64) {
        let took = match step {
            Step::Get(key, weight) => self.request(key, id, weight),
            Step::Work(took) => took,
        };
        self.clock.advance(took);
        self.served.finished(took);
        self.finished += 1;
        if self.finished.is_multiple_of(self.options.tick_requests.max(1)) {
            self.tick();
        }
    }

    fn tick(&mut self) {
        self.served.tell(&self.plane);
        self.control.tick(self.clock.now(), &self.plane);
        self.ticks += 1;
    }

    /// Serves a request for an object of this weight, known to the cache by this id, and says how long it took.
    fn request(&mut self, number: u64, id: u64, weight: u64) -> Duration {
        self.land_what_is_due();
        let key = Key::Number(number);
        let known_by = key.number();
        let loads = self.plane.wanted(known_by, |key| self.steps.weight(key).is_some());
        self.plane.demanded(known_by);
        for load in loads {
            let due = self.origin.load(self.clock.now(), Demand::Ahead);
            self.plane.prefetcher.load_took(due.saturating_sub(self.clock.now()));
            self.under_way.begin(load, due);
        }
        let waited = self.wait(number);
        let weigh = |entry: &Entry, (): &()| entry.weight(self.plane.weighing);
        let found = self.plane.cache.get_entry_with_by_id(id, &key, weigh);
        let hit = found.is_some();
        let (weight, took) = if let Some(weight) = found {
            (weight, waited + HIT_TIME)
        } else {
            // Before it is stored: what it displaces is not what it missed.
            self.plane.prefetcher.missed(known_by);
            let now = self.clock.now() + waited;
            let took = self.origin.load(now, Demand::Now).saturating_sub(self.clock.now());
            self.plane.prefetcher.load_took(took);
            let value = self.loaded(weight);
            let weight = self.plane.weight(&key, &value);
            self.plane.cache.insert_by_id(id, Entry::of(&key, value), ());
            (weight, took)
        };
        self.served.access(known_by, weight, hit);
        self.control.feed_one(id, weight);
        took
    }

    /// Waits for the prefetch that is under way, if there is one. It causes no other load.
    fn wait(&mut self, number: u64) -> Duration {
        let Some(due) = self.under_way.awaited(number) else { return Duration::ZERO };
        self.land(number);
        due.saturating_sub(self.clock.now())
    }

    fn land_what_is_due(&mut self) {
        while let Some(number) = self.under_way.landed(self.clock.now()) {
            self.land(number);
        }
    }

    fn land(&mut self, number: u64) {
        let value = self.loaded(self.steps.weight(number).unwrap_or(1));
        let key = Key::Number(number);
        let weight = self.plane.weight(&key, &value);
        self.charged.prefetched_weight += weight;
        self.plane.cache.fill(Entry::of(&key, value), ());
        self.plane.prefetched(number, weight);
    }

    /// What the origin gives. No bytes: only the weight matters here.
    fn loaded(&mut self, weight: u64) -> Value {
        self.served.loaded();
        self.charged.weight += weight;
        Value::standing_for(weight)
    }

    /// The policies against which the run is compared: what it started with, and what the shadows follow; without
    /// shadows the basic ones.
    fn compared(&self) -> Result<Vec<PolicyFactory>, RunError> {
        let start = self.options.policies.parse(&self.options.settings.cache.policy)?;
        let followed = self.control.followed();
        let mut compared = if followed.is_empty() { builtin::BASIC.to_vec() } else { followed };
        if !compared.contains(&start) {
            compared.push(start);
        }
        Ok(compared)
    }

    fn settle(mut self) -> (VirtualReport, Vec<(u64, u64)>) {
        self.served.tell(&self.plane);
        let (options, steps, seconds) = (self.options, self.steps, self.clock.now().as_secs_f64());
        let origin = Charged {
            loads: self.charged.loads + self.origin.loads(),
            delayed: self.origin.delayed(),
            delay_seconds: self.origin.delay().as_secs_f64(),
            ..self.charged
        };
        let warming = self.warming();
        let finished = self.control.finish(self.clock.now(), &self.plane);
        let cache = &finished.last.cache;
        let report = VirtualReport {
            profile: options.settings.profile.clone(),
            trace: match &options.input {
                VirtualInput::BuiltIn => "built-in".to_owned(),
                VirtualInput::Trace(path, _) => path.display().to_string(),
            },
            requests: self.finished,
            distinct: steps.distinct(),
            capacity: steps.capacity,
            unit: options.unit,
            ticks: finished.cost.ticks,
            misses: cache.misses,
            miss_ratio: ratio(cache.misses, cache.hits + cache.misses).unwrap_or(0.0),
            byte_miss_ratio: steps.weights_differ().then(|| self.served.bytes().miss_ratio()).flatten(),
            policy: cache.policy.clone(),
            fixed: Vec::new(),
            prefetch: report::Prefetch::of(self.plane.prefetcher.totals()),
            warming,
            origin,
            seconds,
            decisions: finished.decisions,
            rules: finished.rules,
            strategies: finished.strategies,
            cost: finished.cost,
            notes: finished.notes,
            interrupted: false,
        };
        (report, finished.hot)
    }
}
