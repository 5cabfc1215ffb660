//! The control loop in wall time: a thread of its own, beside the requests.
//!
//! It wakes often to feed the shadows, and ticks when the interval has passed or enough requests have.
//! However fast the requests come, a tick before its time is held only when [`REST`] times the last one's
//! duration has passed, so that requests alone do not drive up what tuning costs.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use cpu_time::ThreadTime;
use host_contract::dial::{CPU_WORKERS, IO_WORKERS};
use host_contract::snapshot::{self, Snapshot};
use host_contract::{Dial, Range, RunInfo, gauge};
use host_control::ControlLoop;
use host_control::ledger::{Decision, Disabled, End, Record, RulesChanged, Run};
use host_telemetry::Sampler;

use crate::report;
use crate::requests::Requests;
use crate::snapshot_builder::{Sample, SnapshotBuilder};
use crate::wiring::{self, Controlled};

/// How often the shadows are fed.
const FEED: Duration = Duration::from_millis(10);

/// A tick of a millisecond is followed by at least this many milliseconds without one.
const REST: u32 = 30;

/// Everything the thread needs.
pub(crate) struct ControlThread {
    pub(crate) control: ControlLoop,
    pub(crate) controlled: Controlled,
    pub(crate) requests: Arc<Requests>,
    pub(crate) sampler: Sampler,
    pub(crate) interval: Duration,
    pub(crate) ledger: Option<Box<dyn Write + Send>>,
    pub(crate) header: Run,
    /// Ticks and strategies, or sampling alone (a baseline).
    pub(crate) tuning: bool,
    pub(crate) run: RunInfo,
}

/// The running thread.
pub(crate) struct Handle {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Settled>,
}

/// What the thread leaves behind.
pub(crate) struct Settled {
    pub(crate) decisions: Vec<Decision>,
    pub(crate) rules: Vec<RulesChanged>,
    pub(crate) disabled: Vec<Disabled>,
    pub(crate) cost: report::Cost,
    pub(crate) last: Arc<Snapshot>,
    pub(crate) peak_memory_bytes: u64,
    /// Why the ledger is not whole.
    pub(crate) ledger_error: Option<std::io::Error>,
    pub(crate) controlled: Controlled,
}

impl Handle {
    /// Ends the loop after one last look, and waits for it. None where the thread died.
    pub(crate) fn settle(self) -> Option<Settled> {
        self.stop.store(true, Ordering::Release);
        self.thread.thread().unpark();
        self.thread.join().ok()
    }
}

impl ControlThread {
    /// Starts the thread.
    ///
    /// # Errors
    /// The system has no thread left.
    pub(crate) fn start(self) -> std::io::Result<Handle> {
        let stop = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&stop);
        let requests = Arc::clone(&self.requests);
        let builder = std::thread::Builder::new().name("control".to_owned());
        let thread = builder.spawn(move || Ticking::new(self).run(&seen))?;
        requests.pace.wake(thread.thread().clone());
        Ok(Handle { stop, thread })
    }
}

struct Ticking {
    with: ControlThread,
    builder: SnapshotBuilder,
    started: Instant,
    cpu: ThreadTime,
    peak_memory_bytes: u64,
    ledger_error: Option<std::io::Error>,
}

impl Ticking {
    fn new(with: ControlThread) -> Self {
        let builder = SnapshotBuilder::new(wiring::policy_names(&wiring::policies()), with.run);
        let (started, cpu) = (Instant::now(), ThreadTime::now());
        Self { with, builder, started, cpu, peak_memory_bytes: 0, ledger_error: None }
    }

    fn run(mut self, stop: &AtomicBool) -> Settled {
        let header = Record::Run(self.with.header.clone());
        self.write(&[header]);
        let mut last_tick = Instant::now();
        let mut rest = Duration::ZERO;
        let mut seen = 0;
        while !stop.load(Ordering::Acquire) {
            self.feed();
            let since = last_tick.elapsed();
            let every = self.with.requests.pace.every();
            let count = self.with.requests.meter.count();
            let enough = every > 0 && count.saturating_sub(seen) >= every;
            if since >= self.with.interval || (enough && since >= rest) {
                last_tick = Instant::now();
                seen = count;
                self.tick();
                rest = (last_tick.elapsed() * REST).min(self.with.interval);
                continue;
            }
            std::thread::park_timeout(FEED);
        }
        self.settle()
    }

    fn feed(&mut self) {
        if let (Some(tap), Some(shadows)) = (&self.with.requests.tap, &mut self.with.controlled.shadows) {
            let stats = self.with.controlled.cache.stats();
            tap.drain_into(shadows, stats.hits + stats.misses);
        }
    }

    fn look(&mut self) -> Arc<Snapshot> {
        self.feed();
        let sample = self.sample();
        Arc::new(self.builder.snapshot(self.started.elapsed(), sample))
    }

    fn tick(&mut self) {
        let snapshot = self.look();
        let fallback = self.builder.take_fallback();
        self.write(fallback.as_slice());
        if self.with.tuning {
            let records = self.with.controlled.tick(&mut self.with.control, &snapshot);
            self.write(&records);
        }
    }

