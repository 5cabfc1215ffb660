//! A run in wall time: an input worked through by a host, with strategies off, then on.
//!
//! Against the start there are three runs over the same input: strategies off, on, and off again. What the two runs
//! without strategies differ by is what no strategy can be credited with ([`crate::report::comparison`]). Against a sweep there
//! are fixed settings first, then the best of them and the tuned run in turns ([`crate::sweep`]).

use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cpu_time::ProcessTime;
use host_contract::number::{per_second, ratio};
use host_contract::{Clock, Grant, RunInfo, Unit};
use host_control::Registration;
use host_plugin::{StateStore, Time};
use host_profile::Settings;
use host_workload::trace;

use crate::control_plane::Finished;
use crate::drive::{self, Drive, WarmUp};
use crate::error::RunError;
use crate::host::Host;
use crate::input::{Kind, Prepared, Source};
use crate::ledger_file::LedgerFile;
use crate::live::Live;
use crate::options::{Options, Scope};
use crate::progress::{Progress, Quiet, Stop};
use crate::record::{self, RecordFile};
use crate::reload::Watch;
use crate::report::{Cost, Figures, Phase, Report, Totals, Warming};
use crate::run_options::{Against, Input, RunOptions};
use crate::strategies;
use crate::sweep::{self, Compared, FixedSettings, Sweep};
use crate::warm::save::{HotFile, Rows};
use crate::warm::source::{HotKeys, Known, ToWarm};
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
    let others = [options.input.path(), options.ledger.as_deref()];
    let record = RecordFile::open(options.record.as_deref(), others, progress)?;
    let folder = options.state_dir.as_deref().or(settings.plugins.state_dir.as_deref());
    let states = strategies::states(folder.filter(|_| settings.control.enabled))?;
    let loaded = strategies::load(settings, Time::Machine, options.seed, &states, progress)?;
    let learnt = Learnt { before: states.copied(), states: Arc::new(states) };
    let save = options.warm.save.as_deref().or(settings.prefetch.save_hot.as_deref());
    let save = HotFile::open(save, options.input.path())?;
    let known = match &options.input {
        Input::BuiltIn => Known::ByNumber(&trace::Options::default()),
        Input::Trace(_, how) => Known::ByNumber(how),
        Input::Directory(_) => Known::ByName,
    };
    let to_warm = ToWarm::read(settings, options.warm.from.as_deref(), known, stop)?;
    let prepared = Prepared::new(options, progress, stop)?;
    let ledger = ledger.map(LedgerFile::begin).transpose()?;

    let mut notes = settings.notes.clone();
    notes.extend(prepared.notes.iter().cloned());
    notes.extend(loaded.notes);
    notes.extend(to_warm.notes);
    let report = Report {
        profile: settings.profile.clone(),
        workload: prepared.workload(options),
        baseline: None,
        baseline_again: None,
        sweep: None,
        tuned: None,
        decisions: Vec::new(),
        rules: Vec::new(),
        strategies: loaded.not_started,
        cost: Cost::default(),
        notes,
        interrupted: false,
    };
    let hot = to_warm.keys;
    let mut runs = Runs { options, prepared: &prepared, progress, stop, report, hot, save, record, learnt };
    match options.against {
        Against::Nothing => runs.tuned(loaded.registrations, ledger)?,
        Against::Start => {
            runs.report.baseline =
                runs.without("baseline: strategies off, the profile's starting settings")?;
            if !stop.asked() {
                progress.say("tuned: strategies on");
                runs.tuned(loaded.registrations, ledger)?;
            }
            runs.report.baseline_again =
                runs.without("baseline again: how much two runs differ by themselves")?;
        }
        Against::Sweep => runs.sweep(loaded.registrations, ledger)?,
    }
    runs.report.notes.extend(runs.learnt.states.finish());
    runs.report.interrupted = stop.asked();
    Ok(runs.report)
}

