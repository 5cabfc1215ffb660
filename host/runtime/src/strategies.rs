//! From a profile's list of strategies to registrations at the control loop.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::OnceLock;
use std::time::Duration;

use host_contract::Grant;
use host_control::{Hearing, Registration, Status};
use host_plugin::{
    Catalogue, CompileLimits, Inspection, Known, Limits, Listed, LoadError, Loader, LoaderConfig, Pin, Place,
    Plugin, Sha256, StateStore, Time, Trust, WasmStrategy,
};
use host_profile::{LimitSettings, Settings, StrategyMode, StrategySettings};

use crate::error::RunError;
use crate::progress::Progress;

/// Strategies that are ready, and those that could not be started.
#[derive(Debug, Default)]
pub struct Loaded {
    /// Ready to be consulted.
    pub registrations: Vec<Registration>,
    /// Could not be loaded. The run goes on without them, and says so.
    pub not_started: Vec<Status>,
    /// Components that no profile line names, and whatever else is worth knowing.
    pub notes: Vec<String>,
}

/// After this long a component that is being compiled is worth a line.
const LONG_COMPILE: Duration = Duration::from_secs(1);

/// Who is told of such a component.
static TELL: OnceLock<fn(&str, usize)> = OnceLock::new();

/// From now on `tell` is called with the place and the size in bytes of each component that takes a [`loader`] of this process more than a second
/// to compile, while it goes on. The first call counts.
pub fn tell_of_long_compiles(tell: fn(&str, usize)) {
    // Who came first stays.
    let _ = TELL.set(tell);
}

/// Opens a loader whose compiled components are kept in the user's cache directory.
///
/// # Errors
/// This machine cannot run compiled WebAssembly.
pub fn loader(settings: &Settings) -> Result<Loader, LoadError> {
    let loader = Loader::new(&loader_config(settings))?;
    Ok(match TELL.get() {
        Some(tell) => loader.on_long_compile(LONG_COMPILE, tell),
        None => loader,
    })
}

/// How such a loader is set up.
#[must_use]
pub fn loader_config(settings: &Settings) -> LoaderConfig {
    let plugins = &settings.plugins;
    LoaderConfig {
        compile: CompileLimits { memory_bytes: plugins.compile_memory.get(), time: plugins.compile_time },
        cache_dir: host_plugin::default_cache_dir(),
        cache_bytes: plugins.cache_size.get(),
        trust: trust(settings),
        policy_limits: policy_limits(settings),
        ..LoaderConfig::default()
    }
}

/// What of components the settings accept.
fn trust(settings: &Settings) -> Trust {
    let plugins = &settings.plugins;
    let strategies = settings.strategies.iter().filter_map(|strategy| {
        let key = format!("strategies.{}.sha256", strategy.name);
        Some((strategy.name.clone(), key, strategy.sha256.as_deref()?))
    });
    let policies = plugins.pins.iter().map(|pin| (pin.policy.clone(), pin.key(), pin.sha256.as_str()));
    let trust = match (&plugins.dir, &plugins.lock) {
        (Some(dir), Some(file)) => Trust::default().lock(dir, file),
        _ => Trust::default(),
    };
    strategies.chain(policies).fold(trust, |trust, (name, key, digest)| match Sha256::parse(digest) {
        Some(sha256) => {
            let place = settings.source(&key).unwrap_or("settings");
            trust.pin(name, Pin { sha256, key: format!("{place}: {key}") })
        }
        // Settings have checked digests.
        None => trust,
    })
}

/// What strategies have learnt: kept in a folder, or for this run where none is given.
///
/// # Errors
/// The folder cannot be made, locked or written to.
pub fn states(folder: Option<&Path>) -> Result<StateStore, RunError> {
    let Some(path) = folder else { return Ok(StateStore::in_memory()) };
    StateStore::in_folder(path).map_err(|source| RunError::StateFolder { path: path.to_owned(), source })
}

/// The limits of a strategy, or those of all.
#[must_use]
pub fn limits(limits: &LimitSettings, time: Time) -> Limits {
    Limits {
        fuel: limits.fuel,
        deadline: limits.deadline,
        memory_bytes: limits.memory.get(),
        table_elements: limits.table_elements,
        instances: limits.instances,
        start_deadline: limits.start_deadline,
        log_lines: limits.log_lines,
        log_bytes: limits.log_bytes.get(),
        state_keys: limits.state_keys,
        state_bytes: limits.state_bytes.get(),
        time,
    }
}

