//! A run in wall time: an input worked through with strategies off, then on.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cpu_time::ProcessTime;
use host_contract::dial::{CPU_WORKERS, IO_WORKERS};
use host_contract::number::per_second;
use host_contract::{Clock, RunInfo, Unit};
use host_control::ledger::Run;
use host_control::{ControlLoop, Registration};
use host_executor::Executor;
use host_plugin::Time;
use host_profile::Settings;
use host_simulator::Capacity;
use host_telemetry::Sampler;

use crate::control_thread::{ControlThread, Settled};
use crate::drive::{self, Drive};
use crate::error::RunError;
use crate::fallbacks;
use crate::input::{Input, Prepared};
use crate::ledger_file::LedgerFile;
use crate::meter::Meter;
use crate::origin::Origin;
use crate::progress::{Progress, Stop};
use crate::report::{self, Cost, Figures, Phase, Report, Totals, Workload, share};
use crate::requests::{Pace, Requests};
use crate::strategies;
use crate::wiring::{self, Controlled};

/// What to run, and how.
#[derive(Debug, Clone)]
pub struct RunOptions {
    /// The effective configuration.
    pub settings: Settings,
    /// What there is to do.
    pub input: Input,
    /// Whether the same input is first run with strategies off.
    pub baseline: bool,
    /// Passes over a directory, at least 1.
    pub passes: u32,
    /// Time the origin of a trace or of the built-in workload takes for an object.
    pub origin_latency: Duration,
    /// Capacity at the start; none leaves it to the input and the profile.
    pub capacity: Option<Capacity>,
    /// Size of an object of a trace that gives none, bytes.
    pub object_size: u32,
    /// Where all chance comes from.
    pub seed: u64,
    /// Where the ledger of the tuned run is written.
    pub ledger: Option<PathBuf>,
}

/// Runs the input and reports.
///
/// # Errors
/// [`RunError`]: something handed in is wrong. All of it is found before the work begins, except what
/// changes under the run.
pub fn run(options: &RunOptions, progress: &dyn Progress, stop: &Stop) -> Result<Report, RunError> {
    let settings = &options.settings;
    let ledger = LedgerFile::open(options.ledger.as_deref(), options.input.path(), progress)?;
    let loaded = strategies::load(settings, Time::Machine, options.seed, progress)?;
    let prepared = Prepared::new(options, progress, stop)?;
    let ledger = ledger.map(LedgerFile::begin).transpose()?;

    let mut notes = settings.notes.clone();
    notes.extend(prepared.notes.iter().cloned());
    notes.extend(loaded.notes);
    let mut report = Report {
        profile: settings.profile.clone(),
        workload: prepared.workload(options),
        baseline: None,
        tuned: None,
        decisions: Vec::new(),
        rules: Vec::new(),
        disabled: loaded.disabled,
        cost: Cost::default(),
        notes,
        interrupted: false,
    };
    if options.baseline && !stop.asked() {
        progress.say("baseline: strategies off, the profile's starting settings");
        let side = Side { options, prepared: &prepared, progress, stop, header: &report.workload };
        let done = side.run(Vec::new(), None)?;
        report.workload.totals = done.totals;
        report.baseline = Some(done.figures);
    }
    if !stop.asked() {
        if options.baseline {
            progress.say("tuned: strategies on");
        }
        let side = Side { options, prepared: &prepared, progress, stop, header: &report.workload };
        let done = side.run(loaded.registrations, ledger)?;
        report.workload.totals = done.totals;
        report.tuned = Some(done.figures);
        report.decisions = done.settled.decisions;
        report.rules = done.settled.rules;
        report.disabled.extend(done.settled.disabled);
        report.cost = done.settled.cost;
        report.notes.extend(done.notes);
        report.notes.extend(fallbacks::note(&done.settled.controlled.cache.stats()));
        report.notes.extend(report::objections(&report.cost.strategies));
        report.notes.extend(done.unsampled);
        if let Some(error) = done.settled.ledger_error {
            report.notes.push(format!("the ledger is not whole: {error}"));
        }
    }
    report.interrupted = stop.asked();
    Ok(report)
}

/// Samples that did not fit the queue to the shadows bias their estimates, and are told.
fn unsampled(dropped: u64) -> Option<String> {
    let note =
        || format!("the shadows did not see {dropped} requests: the control thread had no time for them");
    (dropped > 0).then(note)
}

/// One of the two sides of a comparison.
struct Side<'a> {
    options: &'a RunOptions,
    prepared: &'a Prepared,
    progress: &'a dyn Progress,
    stop: &'a Stop,
    header: &'a Workload,
}

struct Done {
    figures: Figures,
    settled: Settled,
    totals: Option<Totals>,
    notes: Vec<String>,
    /// What the shadows did not see, in words.
    unsampled: Option<String>,
}