/// The runs over one input, and the report that they fill.
struct Runs<'a> {
    options: &'a RunOptions,
    prepared: &'a Prepared,
    progress: &'a dyn Progress,
    stop: &'a Stop,
    report: Report,
    /// What tuned runs are warmed with.
    hot: Option<HotKeys>,
    /// Where the hottest keys of the first tuned run go.
    save: Option<HotFile>,
    /// Where the first tuned run is recorded.
    record: Option<RecordFile>,
    learnt: Learnt,
}

/// What strategies have learnt.
struct Learnt {
    /// Before the runs. The runs that are compared with the first tuned one begin with it, too, and leave nothing.
    before: StateStore,
    /// What the first tuned run goes on from, and leaves.
    states: Arc<StateStore>,
}

impl Runs<'_> {
    fn run(
        &mut self,
        settings: &Settings,
        registrations: Vec<Registration>,
        ledger: Option<Box<dyn Write + Send>>,
        kind: Tuned,
    ) -> Result<Done, RunError> {
        let record = if matches!(kind, Tuned::First) { self.record.take() } else { None };
        let record = record.map(|file| (file, self.learnt.before.known()));
        let Self { options, prepared, progress, stop, ref report, ref hot, ref save, ref learnt, .. } = *self;
        let header = report.workload.header();
        let save = save.as_ref().filter(|_| matches!(kind, Tuned::First));
        let reloads = match kind {
            Tuned::No => None,
            Tuned::First => Some(Arc::clone(&learnt.states)),
            Tuned::Again(states) => Some(states),
        };
        let hot = if reloads.is_none() { None } else { hot.clone() };
        let side = Side { options, settings, prepared, progress, stop, header, hot, save, record, reloads };
        let mut done = side.run(registrations, ledger)?;
        if let Some(totals) = done.totals.take() {
            self.report.workload.totals = Some(totals);
        }
        Ok(done)
    }

    /// A run with strategies off; none where the run is to end.
    fn without(&mut self, what: &str) -> Result<Option<Figures>, RunError> {
        if self.stop.asked() {
            return Ok(None);
        }
        self.progress.say(what);
        Ok(Some(self.run(&self.options.settings, Vec::new(), None, Tuned::No)?.figures))
    }

    /// The run with strategies on, which the report is about.
    fn tuned(
        &mut self,
        registrations: Vec<Registration>,
        ledger: Option<Box<dyn Write + Send>>,
    ) -> Result<(), RunError> {
        let done = self.run(&self.options.settings, registrations, ledger, Tuned::First)?;
        let report = &mut self.report;
        report.tuned = Some(done.figures);
        report.decisions = done.finished.decisions;
        report.rules = done.finished.rules;
        report.strategies.extend(done.finished.strategies);
        report.notes.extend(done.notes);
        report.notes.extend(done.finished.notes);
        report.cost = done.finished.cost;
        Ok(())
    }

    /// A sweep of fixed settings; then the best of them and the tuned run in turns. The report is about the first tuned run.
    fn sweep(
        &mut self,
        registrations: Vec<Registration>,
        ledger: Option<Box<dyn Write + Send>>,
    ) -> Result<(), RunError> {
        let settings = &self.options.settings;
        let compared = Compared::by(settings.optimise);
        let cores = host_telemetry::Machine::read(Path::new(".")).cores;
        self.progress.say("sweep: strategies off, one fixed setting after the other");
        let tried = sweep::search(settings, cores, compared, |fixed| self.fixed(fixed))?;
        let Some(best) = sweep::least(&tried).map(|tried| tried.settings.clone()) else { return Ok(()) };
        let mut sweep = Sweep { compared, tried, best, best_runs: Vec::new(), tuned_runs: Vec::new() };
        let mut first = Some((registrations, ledger));
        for _ in 0..sweep::TURNS {
            let Some(figures) = self.fixed(&sweep.best)? else { break };
            if self.stop.asked() {
                break;
            }
            sweep.best_runs.push(compared.of(&figures));
            self.progress.say("tuned: strategies on");
            let tuned = match first.take() {
                Some((registrations, ledger)) => {
                    self.tuned(registrations, ledger)?;
                    self.report.tuned.as_ref().map(|figures| compared.of(figures))
                }
                None => {
                    let states = Arc::new(self.learnt.before.copied());
                    let fresh = self.load(&states)?;
                    let done = self.run(settings, fresh, None, Tuned::Again(states))?;
                    Some(compared.of(&done.figures))
                }
            };
            if self.stop.asked() {
                break;
            }
            sweep.tuned_runs.extend(tuned);
        }
        self.report.sweep = Some(sweep);
        Ok(())
    }

    /// A run under fixed settings; none where the run is to end.
    fn fixed(&mut self, fixed: &FixedSettings) -> Result<Option<Figures>, RunError> {
        if self.stop.asked() {
            return Ok(None);
        }
        self.progress.say(&format!("fixed: {fixed}"));
        let mut registrations = Vec::new();
        if fixed.prefetching {
            registrations = self.load(&self.learnt.before.copied())?;
            registrations.retain(|of| {
                let grants = of.grants();
                grants.contains(&Grant::PrefetchControl)
                    && !grants.contains(&Grant::CacheControl)
                    && !grants.contains(&Grant::ExecutorControl)
            });
        }
        let settings = fixed.within(&self.options.settings);
        let figures = self.run(&settings, registrations, None, Tuned::No)?.figures;
        // Part of an input is no run of it.
        Ok((!self.stop.asked()).then_some(figures))
    }

    /// The strategies once more, fresh.
    fn load(&self, states: &StateStore) -> Result<Vec<Registration>, RunError> {
        let RunOptions { settings, seed, .. } = self.options;
        Ok(strategies::load(settings, Time::Machine, *seed, states, &Quiet)?.registrations)
    }
}

