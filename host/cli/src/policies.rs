//! The policies of this binary: one registry for all that lists, names or runs one, and components that are named with it.

use std::fmt;
use std::path::Path;
use std::sync::{Arc, LazyLock};

use host_plugin::{
    LoadError, Loader, LoaderConfig, PolicyPlugin, Source, bundled_policies, default_cache_dir,
};
use host_simulator::{Method, Registry, UnknownPolicy, split_list};

static POLICIES: LazyLock<Arc<Registry>> = LazyLock::new(Arc::default);

/// What stands before the name of a policy that is to run as a component.
const PLUGIN: &str = "plugin:";

/// The policies of this binary.
pub(crate) fn policies() -> Arc<Registry> {
    Arc::clone(&POLICIES)
}

/// Some of what a simulation can replay.
#[derive(Debug, Clone)]
pub(crate) struct Methods(pub(crate) Vec<Method>);

/// Why a text names nothing to replay.
#[derive(Debug)]
pub(crate) enum NoMethod {
    Unknown(UnknownPolicy),
    NotBundled(String),
    Component(LoadError),
}

impl fmt::Display for NoMethod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(error) => error.fmt(f),
            Self::Component(error) => error.fmt(f),
            Self::NotBundled(name) => {
                let names: Vec<&str> = bundled_policies().map(|(name, _)| name).collect();
                let names = names.join(", ");
                write!(
                    f,
                    "there is no policy component `{name}`; the bundled ones are {names}; a file is given by its path"
                )
            }
        }
    }
}

impl std::error::Error for NoMethod {}

/// What a simulation calls by these names, with commas between: policies, the optimum, or components.
pub(crate) fn methods(list: &str) -> Result<Methods, NoMethod> {
    let mut loader = None;
    let named = split_list(list).map(|text| method(text.trim(), &mut loader));
    named.collect::<Result<_, _>>().map(Methods)
}

fn method(text: &str, loader: &mut Option<Loader>) -> Result<Method, NoMethod> {
    let source = if let Some(name) = text.strip_prefix(PLUGIN) {
        let found = bundled_policies().find(|(bundled, _)| *bundled == name);
        let (name, bytes) = found.ok_or_else(|| NoMethod::NotBundled(name.to_owned()))?;
        Source::Bytes { name, bytes }
    } else if Path::new(text).extension().is_some_and(|extension| extension == "wasm") {
        Source::File(Path::new(text))
    } else {
        return Method::named(text, &POLICIES).map_err(NoMethod::Unknown);
    };
    let plugin = open(source, loader).map_err(NoMethod::Component)?;
    let name = format!("{PLUGIN}{}", plugin.name());
    Ok(Method::Policy(Arc::new(plugin).factory(name)))
}

fn open(source: Source<'_>, loader: &mut Option<Loader>) -> Result<PolicyPlugin, LoadError> {
    let loader = match loader {
        Some(loader) => loader,
        None => loader.insert(Loader::new(&LoaderConfig {
            cache_dir: default_cache_dir(),
            ..LoaderConfig::default()
        })?),
    };
    loader.open_policy(source, &host_plugin::Limits::of_policies())
}
