//! What came of a scenario, by phase and by tick.

use host_contract::Latency;
use host_contract::number::to_f64;
use host_control::Status;
use host_control::ledger::Decision;
use host_scenario::scenario::Workers;
use host_scenario::{PoolKind, Scenario, Window};
use serde::Serialize;

use super::ScenarioOptions;
use super::sweep::Tried;
use crate::report;

/// A scenario that was played. `host sim --executor SCENARIO --json` prints this object.
#[derive(Debug, Clone, Serialize)]
pub struct ScenarioReport {
    /// Name of the scenario.
    pub scenario: String,
    /// What it is about.
    pub summary: String,
    /// Name of the profile.
    pub profile: String,
    /// Where chance comes from.
    pub seed: u64,
    /// Virtual time of a tick, ms.
    pub tick_ms: f64,
    /// The pool that was sized.
    pub pool: PoolKind,
    /// The workers that there can be.
    pub workers: Workers,
    /// Workers at the start.
    pub started: u32,
    /// The whole of it.
    pub whole: Figures,
    /// Its ticks from the twentieth of each phase on ([`SETTLE_TICKS`]).
    pub settled: Figures,
    /// Its phases.
    pub phases: Vec<PhaseFigures>,
    /// Its ticks.
    pub ticks: Vec<TickFigures>,
    /// The fixed number of workers that it is held against.
    pub best: Option<BestFixed>,
    /// Every change of the workers.
    pub decisions: Vec<Decision>,
    /// Where each strategy stands at the end, and what happened to it.
    pub strategies: Vec<Status>,
    /// What tuning cost: fuel, and what each strategy asked for.
    pub cost: report::Cost,
    /// What else is worth knowing.
    pub notes: Vec<String>,
    /// Whether it was ended early.
    pub interrupted: bool,
}

/// What was measured in a part of a scenario.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Figures {
    /// Ticks.
    pub ticks: u64,
    /// Requests that succeeded.
    pub succeeded: u64,
    /// The same a second.
    pub goodput: f64,
    /// Median time from a request's first submission to its success, microseconds.
    pub p50_us: f64,
    /// 99th percentile of the same.
    pub p99_us: f64,
    /// Workers, mean of the ticks.
    pub workers_mean: f64,
    /// Workers in the last tick.
    pub workers_last: u32,
    /// Tasks that failed.
    pub failed: u64,
    /// Arrivals that found the queue full.
    pub lost: u64,
}

/// A phase.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PhaseFigures {
    /// Its name.
    pub name: String,
    /// All of it.
    #[serde(flatten)]
    pub whole: Figures,
    /// Without its first ticks ([`SETTLE_TICKS`]).
    pub settled: Figures,
}

/// A tick.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct TickFigures {
    /// Its number, from 1.
    pub tick: u64,
    /// Position of its phase.
    pub phase: usize,
    /// Workers in it.
    pub workers: u32,
    /// Requests that succeeded.
    pub succeeded: u64,
    /// Tasks that failed.
    pub failed: u64,
    /// Arrivals that found the queue full.
    pub lost: u64,
}

/// A fixed number of workers, over the same scenario.
#[derive(Debug, Clone, Serialize)]
pub struct BestFixed {
    /// The workers.
    pub workers: u32,
    /// Every number that was tried, from the fewest; none where it was not searched for.
    pub tried: Vec<Tried>,
    /// The whole of the scenario.
    pub whole: Figures,
    /// Its ticks from the twentieth of each phase on ([`SETTLE_TICKS`]).
    pub settled: Figures,
    /// Its phases.
    pub phases: Vec<PhaseFigures>,
    /// Its ticks.
    pub ticks: Vec<TickFigures>,
}

/// Ticks that a strategy has to find its way after a change of the scenario.
pub const SETTLE_TICKS: u64 = 20;

/// What is kept of the windows.
#[derive(Debug, Default)]
pub(crate) struct Played {
    ticks: Vec<TickFigures>,
    whole: Sum,
    settled: Sum,
    phases: Vec<(Sum, Sum)>,
}

#[derive(Debug, Default)]
struct Sum {
    ticks: u64,
    succeeded: u64,
    /// Of the ticks.
    goodput: f64,
    workers: f64,
    workers_last: u32,
    failed: u64,
    lost: u64,
    latency: Latency,
}

impl Sum {
    fn add(&mut self, window: &Window, workers: u32) {
        self.ticks += 1;
        self.succeeded += window.succeeded;
        self.goodput += window.goodput;
        self.workers += f64::from(workers);
        self.workers_last = workers;
        self.failed += window.failed;
        self.lost += window.lost;
        self.latency.merge(&window.latency);
    }

    fn figures(&self) -> Figures {
        let latency = self.latency.percentiles();
        let ticks = to_f64(self.ticks.max(1));
        Figures {
            ticks: self.ticks,
            succeeded: self.succeeded,
            goodput: self.goodput / ticks,
            p50_us: latency.p50_us,
            p99_us: latency.p99_us,
            workers_mean: self.workers / ticks,
            workers_last: self.workers_last,
            failed: self.failed,
            lost: self.lost,
        }
    }
}

impl Played {
    pub(crate) fn add(&mut self, window: &Window) {
        let workers = window.pool.workers;
        let Window { tick, phase, succeeded, failed, lost, .. } = *window;
        self.ticks.push(TickFigures { tick, phase, workers, succeeded, failed, lost });
        self.whole.add(window, workers);
        if self.phases.len() <= phase {
            self.phases.resize_with(phase + 1, Default::default);
        }
        if let Some((whole, settled)) = self.phases.get_mut(phase) {
            if whole.ticks >= SETTLE_TICKS {
                settled.add(window, workers);
                self.settled.add(window, workers);
            }
            whole.add(window, workers);
        }
    }

    /// Ticks played.
    pub(crate) fn ticks(&self) -> usize {
        self.ticks.len()
    }

    pub(crate) fn whole(&self) -> Figures {
        self.whole.figures()
    }

    fn phases(&self, scenario: &Scenario) -> Vec<PhaseFigures> {
        let figures = self.phases.iter().zip(&scenario.phases);
        figures
            .map(|((whole, settled), phase)| PhaseFigures {
                name: phase.name.clone(),
                whole: whole.figures(),
                settled: settled.figures(),
            })
            .collect()
    }
}

impl BestFixed {
    pub(crate) fn new(scenario: &Scenario, workers: u32, played: Played, tried: Vec<Tried>) -> Self {
        let (whole, settled) = (played.whole(), played.settled.figures());
        Self { workers, tried, whole, settled, phases: played.phases(scenario), ticks: played.ticks }
    }
}

impl ScenarioReport {
    /// The report of what was played; what the control loop leaves behind is added by the caller.
    pub(crate) fn new(
        options: &ScenarioOptions,
        started: u32,
        played: Played,
        best: Option<BestFixed>,
    ) -> Self {
        let scenario = &options.scenario;
        Self {
            scenario: scenario.name.clone(),
            summary: scenario.summary.clone(),
            profile: options.settings.profile.clone(),
            seed: scenario.seed,
            tick_ms: scenario.tick_ms,
            pool: scenario.pool,
            workers: scenario.workers,
            started,
            whole: played.whole(),
            settled: played.settled.figures(),
            phases: played.phases(scenario),
            ticks: played.ticks,
            best,
            decisions: Vec::new(),
            strategies: Vec::new(),
            cost: report::Cost::default(),
            notes: Vec::new(),
            interrupted: false,
        }
    }
}
