//! The eviction policies that are components, for a registry: the bundled ones, and those in the plugin directory.
//!
//! Each has the name that it gives itself, behind `plugin:`, so that a component and a built-in policy of one name can be
//! compared. A file that gives itself the name of a bundled one runs in its place.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use host_policy::{PolicyFactory, Registry};

use crate::catalogue::{bundled_policies, component_files};
use crate::eviction::PolicyPlugin;
use crate::limits::Limits;
use crate::load::{Loader, LoaderConfig, Source};
use crate::load_error::LoadError;
use crate::world::World;

/// What stands before the name of a policy that is a component.
pub const POLICY_PREFIX: &str = "plugin:";

/// A file in the plugin directory that is an eviction policy.
#[derive(Debug)]
pub struct PolicyFile {
    /// Where it is.
    pub path: PathBuf,
    /// The policy, or why it cannot be opened.
    pub plugin: Result<Arc<PolicyPlugin>, LoadError>,
}

/// The eviction policies of the plugin directory, in the order of the files' names. A directory that does not exist is an empty
/// one. Nothing is compiled, so that who finds none needs no loader.
///
/// # Errors
/// The directory cannot be listed.
pub fn policy_paths(dir: &Path) -> Result<Vec<PathBuf>, LoadError> {
    let mut paths = component_files(dir)?;
    paths.retain(|path| Source::File(path).world() == World::Eviction);
    Ok(paths)
}

/// Opens eviction policies in this order.
///
/// # Errors
/// Two files give themselves one name. One that cannot be opened is no error here.
pub fn open_policies(
    paths: Vec<PathBuf>,
    loader: &Loader,
    limits: &Limits,
) -> Result<Vec<PolicyFile>, LoadError> {
    let mut found: Vec<PolicyFile> = Vec::new();
    for path in paths {
        let plugin = loader.open_policy(Source::File(&path), limits).map(Arc::new);
        let same = |file: &&PolicyFile| match (&file.plugin, &plugin) {
            (Ok(one), Ok(two)) => one.name() == two.name(),
            _ => false,
        };
        if let Some(first) = found.iter().find(same)
            && let Ok(second) = &plugin
        {
            let (name, first) = (second.name().to_owned(), first.path.clone());
            return Err(LoadError::TwoOfOneName { name, first, second: path });
        }
        found.push(PolicyFile { path, plugin });
    }
    Ok(found)
}

/// The built-in policies, those of the files, and the bundled components that none of them replaces. Bundled ones are opened
/// when the first cache needs them.
#[must_use]
pub fn policy_registry(files: &[PolicyFile], config: LoaderConfig, limits: Limits) -> Registry {
    let mut policies = Registry::default();
    let opened = files.iter().filter_map(|file| file.plugin.as_ref().ok());
    let of_files = opened.map(|plugin| Arc::clone(plugin).factory(full_name(plugin.name())));
    let loader = Arc::new(Shared { config, loader: OnceLock::new(), limits });
    let bundled = bundled_policies().map(|(name, bytes)| lazily(name, bytes, &loader));
    for policy in of_files.chain(bundled) {
        // A name that is taken is one that a file has taken. Names were checked when the component described itself.
        if let Err(error) = policies.register(policy) {
            tracing::debug!(%error, "left out");
        }
    }
    policies
}

/// The bundled policy of this full name, opened when the first cache needs it. None where none is bundled under it.
#[must_use]
pub fn bundled_policy(name: &str, config: LoaderConfig, limits: Limits) -> Option<PolicyFactory> {
    let (name, bytes) = bundled_policies().find(|(bundled, _)| full_name(bundled) == name)?;
    Some(lazily(name, bytes, &Arc::new(Shared { config, loader: OnceLock::new(), limits })))
}

/// The name of a component in a registry.
#[must_use]
pub fn full_name(name: &str) -> String {
    format!("{POLICY_PREFIX}{name}")
}

/// A loader that is set up for the first component that needs it.
struct Shared {
    config: LoaderConfig,
    loader: OnceLock<Result<Loader, String>>,
    limits: Limits,
}

impl Shared {
    fn open(&self, source: Source<'_>) -> Result<Arc<PolicyPlugin>, String> {
        let loader = self.loader.get_or_init(|| Loader::new(&self.config).map_err(|error| error.to_string()));
        let opened = loader.as_ref().map_err(String::clone)?.open_policy(source, &self.limits);
        opened.map(Arc::new).map_err(|error| error.to_string())
    }
}

fn lazily(name: &'static str, bytes: &'static [u8], loader: &Arc<Shared>) -> PolicyFactory {
    let (loader, plugin) = (Arc::clone(loader), OnceLock::new());
    PolicyFactory::batched(full_name(name), move |opening| {
        let plugin = plugin.get_or_init(|| loader.open(Source::Bytes { name, bytes }));
        let plugin: &Arc<PolicyPlugin> = plugin.as_ref().map_err(String::clone)?;
        plugin.open(opening).map_err(|error| error.to_string())
    })
}
