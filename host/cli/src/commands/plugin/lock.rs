//! `host plugin lock`: accept what is in a plugin directory, so that the host takes nothing else from there.

use std::path::Path;

use clap::Args;
use host_plugin::{Examined, Limits, Loader, Lock as File, Locked, Sha256, Source, Time, component_files};
use host_profile::Settings;
use host_runtime::strategies;

use crate::exit::Failure;
use crate::layers::Layers;
use crate::out::{self, outln};

/// Accept the components of the plugin directory as they are: every run takes these and no others from there
///
/// Writes host-plugins.lock into the directory, or the file that --plugin-lock or plugins.lock names: each component with name,
/// version, world and SHA-256 digest. Where that file is, a component that was changed or is not in it is refused, by every
/// command and by a host that runs. Prints what is new, changed and gone, so that it can be read before it is kept.
/// Whoever can write to the directory can write the lock file in it as well: keep it elsewhere, or pin what has to
/// stay as it is with strategies.NAME.sha256 and plugins.pins in the profile.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  host plugin lock                                        the plugin directory of the settings
  host plugin lock --plugin-dir plugins
  host plugin lock --plugin-dir plugins --plugin-lock reviewed.lock
  host run --plugin-dir plugins --plugin-lock reviewed.lock trace.lis.zst
")]
pub(super) struct Lock {
    #[command(flatten)]
    layers: Layers,
}

impl Lock {
    pub(super) fn execute(&self) -> Result<(), Failure> {
        let settings = self.layers.load_alone()?;
        let dir = super::directory(&settings)?;
        let loader = strategies::loader(&settings)?;
        let trust = loader.trust();
        let path = trust.lock_path(dir);
        let before = trust.lock_of(dir).unwrap_or_else(|error| {
            // One that is not there yet is what this command is for.
            if path.exists() {
                out::say(&format!("what was accepted before is not known: {error}"));
            }
            None
        });
        let now = File::new(&path, accepted(dir, &loader, &settings)?);
        now.write()
            .map_err(|error| format!("{}: the lock file cannot be written: {error}", path.display()))?;
        print(before.as_ref(), &now)
    }
}

/// Every component of the directory. Those that cannot be opened are told together, and nothing is accepted then.
fn accepted(dir: &Path, loader: &Loader, settings: &Settings) -> Result<Vec<(String, Locked)>, Failure> {
    let limits = strategies::start_limits(settings, Time::Machine);
    let files = component_files(dir)?;
    let (mut accepted, mut failed) = (Vec::new(), Vec::new());
    for path in files {
        match entry(&path, loader, &limits) {
            Ok(entry) => accepted.push(entry),
            Err(error) => failed.push(error.to_string()),
        }
    }
    if failed.is_empty() {
        return Ok(accepted);
    }
    failed.push("nothing was accepted, since a lock file names all components of its directory: mend these, or take them away".into());
    Err(failed.join("\nerror: ").into())
}

fn entry(path: &Path, loader: &Loader, limits: &Limits) -> Result<(String, Locked), Failure> {
    let file = path.file_name().and_then(|name| name.to_str());
    let file = file.ok_or_else(|| format!("{}: its name is not UTF-8, rename it", path.display()))?;
    let Examined { inspection, sha256, .. } = loader.examine(Source::File(path), limits)?;
    let (name, version) = (inspection.description.name, inspection.description.version);
    Ok((file.to_owned(), Locked { name, world: inspection.world.to_owned(), version, sha256 }))
}

fn print(before: Option<&File>, now: &File) -> Result<(), Failure> {
    let files = now.entries().chain(before.into_iter().flat_map(File::entries));
    let width = files.map(|(file, _)| file.chars().count()).max().unwrap_or_default();
    let (mut new, mut changed, mut gone) = (0_usize, 0_usize, 0_usize);
    for (file, Locked { name, version, sha256, .. }) in now.entries() {
        let earlier: Option<&Sha256> =
            before.and_then(|before| before.get(file)).map(|locked| &locked.sha256);
        let what = match earlier {
            Some(earlier) if earlier == sha256 => "unchanged",
            Some(_) => "changed",
            None => "new",
        };
        outln!("{what:10} {file:width$}  {sha256}  {name} {version}")?;
        match earlier {
            Some(earlier) if earlier != sha256 => {
                changed += 1;
                outln!("{:10} {:width$}  {earlier}", "  before", "")?;
            }
            Some(_) => {}
            None => new += 1,
        }
    }
    let before = before.into_iter().flat_map(File::entries);
    for (file, locked) in before.filter(|(file, _)| now.get(file).is_none()) {
        gone += 1;
        outln!("{:10} {file:width$}  {}  {} {}", "gone", locked.sha256, locked.name, locked.version)?;
    }
    let all = now.entries().count();
    outln!()?;
    outln!(
        "{}: {all} accepted, of which {new} new and {changed} changed; {gone} gone",
        now.path().display()
    )?;
    Ok(())
}
