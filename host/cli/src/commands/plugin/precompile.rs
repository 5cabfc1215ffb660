//! `host plugin precompile`: compile components now, so that no run has to.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use host_plugin::{
    Limits, Loader, Opened, Source, Time, bundled, bundled_policies, component_files, full_name,
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
        self.files.iter().try_for_each(|file| one(&loader, Source::File(file), file.display(), &limits))
    }
}

/// Every component there is. Those that cannot be opened are told at the end, and end the command.
fn all(settings: &Settings, loader: &Loader, limits: &Limits) -> Result<(), Failure> {
    for place in bundled() {
        one(loader, place.source(), "bundled", limits)?;
    }
    for (name, bytes) in bundled_policies() {
        one(loader, Source::Bytes { name, bytes }, "bundled", limits)?;
    }
    let files = settings.plugins.dir.as_deref().map_or_else(|| Ok(Vec::new()), component_files)?;
    let opened = files.iter().map(|path| one(loader, Source::File(path), path.display(), limits));
    let failed: Vec<String> = opened.filter_map(Result::err).map(|error| error.to_string()).collect();
    if failed.is_empty() { Ok(()) } else { Err(failed.join("\nerror: ").into()) }
}

/// Opens a component of either world, which compiles it.
fn one(
    loader: &Loader,
    source: Source<'_>,
    from: impl std::fmt::Display,
    limits: &Limits,
) -> Result<(), Failure> {
    let (name, took) = match loader.open_any(source, limits)? {
        Opened::Strategy(plugin) => (plugin.name().to_owned(), plugin.compile_time()),
        Opened::Policy(plugin) => (full_name(plugin.name()), plugin.compile_time()),
    };
    line(&name, from, took)
}

fn line(name: &str, from: impl std::fmt::Display, took: Option<Duration>) -> Result<(), Failure> {
    match took {
        Some(took) => outln!("{name:24} compiled in {:.2} s  ({from})", took.as_secs_f64())?,
        None => outln!("{name:24} was compiled before  ({from})")?,
    }
    Ok(())
}
