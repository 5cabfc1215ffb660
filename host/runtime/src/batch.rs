//! A batch: commands that are all there from the start, so many at once as the strategies find best.
//!
//! Each command is a task of the IO pool that waits for its process; so `io-workers` is how many run at once, and strategies
//! turn it as for any other work. Where memory runs short the host itself lowers it (`memory`).
//! What a command prints is kept apart until it has ended (`output`), and what became of it is on the job
//! log (`log`), from which a batch that was ended goes on.

mod job;
mod log;
mod memory;
mod output;
mod report;

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use host_cache::Registry;
use host_contract::{Clock, Grant, RunInfo, Unit};
use host_executor::{ClassId, Executor};
use host_plugin::Time;
use host_profile::{PrefetchMode, Settings};
use host_workload::commands::{Command, CommandList};
use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::command::Command as HostCommand;
use crate::error::RunError;
use crate::host::Host;
use crate::ledger_file::LedgerFile;
use crate::live::Live;
use crate::options::{Options, Scope};
use crate::progress::{Progress, Stop};
use crate::strategies;
use crate::sweep::FixedSettings;
use crate::wiring;
use job::Jobs;
use log::JobLog;
use memory::{Bound, Seen};
use output::Output;
use report::Tally;

pub use job::Ending;
pub use report::{BatchReport, Failed, Kind};

/// How often it is looked after time limits, signals and memory.
const LOOK: Duration = Duration::from_millis(20);

/// The cache of a batch, which nobody asks: bytes.
const NO_CACHE: u64 = 1 << 20;

/// How long the end of a batch may wait for the control thread.
const GRACE: Duration = Duration::from_secs(30);

/// What to do when a command fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Halt {
    /// Go on with the others.
    Never,
    /// Start no further one; those that run end by themselves.
    OnError,
}

/// What to run, and how.
#[derive(Debug, Clone)]
pub struct BatchOptions {
    /// The effective configuration.
    pub settings: Settings,
    /// The policies that settings may name.
    pub policies: Arc<Registry>,
    /// The commands.
    pub commands: CommandList,
    /// Where they come from, for the report and the ledger.
    pub name: String,
    /// The shell that gets the lines; none where they are run as they are.
    pub shell: Option<OsString>,
    /// Whether what they print comes in the order of their lines; else in the order in which they end.
    pub keep_order: bool,
    /// What to do when one fails.
    pub halt: Halt,
    /// How long one may take; then it is ended, and has failed.
    pub timeout: Option<Duration>,
    /// How often one that failed is run again.
    pub retries: u32,
    /// Where the log of jobs goes, a row a try.
    pub job_log: Option<PathBuf>,
    /// Whether to leave out what the job log says has succeeded.
    pub resume: bool,
    /// Where chance comes from.
    pub seed: u64,
    /// Where the ledger is written.
    pub ledger: Option<PathBuf>,
    /// The folder for what strategies learn. None: what `plugins.state-dir` names.
    pub state_dir: Option<PathBuf>,
}