    fn settle(mut self) -> Settled {
        let last = self.look();
        let mut records = vec![Record::Tick(Arc::clone(&last))];
        records.extend(self.builder.take_fallback());
        records.extend(self.with.control.finish(&last));
        let count = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
        records.push(Record::End(End {
            ticks: self.builder.ticks(),
            hits: last.cache.hits,
            misses: last.cache.misses,
            decisions: count(self.with.control.decisions().len()),
        }));
        self.write(&records);
        if let Some(ledger) = &mut self.with.ledger
            && let Err(error) = ledger.flush()
        {
            self.ledger_error.get_or_insert(error);
        }
        let control = &self.with.control;
        let strategies = control.costs().map(|(who, cost)| (who.name.clone(), cost.clone())).collect();
        Settled {
            decisions: control.decisions().to_vec(),
            rules: control.rule_changes().to_vec(),
            disabled: control.disabled().cloned().collect(),
            cost: report::Cost {
                ticks: self.builder.ticks(),
                cpu_seconds: self.cpu.elapsed().as_secs_f64(),
                machine_share: 0.0,
                process_share: 0.0,
                strategies,
            },
            last,
            peak_memory_bytes: self.peak_memory_bytes,
            ledger_error: self.ledger_error,
            controlled: self.with.controlled,
        }
    }

    fn sample(&mut self) -> Sample {
        let sample = self.with.sampler.sample();
        self.peak_memory_bytes = self.peak_memory_bytes.max(sample.process_memory_bytes);
        let system = snapshot::System {
            cpu_cores: sample.cpu_cores,
            cpu_usage: sample.cpu_usage,
            memory_limit_bytes: sample.memory_limit_bytes,
            memory_used_bytes: sample.memory_used_bytes,
            process_memory_bytes: sample.process_memory_bytes,
            disk_read_bytes_per_second: sample.disk_read_bytes_per_second,
            disk_write_bytes_per_second: sample.disk_write_bytes_per_second,
            network_received_bytes_per_second: sample.network_received_bytes_per_second,
            network_sent_bytes_per_second: sample.network_sent_bytes_per_second,
        };
        let (controlled, requests) = (&self.with.controlled, &self.with.requests);
        Sample {
            system,
            cache: controlled.cache.stats(),
            shadows: controlled.shadows.as_ref().map(host_cache::Shadows::estimates).unwrap_or_default(),
            executor: controlled.executor.as_ref().map(|executor| pools(executor.window(), controlled)),
            prefetch: controlled.prefetch(),
            accesses: requests.meter.accesses.recent(),
            finished: requests.meter.count(),
            latency: requests.meter.take_window(),
            gauges: gauges(&sample),
        }
    }

    /// A ledger that cannot be written does not end the run; the report says so.
    fn write(&mut self, records: &[Record]) {
        let Some(ledger) = &mut self.with.ledger else { return };
        if self.ledger_error.is_none()
            && let Err(error) = crate::ledger_file::write(ledger, records)
        {
            self.ledger_error = Some(error);
        }
    }
}

/// The gauges that the machine and this process give. One that the system does not tell has no value.
fn gauges(sample: &host_telemetry::Sample) -> gauge::Values {
    let measured = [
        ("process-cpu-cores", Some(sample.process_cpu_cores)),
        ("others-cpu-usage", sample.others_cpu_usage),
        ("run-queue-wait", sample.run_queue_wait_share),
        ("psi-cpu", sample.pressure.cpu_some),
        ("psi-io", sample.pressure.io_some),
        ("psi-memory", sample.pressure.memory_some),
    ];
    measured.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
}

fn pools(stats: host_executor::ExecutorStats, controlled: &Controlled) -> snapshot::Executor {
    let pool = |pool: host_executor::PoolStats, dial: Dial| {
        let (min_workers, max_workers) = match controlled.actuators.range(dial) {
            Some(Range::Count(range)) => (small(*range.start()), small(*range.end())),
            _ => (0, 0),
        };
        snapshot::Pool {
            workers: pool.workers,
            min_workers,
            max_workers,
            utilisation: pool.utilisation,
            queued: pool.queued,
            window_completed: pool.window_completed,
            mean_wait_us: pool.mean_wait_us,
            mean_service_us: pool.mean_service_us,
        }
    };
    let class = |class: host_executor::ClassStats| snapshot::Class {
        name: class.name,
        kind: class.kind,
        completed: class.completed,
        cpu_share: class.cpu_share,
        wait_p50_us: class.wait_p50_us,
        wait_p99_us: class.wait_p99_us,
        service_p50_us: class.service_p50_us,
        service_p99_us: class.service_p99_us,
        window_completed: class.window_completed.saturating_sub(class.window_failed),
        window_failed: class.window_failed,
        latency_target_us: None,
    };
    snapshot::Executor {
        cpu: pool(stats.cpu, CPU_WORKERS),
        io: pool(stats.io, IO_WORKERS),
        classes: stats.classes.into_iter().map(class).collect(),
    }
}

fn small(workers: u64) -> u32 {
    u32::try_from(workers).unwrap_or(u32::MAX)
}
