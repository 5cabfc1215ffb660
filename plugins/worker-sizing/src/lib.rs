//! Strategy `worker-sizing`: gives each pool as many workers as its work can use.
//!
//! `law.rs` decides, `law/next.rs` where to try; `observation.rs` is what it sees, `noise.rs` how much that wavers, `load.rs`
//! what is known of the present load, `curve.rs` the scalability law fitted to it, `side.rs` the trials in one direction,
//! `limit.rs` names what limits a pool, and `formula.rs` says where to look first while nothing was measured. A batch, of which all
//! jobs are there from the start, has a law of its own: `batch.rs`. None of them knows the host, and all are tested natively.

mod batch;
mod curve;
mod formula;
mod law;
mod limit;
mod load;
mod noise;
mod observation;
mod side;

use batch::{Batch, Window};
use formula::Work;
use law::{Law, Step};
use observation::Observation;
use strategy_sdk::{
    Acceptance, ControlError, Description, Objective, Strategy, TickError, TickInfo, count, dial, dials,
    executor, export_strategy, log, metrics, run,
};

strategy_sdk::settings! {
    /// What a profile may set.
    pub(crate) struct Settings {
        /// Ratio of the smallest trial to the workers held
        smallest_step: f64 = 1.1 in 1.01..=2.0,
        /// Share by which throughput must rise at most for a step to be taken
        needed: f64 = 0.03 in 0.0..=1.0,
        /// Ticks between trials upwards once nothing is gained; downwards twice as many at first
        rest_ticks: u64 = 5 in 1..=10_000,
        /// Workers a core to try first where tasks keep the CPU busy
        cpu_factor: f64 = 1.0 in 0.5..=1.5,
        /// Workers a core to try first where tasks wait
        io_factor: f64 = 3.0 in 1.0..=16.0,
        /// Workers a core to try first where tasks do both
        mixed_factor: f64 = 2.0 in 1.0..=8.0,
    }
}

/// Share by which throughput must rise at least where memory is the objective: each worker holds a stack and the memory
/// of a task.
const MEMORY_GAIN: f64 = 0.2;

impl Settings {
    /// The settings for what the operator wants.
    fn heeding(mut self, objective: Objective) -> Self {
        if objective == Objective::Memory {
            self.needed = self.needed.max(MEMORY_GAIN);
        }
        self
    }
}

/// One law a pool.
struct WorkerSizing {
    settings: Settings,
    cpu: Pool,
    io: Pool,
    /// The jobs of a batch, which run in the IO pool; none where requests come as they come.
    batch: Option<Batch>,
}

/// A pool and its law.
struct Pool {
    law: Law,
    dial: &'static str,
    propose: fn(u32) -> Result<Acceptance, ControlError>,
}

impl Strategy for WorkerSizing {
    type Settings = Settings;

    fn describe() -> Description {
        let summary =
            "Finds the number of workers that serves most, by small trials that are undone when they lose";
        Description::new("worker-sizing", env!("CARGO_PKG_VERSION"), summary)
            .dials(&[dial::CPU_WORKERS, dial::IO_WORKERS])
    }

    fn new(settings: Settings) -> Result<Self, TickError> {
        let settings = settings.heeding(run::objective());
        let law = |pool| Law::new(pool, settings.clone());
        let cpu = Pool { law: law("CPU"), dial: dial::CPU_WORKERS, propose: executor::propose_cpu_workers };
        let io = Pool { law: law("IO"), dial: dial::IO_WORKERS, propose: executor::propose_io_workers };
        Ok(Self { cpu, io, batch: run::batch().then(Batch::default), settings })
    }