/// Runs the commands, and reports.
///
/// # Errors
/// [`RunError`]: something handed in is wrong, or standard output cannot be written. A command that fails is none.
pub fn run(options: &BatchOptions, progress: &dyn Progress, stop: &Stop) -> Result<BatchReport, RunError> {
    let settings = settings_of_a_batch(&options.settings);
    let ledger = LedgerFile::open(options.ledger.as_deref(), None, progress)?;
    let folder = options.state_dir.as_deref().or(settings.plugins.state_dir.as_deref());
    let states = strategies::states(folder.filter(|_| settings.control.enabled))?;
    let loaded = strategies::load(&settings, Time::Machine, options.seed, &states, progress)?;
    // Last of what can be wrong: a batch that does not begin leaves no first row.
    let (log, done) = JobLog::open(options.job_log.as_deref(), options.resume)?;
    let ledger = ledger.map(LedgerFile::begin).transpose()?;

    let all = options.commands.commands();
    let left: Vec<&Command> = done.left(all);
    let executor = wiring::executor(&settings)?;
    let run = RunInfo {
        clock: Clock::Live,
        objective: settings.optimise,
        unit: Unit::Bytes,
        seed: options.seed,
        keys_ordered: false,
        batch: true,
    };
    let scope = Scope {
        settings: settings.clone(),
        policies: Arc::clone(&options.policies),
        capacity: NO_CACHE.min(settings.cache.max_capacity.get()),
        mean_weight: 1,
        entry_bytes: 0,
        run,
        workload: format!("commands {}", options.name),
    };
    let host = Options::new(settings.clone()).within(scope).strategies(loaded.registrations);
    let host = host.not_started(loaded.not_started.clone()).executor(Arc::clone(&executor));
    let host = Host::start(match ledger {
        Some(ledger) => host.ledger(ledger),
        None => host,
    })?;
    let begun = Instant::now();
    let kinds = options.commands.kinds();
    let batch = Arc::new(Batch {
        jobs: Jobs::new(options.shell.clone(), options.timeout),
        output: Output::new(options.keep_order),
        log,
        tally: Tally::new(kinds),
        classes: kinds.iter().map(|kind| executor.class(kind)).collect(),
        retries: options.retries,
        halt: options.halt,
        stopping: AtomicBool::new(false),
        fault: Mutex::default(),
        ended: Notify::new(),
        total: left.len(),
        live: Arc::clone(&host.live),
    });
    progress.begin("commands", u64::try_from(left.len()).ok());
    let started_with = executor.demand().io_workers;
    executor.block_on(batch.work(&host, &executor, &left, (progress, stop)));
    let took = begun.elapsed();
    // The report says it.
    progress.end("");
    batch.output.finish().map_err(RunError::Output)?;
    let finished = host.shut_down_blocking(GRACE)?;
    if let Some(fault) = batch.fault.lock().take() {
        return Err(fault);
    }
    let ends_with = finished.last.executor.as_ref().map_or(started_with, |pools| pools.io.workers);
    let mut report = batch.tally.report(kinds, took);
    report.profile.clone_from(&settings.profile);
    report.name.clone_from(&options.name);
    report.commands = u64::try_from(all.len()).unwrap_or(u64::MAX);
    report.done_before = u64::try_from(all.len() - left.len()).unwrap_or(u64::MAX);
    report.at_once = (started_with, ends_with);
    report.decisions = finished.decisions;
    report.strategies = loaded.not_started;
    report.strategies.extend(finished.strategies);
    report.notes = options.settings.notes.iter().cloned().chain(loaded.notes).chain(finished.notes).collect();
    report.notes.extend(states.finish());
    report.halted = batch.stopping.load(Ordering::Relaxed) && !stop.asked();
    report.interrupted = stop.asked();
    report.cost = finished.cost;
    Ok(report)
}

/// The settings without what has no meaning here: there are no requests, so neither a cache nor prefetches, and no strategies
/// that turn nothing else. The law of a batch compares what it tries itself, and has no time to wait between two changes.
fn settings_of_a_batch(settings: &Settings) -> Settings {
    let mut settings = settings.clone();
    settings.cache.shadows = false;
    settings.prefetch.mode = PrefetchMode::OnDemand;
    settings.control.judge.enabled = false;
    settings.control.cool_down_ticks = 0;
    for strategy in &mut settings.strategies {
        strategy.enabled &= strategy.grants(Grant::ExecutorControl);
    }
    let tuned = settings.control.enabled && settings.strategies.iter().any(|strategy| strategy.enabled);
    // Nothing is known of the jobs yet. A core each wastes nothing of what needs the CPU, and what waits is soon found out.
    if tuned && !settings.is_named_by_the_user("executor.io-workers") {
        let cores =
            thread::available_parallelism().map_or(1, |cores| u32::try_from(cores.get()).unwrap_or(u32::MAX));
        let pools = &settings.executor;
        let io_workers = cores.clamp(pools.min_io_workers, pools.max_io_workers);
        return FixedSettings { io_workers, ..FixedSettings::start(&settings) }.within(&settings);
    }
    settings
}

/// What the jobs of a batch share.
struct Batch {
    jobs: Jobs,
    output: Output,
    log: JobLog,
    tally: Tally,
    classes: Vec<ClassId>,
    retries: u32,
    halt: Halt,
    /// Nothing begins any more.
    stopping: AtomicBool,
    /// Why the batch cannot go on.
    fault: Mutex<Option<RunError>>,
    ended: Notify,
    total: usize,
    live: Arc<Live>,
}

