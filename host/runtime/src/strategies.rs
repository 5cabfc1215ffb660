//! From a profile's list of strategies to registrations at the control loop.

use std::collections::BTreeSet;
use std::time::Duration;

use host_contract::Grant;
use host_control::ledger::Disabled;
use host_control::{Fault, Registration};
use host_plugin::{
    Catalogue, CompileLimits, Limits, LoadError, Loader, LoaderConfig, Place, Plugin, Time, WasmStrategy,
};
use host_profile::{LimitSettings, Settings, StrategySettings};

use crate::error::RunError;
use crate::progress::Progress;

/// Strategies that are ready, and those that could not be started.
#[derive(Debug, Default)]
pub struct Loaded {
    /// Ready to be consulted.
    pub registrations: Vec<Registration>,
    /// Could not be loaded. The run goes on without them, and says so.
    pub disabled: Vec<Disabled>,
    /// Components that no profile line names, and whatever else is worth knowing.
    pub notes: Vec<String>,
}

/// Opens a loader whose compiled components are kept in the user's cache directory.
///
/// # Errors
/// This machine cannot run compiled WebAssembly.
pub fn loader(settings: &Settings) -> Result<Loader, LoadError> {
    let plugins = &settings.plugins;
    Loader::new(&LoaderConfig {
        compile: CompileLimits { memory_bytes: plugins.compile_memory.get(), time: plugins.compile_time },
        cache_dir: host_plugin::default_cache_dir(),
        ..LoaderConfig::default()
    })
}

/// The limits of a strategy, or those of all.
#[must_use]
pub fn limits(limits: &LimitSettings, time: Time) -> Limits {
    Limits {
        fuel: limits.fuel,
        deadline: limits.deadline,
        memory_bytes: limits.memory.get(),
        start_deadline: limits.start_deadline,
        log_lines: limits.log_lines,
        log_bytes: limits.log_bytes.get(),
        time,
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

/// Loads every strategy that the settings switch on.
///
/// # Errors
/// The plugin directory cannot be listed or holds two components of one name, the sandbox cannot be set up, or the
/// settings name a strategy that does not exist. A strategy that cannot be loaded is no error: it is disabled.
pub fn load(settings: &Settings, time: Time, seed: u64, progress: &dyn Progress) -> Result<Loaded, RunError> {
    let dir = settings.plugins.dir.as_deref();
    let loader = loader(settings)?;
    progress.doing("opening the strategies");
    let catalogue = Catalogue::read(dir, &loader, &start_limits(settings, time))?;
    catalogue.check_names()?;
    settings.check_strategies(catalogue.components().iter().map(|listed| listed.name.as_str()))?;

    let mut loaded = Loaded::default();
    loaded.notes.extend(loader.note().map(str::to_owned));
    loaded.notes.extend(catalogue.notes());
    loaded.notes.extend(unnamed(settings, &catalogue));
    for listed in catalogue.components() {
        let took = listed.plugin.as_ref().ok().and_then(Plugin::compile_time);
        if let Some(took) = took.filter(|took| *took > Duration::from_millis(100)) {
            let took = took.as_secs_f64();
            progress.say(&format!("  {}: compiled in {took:.1} s, kept for next time", listed.name));
        }
    }
    for strategy in settings.strategies.iter().filter(|s| s.enabled) {
        let Some(listed) = catalogue.find(&strategy.name) else { continue };
        let started = listed.plugin.as_ref().map_err(ToString::to_string).and_then(|plugin| {
            let limits = limits(&strategy.limits, time);
            let started = plugin.start(&grants(strategy), &strategy.settings, &limits, seed);
            started.map_err(|error| error.to_string())
        });
        match started {
            Ok(ready) => loaded.registrations.push(registration(ready, strategy)),
            Err(text) => {
                let digest = listed.plugin.as_ref().map(|plugin| plugin.digest().to_string());
                loaded.disabled.push(disabled(&strategy.name, digest.unwrap_or_default(), text));
            }
        }
    }
    Ok(loaded)
}

fn registration(ready: WasmStrategy, strategy: &StrategySettings) -> Registration {
    Registration::new(Box::new(ready), i64::from(strategy.priority), grants(strategy))
}

fn disabled(name: &str, digest: String, text: String) -> Disabled {
    Disabled { tick: 0, strategy: name.to_owned(), digest, fault: Fault::NotLoaded(text.clone()), text }
}

/// A sentence for each component that no line of the settings names.
fn unnamed(settings: &Settings, catalogue: &Catalogue) -> Vec<String> {
    let named = |name: &str| settings.strategies.iter().any(|strategy| strategy.name == name);
    let mut notes = Vec::new();
    for listed in catalogue.components().iter().filter(|listed| !named(&listed.name)) {
        let Place::File(path) = &listed.place else { continue };
        let (path, name) = (path.display(), &listed.name);
        notes.push(match &listed.plugin {
            Ok(plugin) => {
                let grants = plugin.inspection().grants();
                let grants: Vec<String> = grants.iter().map(|grant| format!("\"{grant}\"")).collect();
                let grants = grants.join(", ");
                format!(
                    "{path}: `{name}` is there, but no profile names it; to run it, add \
                     `strategies.{name} = {{ grants = [{grants}] }}`"
                )
            }
            Err(error) => {
                format!("{path} is there, but no profile names it and it cannot be opened: {error}")
            }
        });
    }
    notes
}

#[cfg(test)]
mod tests {
    use std::path::Path;

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