/// The limits of an eviction policy.
#[must_use]
pub fn policy_limits(settings: &Settings) -> Limits {
    let limits = &settings.policy_limits;
    Limits {
        fuel: limits.fuel,
        deadline: limits.deadline,
        memory_bytes: limits.memory.get(),
        table_elements: limits.table_elements,
        instances: limits.instances,
        start_deadline: limits.start_deadline,
        log_lines: limits.log_lines,
        log_bytes: limits.log_bytes.get(),
        ..Limits::of_policies()
    }
}

/// What a component may use while it is asked for its name, and whose limits it has is not known yet: of each limit the
/// largest that the settings give to anybody.
#[must_use]
pub fn start_limits(settings: &Settings, time: Time) -> Limits {
    let own = settings.strategies.iter().map(|strategy| limits(&strategy.limits, time));
    own.fold(limits(&settings.limits, time), Limits::max)
}

/// The grants of a strategy.
#[must_use]
pub fn grants(strategy: &StrategySettings) -> BTreeSet<Grant> {
    strategy.grants.iter().copied().collect()
}

/// What a run under some settings makes of every component there is. A run loads from it, and `host plugin list` prints
/// it, so that the list says what a run does.
#[derive(Debug)]
pub struct Plan {
    /// Every component, by name.
    pub components: Vec<Planned>,
    /// Why a run would end before it begins, the first reason first.
    pub refused: Vec<RunError>,
    /// What else is worth knowing.
    pub notes: Vec<String>,
}

/// A component, and what a run makes of it.
#[derive(Debug)]
pub struct Planned {
    /// The name that it gives itself; where it cannot be asked, that of its file.
    pub name: String,
    /// Where it is.
    pub place: Place,
    /// What there is to know of it; none where it cannot be opened.
    pub inspection: Option<Inspection>,
    /// Whether the settings name it and switch it on. A file that cannot be opened is not what they mean where another
    /// component has its name.
    pub wanted: bool,
    /// What a run makes of it.
    pub outcome: Outcome,
}

/// What a run makes of a component.
#[derive(Debug)]
pub enum Outcome {
    /// It takes part.
    Runs(Box<Registration>),
    /// The settings switch it off, or all strategies.
    SwitchedOff,
    /// No line of the settings names it.
    NotNamed,
    /// It cannot be started. A run goes on without it, and says so.
    CannotStart(LoadError),
    /// A run ends before it begins: see [`Plan::refused`].
    Refused,
}

