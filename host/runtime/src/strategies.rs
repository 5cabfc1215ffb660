//! From a profile's list of strategies to seats at the control loop.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use host_control::ledger::SetAside;
use host_control::{Control, Fault, Grant, Seat, Strategy};
use host_plugin::{Found, Limits, LoadError, Loader, LoaderConfig, WasmStrategy};
use host_profile::{Settings, StrategySettings};

use crate::error::RunError;
use crate::progress::Progress;

/// Strategies that are ready, and those that could not be started.
#[derive(Debug, Default)]
pub struct Loaded {
    /// Ready to be consulted.
    pub seats: Vec<Seat>,
    /// Could not be loaded. The run goes on without them, and says so.
    pub set_aside: Vec<SetAside>,
    /// Components that no profile line names, and whatever else is worth knowing.
    pub notes: Vec<String>,
}

/// Opens a loader whose compiled components are kept in the user's cache directory.
///
/// # Errors
/// This machine cannot run compiled WebAssembly.
pub fn loader() -> Result<Loader, LoadError> {
    Loader::new(&LoaderConfig { cache_dir: host_plugin::default_cache_dir() })
}

/// The limits that the settings give.
#[must_use]
pub fn limits(settings: &Settings) -> Limits {
    Limits {
        fuel: settings.limits.fuel,
        deadline: settings.limits.deadline,
        memory_bytes: settings.limits.memory.get(),
        start_deadline: settings.limits.start_deadline,
    }
}

/// The grants of a strategy.
#[must_use]
pub fn grants(strategy: &StrategySettings) -> BTreeSet<Grant> {
    strategy.grants.iter().copied().collect()
}

/// In virtual time only fuel may decide: a slow machine must not change the outcome.
pub(crate) const NO_DEADLINE: Duration = Duration::from_secs(600);

/// Loads every strategy that the settings switch on.
///
/// # Errors
/// The plugin directory cannot be listed, the sandbox cannot be set up, or the settings name a strategy
/// that does not exist. A strategy that cannot be loaded is no error: it is set aside.
pub fn load(
    settings: &Settings,
    limits: Limits,
    seed: u64,
    progress: &dyn Progress,
) -> Result<Loaded, RunError> {
    let dir = settings.plugins.dir.as_deref();
    let found = host_plugin::available(dir)?;
    let loader = loader()?;
    let known = names(settings, &found, &loader);
    settings.check_strategies(known.keys().map(String::as_str))?;

    let mut loaded = Loaded::default();
    loaded.notes.extend(loader.note().map(str::to_owned));
    loaded.notes.extend(unnamed(settings, &found, &known, dir));
    for strategy in settings.strategies.iter().filter(|s| s.enabled) {
        let Some(component) = known.get(&strategy.name).and_then(|at| found.get(*at)) else { continue };
        progress.doing(&format!("loading strategy {}", strategy.name));
        let began = std::time::Instant::now();
        match loader.load(component.source(), &grants(strategy), &strategy.settings, &limits, seed) {
            Ok(ready) => {
                if began.elapsed() > Duration::from_millis(100) {
                    let took = began.elapsed().as_secs_f64();
                    progress
                        .say(&format!("  {}: compiled in {took:.1} s, kept for next time", strategy.name));
                }
                loaded.seats.push(seat(ready, strategy));
            }
            Err(error) => loaded.set_aside.push(set_aside(&strategy.name, &error)),
        }
    }
    Ok(loaded)
}

fn seat(ready: WasmStrategy, strategy: &StrategySettings) -> Seat {
    let granted: BTreeSet<Control> =
        grants(strategy).iter().flat_map(|grant| grant.controls().iter().copied()).collect();
    // What it did not announce it does not get either: `plugin inspect` shows the whole truth.
    let announced: BTreeSet<Control> = ready.identity().controls.iter().copied().collect();
    let both = granted.intersection(&announced).copied().collect();
    Seat::new(Box::new(ready), i64::from(strategy.priority), both)
}

fn set_aside(name: &str, error: &LoadError) -> SetAside {
    let text = error.to_string();
    SetAside {
        tick: 0,
        strategy: name.to_owned(),
        digest: String::new(),
        fault: Fault::NotLoaded(text.clone()),
        text,
    }
}

/// Every name that a profile may use for a component, with its place in `found`: the name of its file,
/// and, where the settings ask for a name that no file has, the name that it gives itself.
fn names(settings: &Settings, found: &[Found], loader: &Loader) -> BTreeMap<String, usize> {
    let mut names: BTreeMap<String, usize> =
        found.iter().enumerate().map(|(at, component)| (component.name.clone(), at)).collect();
    let asked_for = |name: &str| settings.strategies.iter().any(|s| s.name == name);
    if settings.strategies.iter().all(|s| names.contains_key(&s.name)) {
        return names;
    }
    for (at, component) in found.iter().enumerate().filter(|(_, c)| !asked_for(&c.name)) {
        // One that cannot be inspected has no name of its own, and is reported where it is listed.
        if let Ok(inspection) = loader.inspect(component.source()) {
            names.entry(inspection.description.name).or_insert(at);
        }
    }
    names
}

fn unnamed(
    settings: &Settings,
    found: &[Found],
    known: &BTreeMap<String, usize>,
    dir: Option<&Path>,
) -> Vec<String> {
    let named: BTreeSet<usize> =
        settings.strategies.iter().filter_map(|s| known.get(&s.name).copied()).collect();
    let dir = dir.map(|dir| dir.display().to_string()).unwrap_or_default();
    found
        .iter()
        .enumerate()
        .filter(|(at, _)| !named.contains(at))
        .map(|(_, component)| {
            format!(
                "{dir}: {name}.wasm is there, but no profile names it; to run it, add \
                 `strategies.{name} = {{ grants = [\"metrics\"] }}` with the grants it needs",
                name = component.name
            )
        })
        .collect()
}