impl Side<'_> {
    fn run(
        &self,
        registrations: Vec<Registration>,
        ledger: Option<Box<dyn std::io::Write + Send>>,
    ) -> Result<Done, RunError> {
        let settings = &self.options.settings;
        let tuning = !registrations.is_empty() || ledger.is_some();
        let executor = Arc::new(Executor::new(host_executor::Config {
            cpu_workers: settings.executor.cpu_workers,
            io_workers: settings.executor.io_workers,
            max_cpu_workers: settings.executor.max_cpu_workers,
            max_io_workers: settings.executor.max_io_workers,
            cpu_queue: settings.executor.queue,
            io_queue: settings.executor.queue,
        })?);
        let origin = self.prepared.origin(self.options, &executor);
        let shadows = !registrations.is_empty();
        let (requests, mut controlled) = self.data_plane(&executor, origin.as_dyn(), shadows);
        let control = controlled.control(settings, registrations);
        let header = self.ledger_header(&control);
        let handle = ControlThread {
            control,
            controlled,
            requests: Arc::clone(&requests),
            sampler: Sampler::new(),
            interval: settings.control.tick,
            ledger,
            header,
            tuning,
            run: run_info(settings, self.options.seed),
        }
        .start()
        .map_err(RunError::Thread)?;

        let (started, cpu) = (Instant::now(), ProcessTime::now());
        let work = self.work(&requests, &executor, &origin);
        let (seconds, cpu_seconds) = (started.elapsed(), cpu.elapsed().as_secs_f64());
        let mut settled = handle.settle().ok_or(RunError::ControlThreadDied)?;
        let work = work?;
        if cpu_seconds > 0.0 {
            let cores = settled.last.system.cpu_cores.max(1.0);
            settled.cost.process_share = settled.cost.cpu_seconds / cpu_seconds;
            settled.cost.machine_share = settled.cost.cpu_seconds / (cores * seconds.as_secs_f64());
        }
        let figures = figures(&requests, &settled, work.phases, seconds);
        let unsampled = requests.tap.as_ref().and_then(|tap| unsampled(tap.dropped()));
        Ok(Done { figures, settled, totals: work.totals, notes: work.notes, unsampled })
    }

    fn data_plane(
        &self,
        executor: &Arc<Executor>,
        origin: Arc<dyn Origin>,
        shadows: bool,
    ) -> (Arc<Requests>, Controlled) {
        let settings = &self.options.settings;
        let capacity = self.prepared.capacity;
        let prefetcher = Arc::new(wiring::prefetcher(settings, capacity));
        let cache = Arc::new(wiring::cache(settings, capacity, Arc::clone(&prefetcher)).build());
        let shadows = (settings.cache.shadows && shadows)
            .then(|| wiring::shadows(&cache.policy(), capacity, self.prepared.mean_weight));
        let requests = Requests {
            cache: Arc::clone(&cache),
            prefetcher: Arc::clone(&prefetcher),
            tap: shadows.as_ref().map(|shadows| shadows.tap(TAP)),
            meter: Meter::default(),
            origin,
            executor: Arc::clone(executor),
            pace: Pace::new(settings.control.tick_requests),
        };
        let executor = Some(Arc::clone(executor));
        let controlled = Controlled::new(settings, cache, prefetcher, executor, shadows);
        (Arc::new(requests), controlled)
    }

    fn work(
        &self,
        requests: &Arc<Requests>,
        executor: &Arc<Executor>,
        origin: &crate::input::Source,
    ) -> Result<Work, RunError> {
        let driver = Drive::new(Arc::clone(requests), self.progress, self.stop);
        executor.block_on(async {
            let mut work = Work::default();
            match (&self.prepared.kind, origin) {
                (crate::input::Kind::BuiltIn(generator), _) => {
                    work.phases = drive::builtin::drive(&driver, generator).await;
                }
                (crate::input::Kind::Trace { open, footprint }, _) => {
                    work.phases = drive::trace::drive(&driver, open.open()?, footprint.requests).await?;
                }
                (crate::input::Kind::Directory(root), crate::input::Source::Files(files)) => {
                    let done = drive::directory::drive(&driver, files, root, self.options.passes).await?;
                    work = Work { phases: done.phases, totals: Some(done.totals), notes: done.notes };
                }
                (crate::input::Kind::Directory(_), crate::input::Source::Objects(_)) => {}
            }
            Ok(work)
        })
    }

    fn ledger_header(&self, control: &ControlLoop) -> Run {
        let path = self.header.path.as_ref().map(|path| format!(" {path}")).unwrap_or_default();
        Run {
            profile: self.options.settings.profile.clone(),
            workload: format!("{}{path}", self.header.kind),
            strategies: control.identities().cloned().collect(),
            settings: control.starting().clone(),
        }
    }
}

/// What strategies may know of a run in wall time.
fn run_info(settings: &Settings, seed: u64) -> RunInfo {
    let objective = settings.optimise;
    RunInfo { clock: Clock::Live, objective, unit: Unit::Bytes, seed, keys_ordered: false }
}

#[derive(Default)]
struct Work {
    phases: Vec<Phase>,
    totals: Option<Totals>,
    notes: Vec<String>,
}

fn figures(requests: &Arc<Requests>, settled: &Settled, phases: Vec<Phase>, took: Duration) -> Figures {
    settled.controlled.prefetcher.finish();
    let prefetch = settled.controlled.prefetcher.totals();
    let cache = &settled.last.cache;
    let stats = settled.controlled.cache.stats();
    let latency = requests.meter.total().percentiles();
    Figures {
        requests: requests.meter.count(),
        hits: cache.hits,
        waited: stats.waited,
        misses: cache.misses,
        hit_ratio: share(cache.hits, cache.hits + cache.misses).unwrap_or(0.0),
        p50_us: latency.p50_us,
        p99_us: latency.p99_us,
        throughput: per_second(requests.meter.count(), took),
        seconds: took.as_secs_f64(),
        peak_memory_bytes: settled.peak_memory_bytes,
        policy: cache.policy.clone(),
        capacity_bytes: cache.capacity_bytes,
        evictions: stats.evictions,
        cpu_workers: settled.controlled.workers(CPU_WORKERS),
        io_workers: settled.controlled.workers(IO_WORKERS),
        prefetch: crate::report::Prefetch {
            issued: prefetch.issued,
            timely: prefetch.timely,
            late: prefetch.late,
            wasted: prefetch.wasted,
        },
        phases,
    }
}

/// Sampled requests that may wait for the control thread, which empties the queue every 10 ms. It bounds what the
/// shadows may cost: 25,600 samples a second, each some 0.5 us, are an eightieth of a core. Where more come the shadows
/// lower their rate.
const TAP: usize = 256;