impl Plan {
    /// Opens every component and starts those that the settings switch on, over what `states` says that they have learnt.
    ///
    /// # Errors
    /// The plugin directory cannot be listed, its lock file cannot be used, or the sandbox cannot be set up.
    pub fn new(
        settings: &Settings,
        time: Time,
        seed: u64,
        states: &StateStore,
        progress: &dyn Progress,
    ) -> Result<Self, LoadError> {
        progress.doing("loading the strategies");
        let loader = loader(settings)?;
        let switched_on = |strategy: &StrategySettings| strategy.enabled && settings.control.enabled;
        let needed = |name: &str| settings.strategy(name).is_some_and(switched_on);
        let limits = start_limits(settings, time);
        // One that is broken ends it here, rather than at each component.
        let lock = settings.plugins.dir.as_deref().map(|dir| (dir, loader.trust().lock_of(dir)));
        let missing = match lock {
            Some((dir, lock)) => lock?.map(|lock| lock.missing(dir)),
            None => None,
        };
        let catalogue = Catalogue::read(settings.plugins.dir.as_deref(), &loader, &limits, &needed)?;
        let mut refused: Vec<RunError> =
            catalogue.check_names().err().into_iter().map(RunError::from).collect();
        let twice: BTreeSet<String> = catalogue.twice().map(str::to_owned).collect();
        let opened = catalogue.components().iter().filter(|listed| listed.plugin.is_ok());
        let opened: BTreeSet<String> = opened.map(|listed| listed.name.clone()).collect();
        let known = catalogue.components().iter().map(|listed| listed.name.as_str());
        refused.extend(settings.check_strategies(known).err().map(RunError::from));
        let there = |name: &str| catalogue.components().iter().any(|listed| listed.name == name);
        let awaited =
            settings.strategies.iter().filter(|strategy| switched_on(strategy) && strategy.optional);
        let awaited: Vec<String> = awaited.filter(|of| !there(&of.name)).map(|of| of.name.clone()).collect();
        let mut notes: Vec<String> = loader.note().map(str::to_owned).into_iter().collect();
        notes.extend(missing.into_iter().flatten());
        notes.extend(catalogue.notes());
        if let Some(dir) = &settings.plugins.dir {
            let dir = dir.display();
            let later = match time {
                Time::Machine => "it starts when its file is put there",
                Time::Virtual => "the run goes on without it",
            };
            notes.extend(awaited.iter().map(|name| format!("{name} is not in {dir}: {later}")));
        }
        for listed in catalogue.components() {
            let opened = listed.plugin.as_ref().ok().and_then(Known::plugin);
            let took = opened.and_then(Plugin::compile_time);
            if let Some(took) = took.filter(|took| *took > Duration::from_millis(100)) {
                let took = took.as_secs_f64();
                progress.say(&format!("  {}: compiled in {took:.1} s, kept for next time", listed.name));
            }
        }
        let mut components = Vec::new();
        for Listed { name, place, plugin, .. } in catalogue.into_components() {
            let inspection = plugin.as_ref().ok().map(Known::inspection);
            let meant = plugin.is_ok() || !opened.contains(&name);
            let strategy = settings.strategy(&name).filter(|_| meant);
            let wanted = strategy.is_some_and(switched_on);
            let outcome = match (strategy, plugin) {
                _ if twice.contains(&name) => Outcome::Refused,
                (None, Ok(_)) => Outcome::NotNamed,
                (Some(_), _) if !wanted => Outcome::SwitchedOff,
                // What is wanted was opened.
                (Some(_), Ok(Known::Described(_))) => Outcome::SwitchedOff,
                (_, Err(error)) => Outcome::CannotStart(error),
                (Some(strategy), Ok(Known::Opened(plugin))) => {
                    match start(&plugin, strategy, time, seed, states) {
                        Ok(registration) => Outcome::Runs(Box::new(registration)),
                        Err(error) => match wrong_setting(settings, strategy, error) {
                            Ok(wrong) => {
                                refused.push(wrong);
                                Outcome::Refused
                            }
                            Err(error) => Outcome::CannotStart(error),
                        },
                    }
                }
            };
            components.push(Planned { name, place, inspection, wanted, outcome });
        }
        Ok(Self { components, refused, notes })
    }

    /// What a run takes from it.
    ///
    /// # Errors
    /// The first of [`Plan::refused`]; with `plugins.strict`, [`RunError::Strict`] for the first strategy that cannot
    /// be started.
    fn load(self, settings: &Settings, progress: &dyn Progress) -> Result<Loaded, RunError> {
        if let Some(error) = self.refused.into_iter().next() {
            // What a table names may be in a file that cannot be asked for its name.
            for Planned { wanted, outcome, .. } in &self.components {
                if let Outcome::CannotStart(error) = outcome
                    && !wanted
                {
                    progress.warn(&error.to_string());
                }
            }
            return Err(error);
        }
        let mut loaded = Loaded { notes: self.notes, ..Loaded::default() };
        loaded.notes.extend(unnamed(settings, &self.components));
        for Planned { name, inspection, wanted, outcome, .. } in self.components {
            match outcome {
                Outcome::Runs(registration) => loaded.registrations.push(*registration),
                Outcome::CannotStart(error) if wanted => {
                    if settings.plugins.strict {
                        return Err(RunError::Strict { strategy: name, source: Box::new(error) });
                    }
                    let text = error.to_string();
                    progress.warn(&format!("strategy {name} cannot start and takes no part: {text}"));
                    let digest = inspection.map(|known| known.digest).unwrap_or_default();
                    loaded.not_started.push(Status::not_started(&name, &digest, &text));
                }
                Outcome::CannotStart(_) | Outcome::SwitchedOff | Outcome::NotNamed | Outcome::Refused => {}
            }
        }
        Ok(loaded)
    }
}

/// Loads every strategy that the settings switch on. Each goes on from what `states` says that it has learnt, and adds to it.
///
/// # Errors
/// The plugin directory cannot be listed or holds two components of one name, the sandbox cannot be set up, the settings
/// name a strategy that does not exist, or give one a setting that it does not have or a value that it does not take. A
/// strategy that cannot be started is no error, unless `plugins.strict` makes it one: it is quarantined.
pub fn load(
    settings: &Settings,
    time: Time,
    seed: u64,
    states: &StateStore,
    progress: &dyn Progress,
) -> Result<Loaded, RunError> {
    if !settings.control.enabled {
        return Ok(Loaded::default());
    }
    let mut loaded = Plan::new(settings, time, seed, states, progress)?.load(settings, progress)?;
    loaded.notes.extend(states.take_notes());
    Ok(loaded)
}

