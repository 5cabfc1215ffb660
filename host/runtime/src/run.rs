//! A run in wall time: an input worked through by a host, with strategies off, then on.
//!
//! With a baseline there are three runs over the same input: strategies off, on, and off again. What the two runs
//! without strategies differ by is what no strategy can be credited with ([`crate::report::comparison`]).

use std::io::Write;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cpu_time::ProcessTime;
use host_contract::number::{per_second, ratio};
use host_contract::{Clock, RunInfo, Unit};
use host_control::Registration;
use host_plugin::Time;

use crate::control_plane::Finished;
use crate::drive::{self, Drive};
use crate::error::RunError;
use crate::host::Host;
use crate::input::{Kind, Prepared, Source};
use crate::ledger_file::LedgerFile;
use crate::live::Live;
use crate::options::{Options, Scope};
use crate::progress::{Progress, Stop};
use crate::report::{Cost, Figures, Phase, Report, Totals, Workload};
use crate::run_options::RunOptions;
use crate::strategies;
use crate::wiring;

/// How long the end of a run may wait for the control thread: a strategy may use its deadline once more.
const GRACE: Duration = Duration::from_secs(30);

/// Runs the input and reports.
///
/// # Errors
/// [`RunError`]: something handed in is wrong. All of it is found before the work begins, except what changes under the
/// run.
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
        baseline_again: None,
        tuned: None,
        decisions: Vec::new(),
        rules: Vec::new(),
        disabled: loaded.disabled,
        cost: Cost::default(),
        notes,
        interrupted: false,
    };
    let side = |registrations, ledger, workload: &Workload| {
        Side { options, prepared: &prepared, progress, stop, header: workload.header() }
            .run(registrations, ledger)
    };
    let without = |report: &mut Report, what: &str| -> Result<Option<Figures>, RunError> {
        if !options.baseline || stop.asked() {
            return Ok(None);
        }
        progress.say(what);
        let done = side(Vec::new(), None, &report.workload)?;
        report.workload.totals = done.totals;
        Ok(Some(done.figures))
    };
    report.baseline = without(&mut report, "baseline: strategies off, the profile's starting settings")?;
    if !stop.asked() {
        if options.baseline {
            progress.say("tuned: strategies on");
        }
        let done = side(loaded.registrations, ledger, &report.workload)?;
        report.workload.totals = done.totals;
        report.tuned = Some(done.figures);
        report.decisions = done.finished.decisions;
        report.rules = done.finished.rules;
        report.disabled.extend(done.finished.disabled);
        report.notes.extend(done.notes);
        report.notes.extend(done.finished.notes);
        report.cost = done.finished.cost;
    }
    report.baseline_again = without(&mut report, "baseline again: how much two runs differ by themselves")?;
    report.interrupted = stop.asked();
    Ok(report)
}

/// One run over the input.
struct Side<'a> {
    options: &'a RunOptions,
    prepared: &'a Prepared,
    progress: &'a dyn Progress,
    stop: &'a Stop,
    header: String,
}

struct Done {
    figures: Figures,
    finished: Finished,
    totals: Option<Totals>,
    notes: Vec<String>,
}

impl Side<'_> {
    fn run(
        self,
        registrations: Vec<Registration>,
        ledger: Option<Box<dyn Write + Send>>,
    ) -> Result<Done, RunError> {
        let settings = self.options.settings.clone();
        let run = RunInfo {
            clock: Clock::Live,
            objective: settings.optimise,
            unit: Unit::Bytes,
            seed: self.options.seed,
            keys_ordered: self.prepared.keys_ordered(),
        };
        let scope = Scope {
            capacity: self.prepared.capacity,
            mean_weight: self.prepared.mean_weight,
            run,
            workload: self.header.clone(),
            settings: settings.clone(),
            policies: Arc::clone(&self.options.policies),
        };
        let executor = wiring::executor(&settings)?;
        let origin = self.prepared.origin(self.options, &executor);
        let options = Options::new(settings).within(scope).strategies(registrations);
        let options = options.executor(executor).origin(origin.as_dyn());
        let options = match ledger {
            Some(ledger) => options.ledger(ledger),
            None => options,
        };
        // Where the system cannot, the figure is that of all runs so far.
        let _separate = host_telemetry::restart_peak_memory();
        let host = Host::start(options)?;
        let (started, cpu) = (Instant::now(), ProcessTime::now());
        let work = self.work(&host, &origin);
        let (took, cpu_seconds) = (started.elapsed(), cpu.elapsed().as_secs_f64());
        let live = Arc::clone(&host.live);
        let mut finished = host.shut_down_blocking(GRACE)?;
        let work = work?;
        if cpu_seconds > 0.0 {
            let cores = finished.last.system.cpu_cores.max(1.0);
            finished.cost.process_share = finished.cost.cpu_seconds / cpu_seconds;
            finished.cost.machine_share = finished.cost.cpu_seconds / (cores * took.as_secs_f64());
        }
        let figures = figures(&live, &finished, work.phases, took);
        Ok(Done { figures, finished, totals: work.totals, notes: work.notes })
    }

    fn work(&self, host: &Host, origin: &Source) -> Result<Work, RunError> {
        let driver = Drive::new(Arc::clone(&host.live), Arc::clone(&host.executor), self.progress, self.stop);
        host.executor.block_on(async {
            let mut work = Work::default();
            match (&self.prepared.kind, origin) {
                (Kind::BuiltIn(generator), _) => {
                    work.phases = drive::builtin::drive(&driver, generator).await;
                }
                (Kind::Trace { open, footprint }, _) => {
                    work.phases = drive::trace::drive(&driver, open.open()?, footprint.requests()).await?;
                }
                (Kind::Directory(root), Source::Files(files)) => {
                    let done = drive::directory::drive(&driver, files, root, self.options.passes).await?;
                    work = Work { phases: done.phases, totals: Some(done.totals), notes: done.notes };
                }
                (Kind::Directory(_), Source::Objects(_)) => {}
            }
            Ok(work)
        })
    }
}

#[derive(Default)]
struct Work {
    phases: Vec<Phase>,
    totals: Option<Totals>,
    notes: Vec<String>,
}

fn figures(live: &Live, finished: &Finished, phases: Vec<Phase>, took: Duration) -> Figures {
    let plane = &live.plane;
    let prefetch = crate::report::Prefetch::of(plane.prefetcher.totals());
    let cache = &finished.last.cache;
    let stats = plane.cache.stats();
    let latency = plane.metrics.total().percentiles();
    let prefetched = prefetch.timely + prefetch.late;
    // A request that a prefetch served is not credited to the cache.
    let hits = cache.hits.saturating_sub(prefetched);
    let all = hits + prefetched + cache.misses;
    Figures {
        requests: plane.metrics.count(),
        hits,
        prefetched,
        waited: stats.waited,
        misses: cache.misses,
        hit_ratio: ratio(hits, all).unwrap_or(0.0),
        prefetched_ratio: ratio(prefetched, all).unwrap_or(0.0),
        p50_us: latency.p50_us,
        p99_us: latency.p99_us,
        throughput: per_second(plane.metrics.count(), took),
        seconds: took.as_secs_f64(),
        peak_memory_bytes: host_telemetry::peak_memory_bytes().unwrap_or(0),
        policy: cache.policy.clone(),
        capacity_bytes: cache.capacity_bytes,
        evictions: stats.evictions,
        cpu_workers: finished.last.executor.as_ref().map_or(0, |pools| pools.cpu.workers),
        io_workers: finished.last.executor.as_ref().map_or(0, |pools| pools.io.workers),
        prefetch,
        phases,
    }
}