    fn tick(&mut self, info: TickInfo) -> Result<(), TickError> {
        let (system, executor) = (metrics::system(), metrics::executor());
        let work = Work::of(&executor.classes);
        let windows = metrics::classes();
        // Pools are not told apart here: a task of one class may run on either.
        let failed: u64 = windows.iter().map(|class| class.failed).sum();
        let ended = failed + windows.iter().map(|class| class.completed).sum::<u64>();
        let failed = if ended > 0 { count(failed) / count(ended) } else { 0.0 };
        if let Some(batch) = &mut self.batch {
            let pool = &executor.io;
            let ended = count(pool.window_completed);
            let window = Window {
                seconds: count(info.elapsed_ns) / 1e9,
                workers: pool.workers,
                least: pool.min_workers,
                most: pool.max_workers,
                busy: pool.utilisation,
                queued: count(pool.queued),
                succeeded: ended * (1.0 - failed),
                failed: ended * failed,
                service_us: pool.mean_service_us,
                cpu: system.cpu_usage,
                cores: system.cpu_cores,
                job_cpu: cpu_of_a_task(&executor.classes),
            };
            if let Step::To { workers, reason } = batch.step(&window)
                && executor::propose_io_workers(workers).is_ok()
            {
                dials::explain(dial::IO_WORKERS, reason);
            }
            return Ok(());
        }
        let own_cpu = metrics::gauge("process-cpu-cores").map(|cores| cores / system.cpu_cores);
        let (others_cpu, disk_pressure) = (metrics::gauge("others-cpu-usage"), metrics::gauge("psi-io"));
        let throttled = metrics::gauge("cpu-throttled");
        let cache = metrics::cache();
        let (hits, misses) = (count(cache.window_hits), count(cache.window_misses));
        let observe = |pool: &metrics::PoolMetrics, prior, enough_for_cores| {
            let ended = count(pool.window_completed);
            let work = work_of_a_task(ended, hits, misses);
            Observation {
                tick: info.tick,
                seconds: count(info.elapsed_ns) / 1e9,
                workers: pool.workers,
                least: pool.min_workers,
                most: pool.max_workers,
                busy: pool.utilisation,
                queued: count(pool.queued),
                succeeded: ended * work * (1.0 - failed),
                failed: ended * work * failed,
                wait_us: pool.mean_wait_us / work,
                service_us: pool.mean_service_us / work,
                prior,
                enough_for_cores,
                own_cpu,
                others_cpu,
                throttled,
                disk_pressure,
            }
        };
        let enough = work.is_cpu_bound().then_some(system.cpu_cores * self.settings.cpu_factor);
        let cpu = work.cpu_pool_workers(&self.settings, system.cpu_cores);
        let io = work.io_pool_workers(&self.settings, system.cpu_cores);
        self.cpu.tick(&observe(&executor.cpu, cpu, enough), self.settings.rest_ticks);
        self.io.tick(&observe(&executor.io, io, None), self.settings.rest_ticks);
        Ok(())
    }
}

impl Pool {
    /// Asks the law for its step and proposes it. A refusal is told to the law, which looks again from where the pool
    /// really is.
    fn tick(&mut self, now: &Observation, rest_ticks: u64) {
        match self.law.step(now) {
            Step::Stay => {}
            Step::To { workers, reason } => match (self.propose)(workers) {
                Ok(_) => dials::explain(self.dial, reason),
                Err(ControlError::CoolingDown(until)) => self.law.refused(now, until),
                Err(_) => self.law.refused(now, now.tick + rest_ticks),
            },
        }
        if now.tick.is_multiple_of(LIMIT_TOLD_EVERY)
            && let Some(limit) = self.law.limit(now)
        {
            log::debug(format!("{}: {} at once are limited by {limit}", self.dial, now.workers));
        }
    }
}

/// The mean share of its time that a task spent on a CPU, over all that have ended.
fn cpu_of_a_task(classes: &[metrics::ClassMetrics]) -> f64 {
    let tasks: f64 = classes.iter().map(|class| count(class.completed)).sum();
    classes.iter().map(|class| class.cpu_share * count(class.completed)).sum::<f64>() / tasks.max(1.0)
}

/// What a task of the pool is worth in tasks that wait: a request that the cache serves holds its worker for next to no time, so
/// that a hit ratio that moves would look like workers that gained or lost.
fn work_of_a_task(ended: f64, hits: f64, misses: f64) -> f64 {
    let requests = hits + misses;
    if ended <= 0.0 || requests <= 0.0 {
        return 1.0;
    }
    let of_a_request = (misses + HIT * hits) / requests;
    let requests = (requests / ended).min(1.0);
    requests * of_a_request + 1.0 - requests
}

/// Work of a request that the cache serves, as a share of one that waits.
const HIT: f64 = 0.02;

/// Ticks from one line about what limits a pool to the next.
const LIMIT_TOLD_EVERY: u64 = 64;

/// The nearest whole number of workers.
#[expect(clippy::as_conversions, reason = "the float is clamped to a range of u32 first")]
fn whole(workers: f64) -> u32 {
    workers.round().clamp(0.0, f64::from(u32::MAX)) as u32
}

export_strategy!(WorkerSizing);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hits_are_hardly_work() {
        assert_eq!(work_of_a_task(100.0, 0.0, 100.0), 1.0);
        assert!((work_of_a_task(100.0, 50.0, 50.0) - 0.51).abs() < 1e-9);
        assert!(
            (work_of_a_task(200.0, 50.0, 50.0) - 0.755).abs() < 1e-9,
            "half of the tasks are no requests"
        );
        assert_eq!(work_of_a_task(100.0, 0.0, 0.0), 1.0);
        assert_eq!(work_of_a_task(0.0, 10.0, 10.0), 1.0);
    }

    #[test]
    fn memory_wants_a_larger_gain() {
        let needed = |objective| Settings::default().heeding(objective).needed;
        assert!(needed(Objective::Memory) > needed(Objective::Throughput));
    }
}
