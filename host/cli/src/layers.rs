//! The layers of the configuration, as arguments.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use host_plugin::POLICY_PREFIX;
use host_profile::{Loader, Settings};
use host_simulator::Registry;
use host_telemetry::Machine;
use host_workload::recording::Header;

use crate::exit::Failure;
use crate::out;
use crate::policies::{Policies, policies, policies_of};

/// Where settings come from: defaults < profile < user file < environment < flags.
#[derive(Debug, Args)]
#[command(next_help_heading = "Settings")]
pub(crate) struct Layers {
    /// A bundled profile (`host profile list`), with an overlay where wanted (medium+cpu-constrained), or
    /// a TOML file of your own.
    #[arg(long, short, value_name = "NAME|FILE", default_value = "medium")]
    pub(crate) profile: String,

    #[command(flatten)]
    pub(crate) above: Above,
}

/// The layers above the profile.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Settings")]
pub(crate) struct Above {
    /// A file with settings that win over the profile's [default: host/host.toml in the configuration
    /// directory, where it exists].
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// Set one key, for example `--set cache.capacity=100MB`. May be given more than once.
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,

    /// Directory of further components; the same as `--set plugins.dir=DIR`.
    #[arg(long, value_name = "DIR")]
    plugin_dir: Option<PathBuf>,

    /// Lock file of that directory, which accepts what is in it; the same as `--set plugins.lock=FILE` [default:
    /// host-plugins.lock in the directory, where it exists]. `host plugin lock` writes it.
    #[arg(long, value_name = "FILE")]
    plugin_lock: Option<PathBuf>,

    /// End with an error where a strategy cannot start; the same as `--set plugins.strict=true`.
    #[arg(long)]
    strict: bool,
}

impl Layers {
    /// The same; where a run is `warm`ed, with the mode that takes it, unless a flag sets another.
    pub(crate) fn warmed(&self, warm: bool) -> Self {
        Self { profile: self.profile.clone(), above: self.above.warmed(warm) }
    }

    /// The effective configuration on this machine, for work below `path`.
    pub(crate) fn load(&self, path: &Path) -> Result<Settings, Failure> {
        Ok(self.load_with_policies(path)?.0)
    }

    /// The same for a command that looks at components or changes what is accepted of them: whichever policies it names, nothing
    /// of the plugin directory is opened.
    pub(crate) fn load_alone(&self) -> Result<Settings, Failure> {
        self.above.load_alone(&self.profile, &Machine::read(Path::new(".")))
    }

    /// The same with the policies that there are.
    pub(crate) fn load_with_policies(&self, path: &Path) -> Result<(Settings, Arc<Registry>), Failure> {
        self.above.load_with_policies(&self.profile, &Machine::read(path))
    }
}

/// A machine on which nothing is lowered.
fn nowhere() -> Machine {
    let mut nowhere = Machine::read(Path::new("."));
    // 0 means unknown, and capacities are not lowered to unknown memory.
    nowhere.memory_limit_bytes = 0;
    nowhere
}

impl Above {
    /// As [`Layers::warmed`].
    pub(crate) fn warmed(&self, warm: bool) -> Self {
        let mut above = self.clone();
        if warm && !above.set.iter().any(|set| set.trim_start().starts_with("prefetch.mode")) {
            above.set.push("prefetch.mode=full".to_owned());
        }
        above
    }

    /// The same with further `KEY=VALUE` above all others.
    pub(crate) fn with(&self, set: impl IntoIterator<Item = String>) -> Self {
        let mut above = self.clone();
        above.set.extend(set);
        above
    }

    /// The effective configuration for virtual time, where no machine lowers anything, and the policies that there are.
    pub(crate) fn load_for_virtual_time(&self, profile: &str) -> Result<(Settings, Arc<Registry>), Failure> {
        self.load_with_policies(profile, &nowhere())
    }

    /// The configuration of a recorded run, with what stands above it here. Neither a file of the user's nor the environment has a
    /// say: they would make it another run.
    pub(crate) fn load_recorded(&self, header: &Header) -> Result<(Settings, Arc<Registry>), Failure> {
        if self.config.is_some() {
            return Err(
                "--config needs --profile: without it the recording brings every setting; --set changes one"
                    .into(),
            );
        }
        // One that is not here leaves a replay without it, and the report says so.
        let optional = header.strategies.iter().map(|of| format!("strategies.{}.optional=true", of.name));
        let recorded: Vec<String> = header.settings.iter().cloned().chain(optional).collect();
        let machine = nowhere();
        let read = |policies: Arc<Registry>| {
            let loader = Loader::new().user_file(None).policies(policies).set(recorded.iter().cloned());
            loader.set(self.flags()).load(&machine)
        };
        let alone = read(Arc::new(policies().as_ref().clone().with_any_component()))?;
        let Policies { registry, left_out } = policies_of(&alone)?;
        let mut settings = read(Arc::clone(&registry)).inspect_err(|_| {
            left_out.iter().for_each(|error| out::say(&error.to_string()));
        })?;
        settings.profile.clone_from(&header.profile);
        settings.notes.extend(left_out.iter().map(|left| format!("a policy is left out: {left}")));
        Ok((settings, registry))
    }

    /// The effective configuration on a machine.
    pub(crate) fn load(&self, profile: &str, machine: &Machine) -> Result<Settings, Failure> {
        Ok(self.load_with_policies(profile, machine)?.0)
    }

    /// The same with the policies that there are, those of the plugin directory included. Where that is, the settings say: they
    /// are read for it first.
    fn load_with_policies(
        &self,
        profile: &str,
        machine: &Machine,
    ) -> Result<(Settings, Arc<Registry>), Failure> {
        let Policies { registry, left_out } = policies_of(&self.load_alone(profile, machine)?)?;
        let read = self.read(profile, machine, Arc::clone(&registry));
        let mut settings = read.inspect_err(|_| {
            // The policy that is unknown may be in one of them.
            left_out.iter().for_each(|error| out::say(&error.to_string()));
        })?;
        let names = registry.names();
        let names = names.chain(left_out.iter().map(|left| left.name.as_str()));
        settings.check_pins(names.filter(|name| name.starts_with(POLICY_PREFIX)))?;
        settings.notes.extend(left_out.iter().map(|left| format!("a policy is left out: {left}")));
        Ok((settings, registry))
    }

    /// The effective configuration, whichever policies it names: nothing of the plugin directory is opened.
    fn load_alone(&self, profile: &str, machine: &Machine) -> Result<Settings, Failure> {
        self.read(profile, machine, policies().as_ref().clone().with_any_component())
    }

    fn read(
        &self,
        profile: &str,
        machine: &Machine,
        policies: impl Into<Arc<Registry>>,
    ) -> Result<Settings, Failure> {
        // Not a setting, though its name begins with `HOST_` as well.
        let variables = std::env::vars_os().filter(|(name, _)| name != crate::log::VARIABLE);
        let mut loader = Loader::new().profile(profile).policies(policies).env(variables);
        if let Some(file) = &self.config {
            loader = loader.user_file(Some(file.clone()));
        }
        Ok(loader.set(self.flags()).load(machine)?)
    }

    /// What the flags set, in order.
    fn flags(&self) -> impl Iterator<Item = String> {
        let dir = self.plugin_dir.as_ref().map(|dir| format!("plugins.dir={}", dir.display()));
        let lock = self.plugin_lock.as_ref().map(|file| format!("plugins.lock={}", file.display()));
        let strict = self.strict.then(|| "plugins.strict=true".to_owned());
        self.set.iter().cloned().chain(dir).chain(lock).chain(strict)
    }
}
