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
use host_control::ControlLoop;
use host_control::ledger::{Decision, End, Record, Run, SetAside};
use host_control::snapshot::{self, Snapshot};
use host_telemetry::Sampler;

use crate::compose;
use crate::plane::Plane;
use crate::report;
use crate::requests::Requests;
use crate::sense::{Prefetch, Readings, Sense};

/// How often the shadows are fed.
const FEED: Duration = Duration::from_millis(10);

/// A tick of a millisecond is followed by at least this many milliseconds without one.
const REST: u32 = 30;

/// Everything the thread needs.
pub(crate) struct ControlThread {
    pub(crate) control: ControlLoop,
    pub(crate) plane: Plane,
    pub(crate) requests: Arc<Requests>,
    pub(crate) sampler: Sampler,
    pub(crate) interval: Duration,
    pub(crate) ledger: Option<Box<dyn Write + Send>>,
    pub(crate) header: Run,
    /// Ticks and strategies, or sampling alone (a baseline).
    pub(crate) tuning: bool,
}

/// The running thread.
pub(crate) struct Handle {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Settled>,
}

/// What the thread leaves behind.
pub(crate) struct Settled {
    pub(crate) decisions: Vec<Decision>,
    pub(crate) set_aside: Vec<SetAside>,
    pub(crate) cost: report::Cost,
    pub(crate) last: Snapshot,
    pub(crate) peak_memory_bytes: u64,
    /// Why the ledger is not whole.
    pub(crate) ledger_error: Option<std::io::Error>,
    pub(crate) plane: Plane,
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
    sense: Sense,
    started: Instant,
    cpu: ThreadTime,
    peak_memory_bytes: u64,
    ledger_error: Option<std::io::Error>,
}

impl Ticking {
    fn new(with: ControlThread) -> Self {
        let sense = Sense::new(compose::policies());
        let (started, cpu) = (Instant::now(), ThreadTime::now());
        Self { with, sense, started, cpu, peak_memory_bytes: 0, ledger_error: None }
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
        if let (Some(tap), Some(shadows)) = (&self.with.requests.tap, &mut self.with.plane.shadows) {
            let stats = self.with.plane.cache.stats();
            tap.drain_into(shadows, stats.hits + stats.misses);
        }
    }

    fn look(&mut self) -> Snapshot {
        self.feed();
        let readings = self.read();
        self.sense.snapshot(self.started.elapsed(), readings)
    }

    fn tick(&mut self) {
        let snapshot = self.look();
        if self.with.tuning {
            let records = self.with.control.tick(snapshot, &mut self.with.plane);
            self.write(&records);
        }
    }

    fn settle(mut self) -> Settled {
        let last = self.look();
        let mut records = vec![Record::Tick(Box::new(last.clone()))];
        records.extend(self.with.control.finish(&last));
        let count = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
        records.push(Record::End(End {
            ticks: self.sense.ticks(),
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
            set_aside: control.set_aside().cloned().collect(),
            cost: report::Cost {
                ticks: self.sense.ticks(),
                cpu_seconds: self.cpu.elapsed().as_secs_f64(),
                machine_share: 0.0,
                process_share: 0.0,
                strategies,
            },
            last,
            peak_memory_bytes: self.peak_memory_bytes,
            ledger_error: self.ledger_error,
            plane: self.with.plane,
        }
    }

    fn read(&mut self) -> Readings {
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
        let (plane, requests) = (&self.with.plane, &self.with.requests);
        Readings {
            system,
            cache: plane.cache.stats(),
            shadows: plane.shadows.as_ref().map(host_cache::Shadows::estimates).unwrap_or_default(),
            executor: plane.executor.as_ref().map(|executor| pools(executor.window(), &plane.bounds)),
            prefetch: Prefetch {
                in_flight: plane.prefetcher.in_flight(),
                max_in_flight: plane.budget.max_in_flight,
                cache_share: plane.budget.cache_share,
                max_rules: plane.bounds.max_rules,
                rules: plane.prefetcher.stats(),
                owners: plane.owners.clone(),
            },
            accesses: requests.meter.recent(),
            finished: requests.meter.count(),
            latency: requests.meter.take_window(),
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

fn pools(stats: host_executor::ExecutorStats, bounds: &host_control::Bounds) -> snapshot::Executor {
    let pool = |pool: host_executor::PoolStats, bounds: Option<&std::ops::RangeInclusive<u32>>| {
        let (min_workers, max_workers) = bounds.map_or((0, 0), |range| (*range.start(), *range.end()));
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
        kind: match class.kind {
            host_contract::snapshot::TaskKind::Unknown => snapshot::TaskKind::Unknown,
            host_contract::snapshot::TaskKind::Cpu => snapshot::TaskKind::Cpu,
            host_contract::snapshot::TaskKind::Io => snapshot::TaskKind::Io,
            host_contract::snapshot::TaskKind::Mixed => snapshot::TaskKind::Mixed,
        },
        completed: class.completed,
        cpu_share: class.cpu_share,
        wait_p50_us: class.wait_p50_us,
        wait_p99_us: class.wait_p99_us,
        service_p50_us: class.service_p50_us,
        service_p99_us: class.service_p99_us,
    };
    snapshot::Executor {
        cpu: pool(stats.cpu, bounds.cpu_workers.as_ref()),
        io: pool(stats.io, bounds.io_workers.as_ref()),
        classes: stats.classes.into_iter().map(class).collect(),
    }
}
