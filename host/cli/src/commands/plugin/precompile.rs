//! `host plugin precompile`: compile components now, so that no run has to.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use host_plugin::{
    Limits, Loader, Opened, Source, Time, bundled, bundled_policies, component_files, policy_files,
};
use host_profile::Settings;
use host_runtime::strategies;

use crate::exit::Failure;
use crate::layers::Layers;
use crate::out::outln;

/// Compile components and keep what comes of it, so that the next start does not have to
#[derive(Debug, Args)]
pub(super) struct Precompile {
    /// Components of either world [default: the bundled ones and those in the plugin directory].
    files: Vec<PathBuf>,
    #[command(flatten)]
    layers: Layers,
}

impl Precompile {
    pub(super) fn execute(&self) -> Result<(), Failure> {
        let settings = self.layers.load(Path::new("."))?;
        let loader = strategies::loader(&settings)?;
        if let Some(note) = loader.note() {
            return Err(note.into());
        }
        let limits = strategies::start_limits(&settings, Time::Machine);
        if self.files.is_empty() {
            return all(&settings, &loader, &limits);
        }
        for file in &self.files {
            match loader.open_any(Source::File(file), &limits)? {
                Opened::Strategy(plugin) => line(plugin.name(), file.display(), plugin.compile_time())?,
                Opened::Policy(plugin) => line(plugin.name(), file.display(), plugin.compile_time())?,
            }
        }
        Ok(())
    }
}

/// Every component there is. Those that cannot be opened are told at the end, and end the command.
fn all(settings: &Settings, loader: &Loader, limits: &Limits) -> Result<(), Failure> {
    let mut failed = Vec::new();
    let dir = settings.plugins.dir.as_deref();
    let mut places: Vec<(Source<'_>, String)> = Vec::new();
    let components = bundled();
    places.extend(components.iter().map(|place| (place.source(), "bundled".to_owned())));
    let files = dir.map_or_else(|| Ok(Vec::new()), component_files)?;
    places.extend(files.iter().map(|path| (Source::File(path), path.display().to_string())));
    for (source, from) in places {
        match loader.open(source, limits) {
            Ok(plugin) => line(plugin.name(), &from, plugin.compile_time())?,
            Err(error) => failed.push(error.to_string()),
        }
    }
    let limits = Limits::of_policies();
    for (name, bytes) in bundled_policies() {
        let plugin = loader.open_policy(Source::Bytes { name, bytes }, &limits)?;
        line(&host_plugin::full_name(plugin.name()), "bundled", plugin.compile_time())?;
    }
    for file in dir.map_or_else(|| Ok(Vec::new()), |dir| policy_files(dir, loader, &limits))? {
        match file.plugin {
            Ok(plugin) => {
                let name = host_plugin::full_name(plugin.name());
                line(&name, file.path.display(), plugin.compile_time())?;
            }
            Err(error) => failed.push(error.to_string()),
        }
    }
    if failed.is_empty() { Ok(()) } else { Err(failed.join("\nerror: ").into()) }
}

fn line(name: &str, from: impl std::fmt::Display, took: Option<Duration>) -> Result<(), Failure> {
    match took {
        Some(took) => outln!("{name:24} compiled in {:.2} s  ({from})", took.as_secs_f64())?,
        None => outln!("{name:24} was compiled before  ({from})")?,
    }
    Ok(())
}
