//! Strategy `worker-sizing`: gives each pool as many workers as its work can use.
//!
//! `formula.rs` says how many workers a kind of work can use, `climb.rs` when to add and when to take back;
//! neither knows the host, and both are tested natively.

mod climb;
mod formula;

use climb::{Climb, Observation, Step};
use formula::Work;
use strategy_sdk::{
    Control, ControlError, Description, Strategy, TickError, TickInfo, count, executor, export_strategy, log,
    metrics,
};

strategy_sdk::settings! {
    /// What a profile may set.
    pub(crate) struct Settings {
        /// Workers are multiplied by this when tasks queue, and divided when workers idle, 1.1 to 4.0
        growth: f64 = 1.5 in 1.1..=4.0,
        /// Share by which throughput must rise for a growth to be kept, 0.0 to 1.0
        gain_threshold: f64 = 0.05 in 0.0..=1.0,
        /// Ticks to stay after a growth that brought nothing, and ticks of idling before workers are given up
        hold_ticks: u64 = 8 in 1..=10_000,
        /// Workers a core that a first growth reaches where tasks keep the CPU busy, 0.5 to 1.5
        cpu_factor: f64 = 1.0 in 0.5..=1.5,
        /// Workers a core that a first growth reaches where tasks wait, 1.0 to 16.0
        io_factor: f64 = 3.0 in 1.0..=16.0,
        /// Workers a core that a first growth reaches where tasks do both, 1.0 to 8.0
        mixed_factor: f64 = 2.0 in 1.0..=8.0,
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
            .controls(&[Control::CpuWorkers, Control::IoWorkers])
    }

    fn new(settings: Settings) -> Result<Self, TickError> {
        Ok(Self { cpu: Climb::new("CPU"), io: Climb::new("IO"), settings })
    }

    fn tick(&mut self, info: TickInfo) -> Result<(), TickError> {
        let (system, executor) = (metrics::system(), metrics::executor());
        let work = Work::of(&executor.classes);
        let seconds = count(info.elapsed_ns) / 1e9;
        let observe = |pool, formula, ceiling| Observation {
            tick: info.tick,
            seconds,
            pool,
            formula,
            ceiling,
            own_cpu: None,
            others_cpu: None,
        };
        let cpu = observe(
            executor.cpu,
            work.cpu_pool_workers(&self.settings, system.cpu_cores),
            work.cpu_pool_ceiling(system.cpu_cores),
        );
        let io = observe(executor.io, work.io_pool_workers(&self.settings, system.cpu_cores), None);
        take(&mut self.cpu, &self.settings, &cpu, Control::CpuWorkers);
        take(&mut self.io, &self.settings, &io, Control::IoWorkers);
        Ok(())
    }
}

/// Asks a climber for its step and proposes it. A refusal is told to the climber, which looks again
/// from where the pool really is.
fn take(climb: &mut Climb, settings: &Settings, now: &Observation, control: Control) {
    match climb.step(settings, now) {
        Step::Stay => {}
        Step::Say(reason) => log::reason(control, reason),
        Step::To { workers, reason } => {
            let answer = match control {
                Control::CpuWorkers => executor::propose_cpu_workers(workers),
                _ => executor::propose_io_workers(workers),
            };
            match answer {
                Ok(_) => log::reason(control, reason),
                Err(ControlError::CoolingDown(until)) => climb.refused(until),
                Err(_) => climb.refused(now.tick + settings.hold_ticks),
            }
        }
    }
}

export_strategy!(WorkerSizing);
