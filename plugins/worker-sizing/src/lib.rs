//! Strategy `worker-sizing`: gives each pool as many workers as its work can use.
//!
//! `formula.rs` says how many workers a kind of work can use, `climb.rs` when to add and when to take back;
//! neither knows the host, and both are tested natively.

mod climb;
mod formula;

use climb::{Climb, Observation, Step};
use formula::Work;
use strategy_sdk::{
    Acceptance, ControlError, Description, Objective, Strategy, TickError, TickInfo, count, dial, dials,
    executor, export_strategy, log, metrics, run,
};

strategy_sdk::settings! {
    /// What a profile may set.
    pub(crate) struct Settings {
        /// Workers are multiplied by this when tasks queue, and divided when workers idle
        growth: f64 = 1.5 in 1.1..=4.0,
        /// Share by which throughput must rise for a growth to be kept
        gain_threshold: f64 = 0.05 in 0.0..=1.0,
        /// Ticks to stay after a growth that brought nothing, and ticks of idling before workers are given up
        hold_ticks: u64 = 8 in 1..=10_000,
        /// Workers a core that a first growth reaches where tasks keep the CPU busy
        cpu_factor: f64 = 1.0 in 0.5..=1.5,
        /// Workers a core that a first growth reaches where tasks wait
        io_factor: f64 = 3.0 in 1.0..=16.0,
        /// Workers a core that a first growth reaches where tasks do both
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
            self.gain_threshold = self.gain_threshold.max(MEMORY_GAIN);
        }
        self
    }
}

/// One climber a pool.
struct WorkerSizing {
    settings: Settings,
    cpu: Climb,
    io: Climb,
}

impl Strategy for WorkerSizing {
    type Settings = Settings;

    fn describe() -> Description {
        let summary = "Adds workers while tasks queue and throughput rises";
        Description::new("worker-sizing", env!("CARGO_PKG_VERSION"), summary)
            .dials(&[dial::CPU_WORKERS, dial::IO_WORKERS])
    }

    fn new(settings: Settings) -> Result<Self, TickError> {
        let settings = settings.heeding(run::objective());
        Ok(Self { cpu: Climb::new("CPU"), io: Climb::new("IO"), settings })
    }

    fn tick(&mut self, info: TickInfo) -> Result<(), TickError> {
        let (system, executor) = (metrics::system(), metrics::executor());
        let work = Work::of(&executor.classes);
        let seconds = count(info.elapsed_ns) / 1e9;
        let own_cpu = metrics::gauge("process-cpu-cores").map(|cores| cores / system.cpu_cores);
        let others_cpu = metrics::gauge("others-cpu-usage");
        let observe = |pool, formula, ceiling| Observation {
            tick: info.tick,
            seconds,
            pool,
            formula,
            ceiling,
            own_cpu,
            others_cpu,
        };
        let cpu = observe(
            executor.cpu,
            work.cpu_pool_workers(&self.settings, system.cpu_cores),
            work.cpu_pool_ceiling(system.cpu_cores),
        );
        let io = observe(executor.io, work.io_pool_workers(&self.settings, system.cpu_cores), None);
        take(&mut self.cpu, &self.settings, &cpu, dial::CPU_WORKERS, executor::propose_cpu_workers);
        take(&mut self.io, &self.settings, &io, dial::IO_WORKERS, executor::propose_io_workers);
        Ok(())
    }
}

/// Asks a climber for its step and proposes it. A refusal is told to the climber, which looks again
/// from where the pool really is.
fn take(
    climb: &mut Climb,
    settings: &Settings,
    now: &Observation,
    dial: &str,
    propose: fn(u32) -> Result<Acceptance, ControlError>,
) {
    match climb.step(settings, now) {
        Step::Stay => {}
        Step::Say(text) => log::info(text),
        Step::To { workers, reason } => match propose(workers) {
            Ok(_) => dials::explain(dial, reason),
            Err(ControlError::CoolingDown(until)) => climb.refused(until),
            Err(_) => climb.refused(now.tick + settings.hold_ticks),
        },
    }
}

export_strategy!(WorkerSizing);

#[cfg(test)]
mod tests {
    use strategy_sdk::metrics::PoolMetrics;

    use super::*;

    /// What a climber does after a growth from 4 workers to 6 that brought a tenth more tasks a second.
    fn after_a_small_gain(objective: Objective) -> Step {
        let settings = Settings::default().heeding(objective);
        let mut climb = Climb::new("IO");
        let mut last = Step::Stay;
        for (tick, workers, tasks) in [(1, 4, 100), (2, 4, 100), (3, 6, 110), (4, 6, 110)] {
            let pool = PoolMetrics {
                workers,
                min_workers: 1,
                max_workers: 64,
                utilisation: 1.0,
                queued: 50,
                window_completed: tasks,
                mean_wait_us: 1_000.0,
                mean_service_us: 1_000.0,
            };
            let now = Observation {
                tick,
                seconds: 1.0,
                pool,
                formula: Some(6.0),
                ceiling: None,
                own_cpu: Some(0.1),
                others_cpu: Some(0.0),
            };
            last = climb.step(&settings, &now);
        }
        last
    }

    #[test]
    fn a_small_gain_is_kept_for_throughput_and_given_up_for_memory() {
        assert_eq!(after_a_small_gain(Objective::Throughput), Step::Stay);
        assert!(matches!(after_a_small_gain(Objective::Memory), Step::To { workers: 4, .. }));
    }
}
