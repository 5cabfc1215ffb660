//! `host plugin reset`: return a strategy of a running host to service, and let it forget what it has learnt.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use host_plugin::{StateStore, name_fault};
use host_profile::Settings;
use host_runtime::reset::{self, AskError};

use crate::exit::Failure;
use crate::layers::Layers;
use crate::out::outln;

/// How long a host may take to see the request: it waits until the directory has been quiet, and for a tick that is under way.
const PATIENCE: Duration = Duration::from_secs(5);

/// Return a strategy that is quarantined or backing off to service, in a `host run` that goes on
///
/// It is started again in a fresh store, with a full budget of restarts; one that takes part only has its budget filled, unless it
/// is to forget. The request goes through the plugin directory that the run watches: give the same --plugin-dir, or the same settings.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  host plugin reset cache-policy
  host plugin reset mine --plugin-dir plugins
  host plugin reset mine --plugin-dir plugins --forget
  host plugin reset mine --forget --state-dir learnt      also where no host runs
")]
pub(super) struct Reset {
    /// The strategy, by the name that it gives itself.
    name: String,

    /// Let it forget what it has learnt, too. A file of it is set aside as NAME.json.forgotten. Where no host takes the request,
    /// that is done in --state-dir, or plugins.state-dir.
    #[arg(long)]
    forget: bool,

    /// The folder of what strategies have learnt, as of `host run`.
    #[arg(long, value_name = "DIR", requires = "forget")]
    state_dir: Option<PathBuf>,

    #[command(flatten)]
    layers: Layers,
}

impl Reset {
    pub(super) fn execute(&self) -> Result<(), Failure> {
        if let Some(fault) = name_fault(&self.name) {
            return Err(AskError::Name(self.name.clone(), fault).into());
        }
        let settings = self.layers.load_alone()?;
        let asked = super::directory(&settings)
            .and_then(|dir| reset::ask(dir, &self.name, self.forget, PATIENCE).map_err(Failure::from));
        let error = match asked {
            Ok(done) => {
                outln!("{done}")?;
                return Ok(());
            }
            Err(error) => error,
        };
        match self.folder(&settings) {
            Some(folder) if nobody(&*error) => self.forget_in(folder, &error.to_string()),
            _ => Err(error),
        }
    }

    fn folder<'a>(&'a self, settings: &'a Settings) -> Option<&'a Path> {
        let folder = self.state_dir.as_deref().or(settings.plugins.state_dir.as_deref());
        folder.filter(|_| self.forget)
    }

    /// Where no host does it: in the folder itself, which belongs to nobody then.
    fn forget_in(&self, folder: &Path, why_not_asked: &str) -> Result<(), Failure> {
        let shown = folder.display();
        // A folder that is not there would be made.
        if !folder.is_dir() {
            return Err(format!("{shown}: no folder of what strategies have learnt; {why_not_asked}").into());
        }
        let states = StateStore::in_folder(folder).map_err(|error| {
            format!(
                "{shown}: nothing is forgotten: {error}. Ask the host that has it, with the plugin directory that it watches \
                 ({why_not_asked}), or end it first"
            )
        })?;
        let aside = states.forget(&self.name).map_err(|error| {
            format!("{shown}: what {} has learnt cannot be set aside: {error}", self.name)
        })?;
        let Some(aside) = aside else {
            return Err(format!("{shown}: has nothing that {} has learnt; {why_not_asked}", self.name).into());
        };
        outln!("no host was asked: {why_not_asked}")?;
        outln!("what {} had learnt was set aside as {}", self.name, aside.display())?;
        Ok(())
    }
}

/// Whether there was no host that could have done it.
fn nobody(error: &(dyn std::error::Error + 'static)) -> bool {
    match error.downcast_ref::<AskError>() {
        Some(error) => matches!(error, AskError::Nobody { .. } | AskError::Directory { .. }),
        // There is no plugin directory.
        None => true,
    }
}
