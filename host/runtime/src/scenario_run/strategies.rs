//! Who sizes the pool of a scenario: the bundled strategy, or the components of some files and no other.
//!
//! What is named on the command line is meant: a component that cannot be opened or started ends the command, where a
//! profile's would be left out. It may import whatever it asks for. Priority, limits and settings are those of its
//! table, where the settings have one.

use std::collections::{BTreeMap, BTreeSet};

use host_contract::Grant;
use host_control::{Hearing, Registration};
use host_plugin::{LoadError, Place, Plugin, Time};
use host_profile::Settings;

use super::Sizing;
use crate::error::RunError;
use crate::progress::Progress;
use crate::strategies::{Loaded, limits, loader, registration, start_limits, wrong_setting};

/// The bundled strategy that sizes pools.
const BUNDLED: &str = "worker-sizing";
/// The priority of a strategy whose table gives none, or that has no table.
const PRIORITY: i64 = 50;

pub(crate) fn load(
    settings: &Settings,
    sizing: &Sizing,
    seed: u64,
    progress: &dyn Progress,
) -> Result<Loaded, RunError> {
    let places: Vec<Place> = match sizing {
        Sizing::Fixed => return Ok(Loaded::default()),
        Sizing::Bundled => {
            let bundled = host_plugin::bundled().into_iter();
            bundled.filter(|place| matches!(place, Place::Bundled(BUNDLED, _))).collect()
        }
        Sizing::Files(files) => files.iter().cloned().map(Place::File).collect(),
    };
    progress.doing("loading the strategies");
    let loader = loader(settings)?;
    let mut loaded =
        Loaded { notes: loader.note().map(str::to_owned).into_iter().collect(), ..Loaded::default() };
    for place in places {
        let plugin = loader.open(place.source(), &start_limits(settings, Time::Virtual))?;
        loaded.registrations.push(start(&plugin, settings, seed)?);
    }
    Ok(loaded)
}

fn start(plugin: &Plugin, settings: &Settings, seed: u64) -> Result<Registration, RunError> {
    let grants: BTreeSet<Grant> = plugin.inspection().grants().into_iter().collect();
    let Some(table) = settings.strategy(plugin.name()) else {
        let limits = limits(&settings.limits, Time::Virtual);
        let ready = plugin.start(&grants, &BTreeMap::new(), &limits, seed)?;
        let hearing = Hearing { most: settings.limits.proposals, ..Hearing::default() };
        return Ok(Registration::new(Box::new(ready), PRIORITY, grants).hearing(hearing));
    };
    let limits = limits(&table.limits, Time::Virtual);
    let started = plugin.start(&grants, &table.settings, &limits, seed);
    let ready = started
        .map_err(|error: LoadError| wrong_setting(settings, table, error).unwrap_or_else(RunError::Plugin))?;
    Ok(registration(ready, grants, table))
}