pub(crate) fn start(
    plugin: &Plugin,
    strategy: &StrategySettings,
    time: Time,
    seed: u64,
    states: &StateStore,
) -> Result<Registration, LoadError> {
    let limits = limits(&strategy.limits, time);
    let ready = plugin.start(&grants(strategy), &strategy.settings, &limits, seed)?;
    let ready = match strategy.grants(Grant::State) {
        true => ready.keeping(states.of(plugin.name())),
        false => ready,
    };
    Ok(registration(ready, grants(strategy), strategy))
}

/// The error of a setting that the strategy does not have, or of a value that it does not take, with the place where
/// the setting was written. Any other error comes back as it is.
pub(crate) fn wrong_setting(
    settings: &Settings,
    strategy: &StrategySettings,
    error: LoadError,
) -> Result<RunError, LoadError> {
    let setting = match &error {
        LoadError::UnknownSetting { setting, .. } | LoadError::BadSetting { setting, .. } => setting,
        _ => return Err(error),
    };
    let key = format!("strategies.{}.settings.{setting}", strategy.name);
    let place = settings.source(&key).unwrap_or("settings").to_owned();
    Ok(RunError::Setting { place, source: Box::new(error) })
}

/// A strategy that is ready, with what its table says of it.
pub(crate) fn registration(
    ready: WasmStrategy,
    grants: BTreeSet<Grant>,
    strategy: &StrategySettings,
) -> Registration {
    let hearing = Hearing {
        most: strategy.limits.proposals,
        key: format!("strategies.{}.limits.proposals", strategy.name),
    };
    let registration =
        Registration::new(Box::new(ready), i64::from(strategy.priority), grants).hearing(hearing);
    match strategy.mode {
        StrategyMode::Active => registration,
        StrategyMode::Shadow => registration.in_shadow_mode(),
    }
}

/// A sentence for each file that no line of the settings names.
fn unnamed(settings: &Settings, components: &[Planned]) -> Vec<String> {
    let mut notes = Vec::new();
    for Planned { name, place, inspection, outcome, .. } in components {
        let Place::File(path) = place else { continue };
        if settings.strategy(name).is_some() {
            continue;
        }
        let path = path.display();
        match (outcome, inspection) {
            (Outcome::CannotStart(error), _) => {
                notes.push(format!(
                    "{path} is there, but no profile names it and it cannot be opened: {error}"
                ));
            }
            (_, Some(inspection)) => {
                let grants = inspection.grants();
                let grants: Vec<String> = grants.iter().map(|grant| format!("\"{grant}\"")).collect();
                let grants = grants.join(", ");
                notes.push(format!(
                    "{path}: `{name}` is there, but no profile names it; to run it, add \
                     `strategies.{name} = {{ grants = [{grants}] }}`"
                ));
            }
            (_, None) => {}
        }
    }
    notes
}

#[cfg(test)]
mod tests {
    use host_profile::Loader;
    use host_telemetry::Machine;

    use super::*;

    fn settings(sets: &[&str]) -> Settings {
        Loader::new().user_file(None).set(sets.iter().copied()).load(&Machine::read(Path::new("."))).unwrap()
    }

    #[test]
    fn the_limits_of_a_profile_that_says_nothing_are_the_sandbox_s_own() {
        let settings = settings(&[]);
        assert_eq!(limits(&settings.limits, Time::Machine), Limits::default());
        assert_eq!(policy_limits(&settings), Limits::of_policies());
        assert_eq!(settings.limits.proposals, Hearing::default().most);
        let compile = CompileLimits {
            memory_bytes: settings.plugins.compile_memory.get(),
            time: settings.plugins.compile_time,
        };
        assert_eq!(compile, CompileLimits::default());
    }

    #[test]
    fn a_component_is_asked_for_its_name_under_the_largest_limits() {
        let settings = settings(&[
            "strategies.cache-policy.limits.fuel=100000",
            "strategies.worker-sizing.limits.memory=200MB",
        ]);
        let asked = start_limits(&settings, Time::Virtual);
        assert_eq!(asked, Limits { memory_bytes: 200_000_000, time: Time::Virtual, ..Limits::default() });
    }
}
