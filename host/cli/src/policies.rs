//! The policies of this binary: one registry for all that lists, names or runs one.

use std::fmt;
use std::path::Path;
use std::sync::{Arc, LazyLock};

use host_plugin::{
    Limits, LoadError, Loader, LoaderConfig, PolicyFile, PolicyPlugin, Source, default_cache_dir, full_name,
    open_policies, policy_paths, policy_registry,
};
use host_profile::{ProfileError, Settings};
use host_runtime::strategies;
use host_simulator::{Method, Registry, UnknownPolicy, split_list};
use host_telemetry::Machine;

/// Those that need no plugin directory.
static POLICIES: LazyLock<Arc<Registry>> = LazyLock::new(|| {
    // Whoever uses a file that is wrong says what is wrong with it.
    let limits = limits().unwrap_or_else(|_| Limits::of_policies());
    Arc::new(policy_registry(&[], config(), limits))
});

/// What the user's file and the environment give to policies, where no profile is asked for.
fn limits() -> Result<Limits, ProfileError> {
    let variables = std::env::vars_os().filter(|(name, _)| name != crate::log::VARIABLE);
    let any = Registry::default().with_any_component();
    let settings = host_profile::Loader::new().policies(any).env(variables);
    Ok(strategies::policy_limits(&settings.load(&Machine::read(Path::new(".")))?))
}

fn config() -> LoaderConfig {
    LoaderConfig { cache_dir: default_cache_dir(), ..LoaderConfig::default() }
}

/// The policies of this binary, without those of a plugin directory.
pub(crate) fn policies() -> Arc<Registry> {
    Arc::clone(&POLICIES)
}

/// The policies that there are.
pub(crate) struct Policies {
    pub(crate) registry: Arc<Registry>,
    /// Those of the plugin directory that cannot be opened.
    pub(crate) left_out: Vec<LeftOut>,
}

/// A policy that cannot be opened.
pub(crate) struct LeftOut {
    /// The name that it had when it was accepted, or else that of its file; with `plugin:`.
    pub(crate) name: String,
    error: LoadError,
}

impl LeftOut {
    pub(crate) fn new(path: &Path, error: LoadError) -> Self {
        let of_file = || path.file_stem().unwrap_or_default().to_string_lossy().replace('_', "-");
        let name = full_name(&error.name().map_or_else(of_file, str::to_owned));
        Self { name, error }
    }
}

impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

/// The policies of this binary and of the plugin directory that the settings name. Without a file there no sandbox is set up.
///
/// # Errors
/// The directory cannot be listed, or two of its files give themselves one name.
pub(crate) fn policies_of(settings: &Settings) -> Result<Policies, LoadError> {
    let (config, limits) = (strategies::loader_config(settings), strategies::policy_limits(settings));
    let paths = settings.plugins.dir.as_deref().map_or_else(|| Ok(Vec::new()), policy_paths)?;
    let files =
        if paths.is_empty() { Vec::new() } else { open_policies(paths, &Loader::new(&config)?, &limits)? };
    let registry = Arc::new(policy_registry(&files, config, limits));
    let left_out = |PolicyFile { path, plugin }: PolicyFile| Some(LeftOut::new(&path, plugin.err()?));
    Ok(Policies { registry, left_out: files.into_iter().filter_map(left_out).collect() })
}

/// Some of what a simulation can replay.
#[derive(Debug, Clone)]
pub(crate) struct Methods(pub(crate) Vec<Method>);

/// Why a text names nothing to replay.
#[derive(Debug)]
pub(crate) enum NoMethod {
    Unknown(UnknownPolicy),
    Component(LoadError),
    Settings(ProfileError),
}

impl fmt::Display for NoMethod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(error) => error.fmt(f),
            Self::Component(error) => error.fmt(f),
            Self::Settings(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for NoMethod {}

/// What a simulation calls by these names, with commas between: policies, the optimum, or files of components.
pub(crate) fn methods(list: &str) -> Result<Methods, NoMethod> {
    let mut loader = None;
    let named = split_list(list).map(|text| method(text.trim(), &mut loader));
    named.collect::<Result<_, _>>().map(Methods)
}

fn method(text: &str, loader: &mut Option<Loader>) -> Result<Method, NoMethod> {
    let path = Path::new(text);
    if path.extension().is_none_or(|extension| extension != "wasm") {
        return Method::named(text, &POLICIES).map_err(NoMethod::Unknown);
    }
    let limits = limits().map_err(NoMethod::Settings)?;
    let plugin = open(path, loader, &limits).map_err(NoMethod::Component)?;
    let name = full_name(plugin.name());
    Ok(Method::Policy(Arc::new(plugin).factory(name)))
}

fn open(path: &Path, loader: &mut Option<Loader>, limits: &Limits) -> Result<PolicyPlugin, LoadError> {
    let loader = match loader {
        Some(loader) => loader,
        None => loader.insert(Loader::new(&config())?),
    };
    loader.open_policy(Source::File(path), limits)
}