/// Whether a run is a tuned one, which is warmed; the first leaves its hottest keys.
#[derive(Debug)]
enum Tuned {
    No,
    First,
    /// With what its strategies have learnt.
    Again(Arc<StateStore>),
}

/// One run over the input.
struct Side<'a> {
    options: &'a RunOptions,
    /// Those of the options, or others to start with.
    settings: &'a Settings,
    prepared: &'a Prepared,
    progress: &'a dyn Progress,
    stop: &'a Stop,
    header: String,
    hot: Option<HotKeys>,
    save: Option<&'a HotFile>,
    /// Where it is recorded, with the strategies that have learnt something before.
    record: Option<(RecordFile, Vec<String>)>,
    /// Where components that change in the plugin directory are taken: what strategies have learnt.
    reloads: Option<Arc<StateStore>>,
}

struct Done {
    figures: Figures,
    finished: Finished,
    totals: Option<Totals>,
    notes: Vec<String>,
}

impl Side<'_> {
    fn run(
        mut self,
        registrations: Vec<Registration>,
        ledger: Option<Box<dyn Write + Send>>,
    ) -> Result<Done, RunError> {
        let settings = self.settings.clone();
        let run = RunInfo {
            clock: Clock::Live,
            objective: settings.optimise,
            unit: Unit::Bytes,
            seed: self.options.seed,
            keys_ordered: self.prepared.keys_ordered(),
            batch: false,
        };
        let scope = Scope {
            capacity: self.prepared.capacity,
            mean_weight: self.prepared.mean_weight,
            entry_bytes: 0,
            run,
            workload: self.header.clone(),
            settings: settings.clone(),
            policies: Arc::clone(&self.options.policies),
        };
        let recorder = match self.record.take() {
            Some((file, learnt)) => Some(file.begin(&record::header(&scope, &registrations, learnt))?),
            None => None,
        };
        let executor = wiring::executor(&settings)?;
        let origin = self.prepared.origin(self.options, &executor);
        let options = Options::new(settings).within(scope).strategies(registrations);
        let options = options.executor(executor).origin(origin.as_dyn());
        let options = match ledger {
            Some(ledger) => options.ledger(ledger),
            None => options,
        };
        let options = if self.save.is_some() { options.count_hot() } else { options };
        let options = match &recorder {
            Some(recorder) => options.tell_from_the_start().recorded(recorder.tap()),
            None => options,
        };
        // Where the system cannot, the figure is that of all runs so far.
        let _separate = host_telemetry::restart_peak_memory();
        let host = Host::start(options)?;
        let recording = recorder.map(|recorder| recorder.follow(host.subscribe_from_start())).transpose();
        let recording = recording.map_err(RunError::Threads)?;
        let watch = match &self.reloads {
            Some(states) => {
                Watch::start(self.settings, self.options.seed, Arc::clone(states), host.commander())
            }
            None => Ok(None),
        };
        let (started, cpu) = (Instant::now(), ProcessTime::now());
        let work = self.work(&host, &origin);
        let (took, cpu_seconds) = (started.elapsed(), cpu.elapsed().as_secs_f64());
        let live = Arc::clone(&host.live);
        let reloads = watch.map(|watch| watch.map(|watch| watch.notes()).unwrap_or_default());
        let mut finished = host.shut_down_blocking(GRACE)?;
        let recorded = recording.map(record::Recording::finish).unwrap_or_default();
        let mut work = work?;
        work.notes.extend(recorded);
        work.notes.extend(reloads.unwrap_or_else(|unwatched| vec![unwatched]));
        let hot = std::mem::take(&mut finished.hot);
        work.notes.extend(self.save.map(|file| file.save(&self.rows(hot, &origin))));
        if cpu_seconds > 0.0 {
            let cores = finished.last.system.cpu_cores.max(1.0);
            finished.cost.process_share = finished.cost.cpu_seconds / cpu_seconds;
            finished.cost.machine_share = finished.cost.cpu_seconds / (cores * took.as_secs_f64());
        }
        // The figures begin with the first request.
        let before = work.warming.map_or(0.0, |warming| warming.before_seconds);
        let took = took.saturating_sub(Duration::try_from_secs_f64(before).unwrap_or_default());
        let figures = figures(&live, &finished, work.phases, work.warming, took);
        Ok(Done { figures, finished, totals: work.totals, notes: work.notes })
    }

    /// Hot keys as the next run will know them.
    fn rows(&self, hot: Vec<(u64, u64)>, origin: &Source) -> Rows {
        match (&self.prepared.kind, origin) {
            (Kind::Directory(root), Source::Files(files)) => Rows::Names(files.named(&hot, root)),
            _ => Rows::Numbers(hot),
        }
    }

    fn work(&self, host: &Host, origin: &Source) -> Result<Work, RunError> {
        let warm_up = WarmUp::new(self.hot.clone(), self.options.warm.before);
        let (live, executor) = (Arc::clone(&host.live), Arc::clone(&host.executor));
        let driver = Drive::new(live, executor, self.progress, self.stop, warm_up);
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
                    work = Work {
                        phases: done.phases,
                        totals: Some(done.totals),
                        notes: done.notes,
                        ..Work::default()
                    };
                }
                (Kind::Directory(_), Source::Objects(_)) => {}
            }
            work.warming = driver.warmed();
            Ok(work)
        })
    }
}

#[derive(Default)]
struct Work {
    phases: Vec<Phase>,
    totals: Option<Totals>,
    notes: Vec<String>,
    warming: Option<Warming>,
}

fn figures(
    live: &Live,
    finished: &Finished,
    phases: Vec<Phase>,
    warming: Option<Warming>,
    took: Duration,
) -> Figures {
    let plane = &live.plane;
    let prefetch = crate::report::Prefetch::of(plane.prefetcher.totals());
    let cache = &finished.last.cache;
    let stats = plane.cache.stats();
    let latency = plane.metrics.total().percentiles();
    let prefetched = prefetch.timely + prefetch.late + stats.spare_asked;
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
        warming,
        phases,
    }
}