impl Batch {
    async fn work(
        self: &Arc<Self>,
        host: &Host,
        executor: &Arc<Executor>,
        commands: &[&Command],
        (progress, stop): (&dyn Progress, &Stop),
    ) {
        if commands.is_empty() {
            return;
        }
        let jobs: Vec<Arc<Command>> = commands.iter().map(|command| Arc::new((*command).clone())).collect();
        let (batch, pool) = (Arc::clone(self), Arc::clone(executor));
        let submitting = executor.handle().spawn(async move { batch.submit(&pool, jobs).await });
        let mut bound = Bound::default();
        loop {
            tokio::select! {
                () = self.ended.notified() => {}
                () = tokio::time::sleep(LOOK) => {}
            }
            let ended = self.tally.ended();
            progress.at(u64::try_from(ended).unwrap_or(u64::MAX));
            if ended >= self.total {
                break;
            }
            if stop.asked() {
                self.stopping.store(true, Ordering::Relaxed);
            }
            self.jobs.look(Instant::now(), stop.asked() || self.fault.lock().is_some());
            self.look_after_memory(&mut bound, host);
        }
        // It has submitted all: every job has ended.
        drop(submitting.await);
    }

    async fn submit(self: &Arc<Self>, executor: &Executor, commands: Vec<Arc<Command>>) {
        for (place, command) in commands.into_iter().enumerate() {
            let Some(class) = self.classes.get(command.kind).copied() else { continue };
            let batch = Arc::clone(self);
            let job = async move {
                let ran = tokio::task::spawn_blocking(move || batch.job(place, &command)).await;
                // A panic is a bug here, and counts as a failure there.
                ran.unwrap_or(Err(None))
            };
            let cpu = |ran: &Result<Option<Duration>, Option<Duration>>| match ran {
                Ok(cpu) | Err(cpu) => *cpu,
            };
            if executor.submit_io_elsewhere(class, job, cpu).await.is_err() {
                // The pools are closing: nobody waits for it.
                self.tally.end_one();
            }
        }
    }

    /// Runs one job to its end, with what is tried again; answers with the CPU time that it took.
    fn job(&self, place: usize, command: &Command) -> Result<Option<Duration>, Option<Duration>> {
        let mut cpu = Duration::ZERO;
        let mut last = None;
        for attempt in 1..=self.retries.saturating_add(1) {
            if self.stopping.load(Ordering::Relaxed) {
                break;
            }
            let ran = self.jobs.run(place, command);
            cpu += ran.cpu;
            let ok = ran.ending == Ending::Ok;
            let again = !ok && attempt <= self.retries && !self.stopping.load(Ordering::Relaxed);
            self.tally.ran(command, &ran, again);
            self.live.plane.finished(ran.wall);
            self.or_stop(self.log.add(command, attempt, &ran));
            last = Some(ran);
            if !again {
                break;
            }
        }
        let ok = last.as_ref().is_some_and(|ran| ran.ending == Ending::Ok);
        if last.is_some() && !ok && self.halt == Halt::OnError {
            self.stopping.store(true, Ordering::Relaxed);
        }
        // What the last try printed, as the others did not count.
        let printed = last.and_then(|ran| ran.printed);
        self.or_stop(self.output.job(place, printed).map_err(RunError::Output));
        if self.tally.end_one() == self.total {
            self.ended.notify_one();
        }
        if ok { Ok(Some(cpu)) } else { Err(Some(cpu)) }
    }

    /// Where something cannot go on, the batch does not.
    fn or_stop(&self, done: Result<(), RunError>) {
        if let Err(fault) = done {
            self.stopping.store(true, Ordering::Relaxed);
            self.fault.lock().get_or_insert(fault);
        }
    }

    /// Lowers the jobs at once where memory is short, and lets them rise again.
    fn look_after_memory(&self, bound: &mut Bound, host: &Host) {
        let snapshot = host.snapshot();
        let Some(room) = snapshot.gauge("memory-room") else { return };
        let seen = Seen { room, running: self.jobs.running(), of_a_job: self.tally.memory_of_a_job() };
        if let Some((most, reason)) = bound.look(Instant::now(), &seen) {
            // Where the control thread has died the end of the batch says so.
            drop(host.commander().send(HostCommand::BoundIo { most, reason }));
        }
    }
}
