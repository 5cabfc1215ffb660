//! The eviction policies in the list of components.

use host_plugin::{Place, PolicyFile, bundled_policies, full_name, open_policies, policy_paths};
use host_profile::Settings;
use host_runtime::strategies;

use super::Listed;
use crate::exit::Failure;
use crate::policies::LeftOut;

/// Every eviction policy that is bundled or in the plugin directory.
pub(super) fn list(settings: &Settings) -> Result<Vec<Listed>, Failure> {
    let loader = strategies::loader(settings)?;
    let limits = strategies::policy_limits(settings);
    let dir = settings.plugins.dir.as_deref();
    let paths = dir.map_or_else(|| Ok(Vec::new()), policy_paths)?;
    let files = open_policies(paths, &loader, &limits)?;
    let mut listed: Vec<Listed> = files.into_iter().map(|file| of_file(file, settings)).collect();
    for (name, bytes) in bundled_policies() {
        let place = Place::Bundled(name, bytes);
        if listed.iter().any(|row| row.error.is_none() && row.name == full_name(name)) {
            continue;
        }
        let inspection = loader.inspect(place.source(), &limits)?;
        let name = full_name(name);
        let state = state(&name, settings);
        listed.push(Listed::policy(name, state, &place, Some(&inspection), None));
    }
    listed.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(listed)
}

fn state(name: &str, settings: &Settings) -> &'static str {
    if settings.cache.policy == name { "starts in force" } else { "can be chosen" }
}

fn of_file(file: PolicyFile, settings: &Settings) -> Listed {
    let PolicyFile { path, plugin } = file;
    match plugin {
        Ok(plugin) => {
            let place = Place::File(path);
            let name = full_name(plugin.name());
            let state = state(&name, settings);
            Listed::policy(name, state, &place, Some(&plugin.inspection()), None)
        }
        Err(error) => {
            let left = LeftOut::new(&path, error);
            let text = left.to_string();
            Listed::policy(left.name, "cannot be loaded", &Place::File(path), None, Some(text))
        }
    }
}
