//! A scenario under strategies: the control loop around a model of a server.
//!
//! The tick is that of every other run ([`crate::control_plane`]): snapshot, consult, arbitrate, apply, judge, ledger. What
//! differs is what is measured and turned: a [`host_scenario::Model`] stands in for the pools and the machine, and its
//! workers are the one dial. There is no cache and no prefetching. Time is the scenario's, and fuel alone bounds the
//! strategies, so that the same command gives the same bytes twice.
//!
//! Beside it stands the best fixed number of workers, where that is asked for ([`sweep`]): one number for the whole
//! scenario, as an operator would have to set it.

pub(crate) mod report;
pub(crate) mod strategies;
pub(crate) mod sweep;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use host_contract::{Clock, RunInfo, Unit, Value};
use host_profile::{PrefetchMode, Settings};
use host_scenario::{Model, Scenario};

use crate::control_plane::Finished;
use crate::error::RunError;
use crate::ledger::Ledger;
use crate::ledger_file::LedgerFile;
use crate::modelled::{self, Modelled};
use crate::options::Scope;
use crate::progress::{Progress, Stop};
use crate::virtual_clock::VirtualClock;
use crate::wiring::Parts;
use report::{BestFixed, Played, ScenarioReport};

/// What to play, and how.
#[derive(Debug, Clone)]
pub struct ScenarioOptions {
    /// The effective configuration: ticks of cool-down, limits, settings of the strategies. The range of the workers is the
    /// scenario's.
    pub settings: Settings,
    /// The scenario. Its seed is that of the strategies, too.
    pub scenario: Scenario,
    /// Who sizes the pool.
    pub sizing: Sizing,
    /// Workers at the start, moved into the scenario's range; none: as the settings say.
    pub workers: Option<u32>,
    /// What the run is held against.
    pub against: Reference,
    /// Where the ledger is written.
    pub ledger: Option<PathBuf>,
}

/// Who sizes the pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sizing {
    /// Nobody: the workers stay as they are.
    Fixed,
    /// The bundled strategy.
    Bundled,
    /// The components of these files, and no other.
    Files(Vec<PathBuf>),
}

/// What a run is held against.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reference {
    /// Nothing.
    Nothing,
    /// So many workers all the time.
    Workers(u32),
    /// The best fixed number of workers.
    BestFixed,
}

/// Plays a scenario.
///
/// # Errors
/// [`RunError`]: something handed in is wrong.
pub fn run_scenario(
    options: &ScenarioOptions,
    progress: &dyn Progress,
    stop: &Stop,
) -> Result<ScenarioReport, RunError> {
    let ScenarioOptions { scenario, .. } = options;
    let ledger = LedgerFile::open(options.ledger.as_deref(), None, progress)?;
    let mut settings = options.settings.clone();
    // There is neither.
    (settings.cache.shadows, settings.prefetch.mode) = (false, PrefetchMode::OnDemand);
    let loaded = strategies::load(&settings, &options.sizing, scenario.seed, progress)?;
    let ledger = ledger.map(LedgerFile::begin).transpose()?;

    let workers = options.workers.unwrap_or_else(|| start(&settings, scenario));
    let mut model = Model::new(scenario);
    let workers = model.set_workers(workers);
    let target = settings.executor.latency_target;
    let model = Modelled::new(model, settings.memory.cap.get(), target);
    let scope = Scope {
        capacity: 1,
        mean_weight: 1,
        entry_bytes: 0,
        run: RunInfo {
            clock: Clock::Virtual,
            objective: settings.optimise,
            unit: Unit::Objects,
            seed: scenario.seed,
            keys_ordered: false,
            batch: false,
        },
        policies: Arc::default(),
        workload: format!("scenario {} in virtual time", scenario.name),
        settings,
    };
    let clock = Arc::new(VirtualClock::default());
    let parts = Parts::around_model(&scope, &clock, &model, loaded.registrations, Ledger::new(ledger))?;
    progress.begin("scenario", Some(scenario.ticks()));
    let (played, finished) = play(&model, parts, progress, stop);
    progress.end(&format!("{} ticks played", played.ticks()));

    let best = match options.against {
        Reference::Nothing => None,
        _ if stop.asked() => None,
        Reference::Workers(workers) => {
            Some(BestFixed::new(scenario, workers, sweep::fixed(scenario, workers), Vec::new()))
        }
        Reference::BestFixed => sweep::best(scenario, progress, stop),
    };
    let mut report = ScenarioReport::new(options, workers, played, best);
    report.decisions = finished.decisions;
    report.strategies = finished.strategies;
    report.cost = finished.cost;
    report.notes = loaded.notes.into_iter().chain(finished.notes).collect();
    report.interrupted = stop.asked();
    Ok(report)
}

/// The workers that the settings start with.
fn start(settings: &Settings, scenario: &Scenario) -> u32 {
    let start = settings.dials.get(&modelled::dial(scenario.pool)).map(|dial| &dial.start);
    let Some(Value::Count(workers)) = start else { return scenario.workers.min };
    u32::try_from(*workers).unwrap_or(u32::MAX)
}

/// Plays every tick, with a tick of the control loop after each. What the last one measured is looked at as the loop ends.
fn play(model: &Arc<Modelled>, parts: Parts, progress: &dyn Progress, stop: &Stop) -> (Played, Finished) {
    let Parts { plane, mut control } = parts;
    let mut played = Played::default();
    let mut last = Duration::ZERO;
    while !stop.asked()
        && let Some((window, now)) = model.play()
    {
        plane.metrics.finished_as(&window.latency);
        progress.at(window.tick);
        let goes_on = window.tick < model.ticks();
        played.add(&window);
        if goes_on {
            control.tick(now, &plane);
        }
        last = now;
    }
    (played, control.finish(last, &plane))
}
