//! From a file to a component that can be started.
//!
//! Read, check shape and names, compile or fetch what was compiled, ask it for its description: in this order, so that
//! cheap checks come first and a mistake is told before anything runs. What comes out is a [`Plugin`].

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use host_contract::{Dials, Gauges, Grant};
use parking_lot::Mutex;
use wasmtime::Engine;
use wasmtime::component::Component;

use crate::artifact::{self, Artifacts};
use crate::compile::{self, CompileError, CompileLimits};
use crate::described::Descriptions;
use crate::description::Description;
use crate::digest::{Digest, Sha256};
use crate::engine;
use crate::eviction::PolicyPlugin;
use crate::inspection::Inspection;
use crate::interfaces::Interfaces;
use crate::limits::Limits;
use crate::load_error::{Label, LoadError};
use crate::plugin::Plugin;
use crate::policies::full_name;
use crate::shape;
use crate::store_data::Tables;
use crate::strategy::WasmStrategy;
use crate::ticker::Ticker;
use crate::trust::Trust;
use crate::world::World;

/// A component to load.
#[derive(Debug, Clone, Copy)]
pub enum Source<'a> {
    /// A file.
    File(&'a Path),
    /// Bytes, as those of a bundled component.
    Bytes {
        /// What error texts call it.
        name: &'a str,
        /// The component.
        bytes: &'a [u8],
    },
}

impl<'a> Source<'a> {
    /// The digest of its bytes.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn digest(&self) -> Result<Digest, LoadError> {
        Ok(self.read()?.1.digest)
    }

    /// The world that it is built for; that of strategies where this cannot be told, or it cannot be read.
    #[must_use]
    pub fn world(&self) -> World {
        self.read().map_or(World::Strategy, |(bytes, _)| Interfaces::world(&bytes))
    }

    pub(crate) fn read(&self) -> Result<(Cow<'a, [u8]>, Label), LoadError> {
        let (bytes, place) = match *self {
            Self::Bytes { name, bytes } => (Cow::Borrowed(bytes), name.to_owned()),
            Self::File(path) => {
                let unreadable = |source| LoadError::Unreadable { path: path.to_owned(), source };
                let bytes = read_file(path).map_err(unreadable)?;
                (Cow::Owned(bytes), path.display().to_string())
            }
        };
        let digest = Digest::of(&bytes);
        Ok((bytes, Label { place, digest }))
    }
}

/// The bytes of a file, of one that is too long no more than shows that it is.
fn read_file(path: &Path) -> std::io::Result<Vec<u8>> {
    // A pipe or a device would be read for ever, and a pipe that nobody writes to is not even opened.
    if !std::fs::metadata(path)?.is_file() {
        return Err(std::io::Error::other("not a file"));
    }
    // What the metadata say is not trusted: files of `/proc` say 0.
    let mut bytes = Vec::new();
    File::open(path)?.take(crate::shape::MAX_BYTES.saturating_add(1)).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// A component of either world, compiled and asked for its description.
#[derive(Debug)]
pub enum Opened {
    /// A strategy.
    Strategy(Box<Plugin>),
    /// An eviction policy.
    Policy(Box<PolicyPlugin>),
}

impl Opened {
    /// What there is to know of it.
    #[must_use]
    pub fn inspection(&self) -> Inspection {
        match self {
            Self::Strategy(plugin) => plugin.inspection(),
            Self::Policy(plugin) => plugin.inspection(),
        }
    }

    /// How long it took to compile; none where it was compiled before.
    #[must_use]
    pub fn compile_time(&self) -> Option<Duration> {
        match self {
            Self::Strategy(plugin) => plugin.compile_time(),
            Self::Policy(plugin) => plugin.compile_time(),
        }
    }
}

/// What there is to know of a component, and whether it would be taken.
#[derive(Debug)]
pub struct Examined {
    /// What it says of itself and needs.
    pub inspection: Inspection,
    /// The digest of its bytes that pins and lock files have.
    pub sha256: Sha256,
    /// Why it would not be taken, where it would not.
    pub untrusted: Option<LoadError>,
}

/// How a loader works.
#[derive(Debug, Clone)]
pub struct LoaderConfig {
    /// What compiling one component may use, in a program that calls [`crate::serve`].
    pub compile: CompileLimits,
    /// What an eviction policy may use that is opened without limits of its own.
    pub policy_limits: Limits,
    /// The dials of this host.
    pub dials: Dials,
    /// The gauges of this host.
    pub gauges: Gauges,
    /// Where compiled components are kept; none compiles each time. [`default_cache_dir`] is the usual place.
    pub cache_dir: Option<PathBuf>,
    /// What they may weigh together, bytes. Beyond it, those that were used longest ago go.
    pub cache_bytes: u64,
    /// What the operator has accepted.
    pub trust: Trust,
}

impl Default for LoaderConfig {
    fn default() -> Self {
        Self {
            compile: CompileLimits::default(),
            policy_limits: Limits::of_policies(),
            dials: Dials::default(),
            gauges: Gauges::default(),
            cache_dir: None,
            cache_bytes: 1_000_000_000,
            trust: Trust::default(),
        }
    }
}

/// Where compiled components are usually kept: in the user's cache directory. None without a home.
#[must_use]
pub fn default_cache_dir() -> Option<PathBuf> {
    directories::ProjectDirs::from("", "", "host").map(|dirs| dirs.cache_dir().join("components"))
}

type OnCompile = Box<dyn Fn(&str, usize) + Send + Sync>;

/// Who is told of compiling that takes long, and how long that is.
type OnLongCompile = (Duration, Box<dyn Fn(&str, usize) + Send + Sync>);

/// What compiles and runs the components of one world.
struct Runtime {
    world: World,
    engine: Engine,
    ticker: Arc<Ticker>,
    artifacts: Option<Artifacts>,
}

impl Runtime {
    /// Sets it up, with a note where compiled components are not kept.
    fn new(world: World, cache: Option<&(PathBuf, u64)>) -> Result<(Self, Option<String>), LoadError> {
        let engine = engine::engine(world).map_err(|error| LoadError::Sandbox(format!("{error:#}")))?;
        let ticker = Ticker::start(&engine).map_err(|error| LoadError::Sandbox(error.to_string()))?;
        let (mut artifacts, mut note) = (None, None);
        if let Some((dir, most_bytes)) = cache {
            match Artifacts::open(dir, *most_bytes, &engine) {
                Ok(opened) => artifacts = Some(opened),
                Err(error) => {
                    let dir = dir.display();
                    note = Some(format!("compiled components are not kept: {dir} cannot be used: {error}"));
                }
            }
        }
        Ok((Self { world, engine, ticker: Arc::new(ticker), artifacts }, note))
    }
}

/// Loads components. One a process: every strategy of it shares an engine and a ticker, and so does every policy.
pub struct Loader {
    strategies: Runtime,
    /// Set up for the first policy.
    policies: Mutex<Option<Arc<Runtime>>>,
    /// Where compiled components are kept, and what they may weigh, bytes.
    cache: Option<(PathBuf, u64)>,
    /// None where nothing is kept.
    descriptions: Option<Descriptions>,
    compile_limits: CompileLimits,
    trust: Trust,
    policy_limits: Limits,
    tables: Arc<Tables>,
    note: Option<String>,
    on_compile: Option<OnCompile>,
    on_long_compile: Option<OnLongCompile>,
}

impl Loader {
    /// Sets up the sandbox. A cache directory that cannot be used is no error: see [`Loader::note`].
    ///
    /// # Errors
    /// [`LoadError::Sandbox`]: the machine lacks what compiled code needs, or threads.
    pub fn new(config: &LoaderConfig) -> Result<Self, LoadError> {
        let cache = config.cache_dir.clone().map(|dir| (dir, config.cache_bytes));
        let (strategies, note) = Runtime::new(World::Strategy, cache.as_ref())?;
        let kept_in = config.cache_dir.as_deref().filter(|_| strategies.artifacts.is_some());
        Ok(Self {
            strategies,
            policies: Mutex::new(None),
            cache,
            descriptions: kept_in.map(Descriptions::new),
            compile_limits: config.compile,
            trust: config.trust.clone(),
            policy_limits: config.policy_limits,
            tables: Arc::new(Tables { dials: config.dials.clone(), gauges: config.gauges.clone() }),
            note,
            on_compile: None,
            on_long_compile: None,
        })
    }

    /// Calls `tell` with the place and the size in bytes of a component that is about to be compiled.
    #[must_use]
    pub fn on_compile(mut self, tell: impl Fn(&str, usize) + Send + Sync + 'static) -> Self {
        self.on_compile = Some(Box::new(tell));
        self
    }

    /// Calls `tell` with the place and the size in bytes of a component that is still being compiled after so long. It is
    /// called from another thread.
    #[must_use]
    pub fn on_long_compile(
        mut self,
        after: Duration,
        tell: impl Fn(&str, usize) + Send + Sync + 'static,
    ) -> Self {
        self.on_long_compile = Some((after, Box::new(tell)));
        self
    }

    /// Why compiled components are not kept, where they should be and are not.
    #[must_use]
    pub fn note(&self) -> Option<&str> {
        self.note.as_deref()
    }

    /// Reads and compiles a component, and asks it for its description: with nothing measured, no dial granted, and
    /// no more than these limits give for a start.
    ///
    /// # Errors
    /// Not a component of world `strategy`, one that is too large for its shape, or one that fails to describe itself.
    pub fn open(&self, source: Source<'_>, limits: &Limits) -> Result<Plugin, LoadError> {
        let (bytes, label) = self.read(source)?;
        let plugin = self.open_bytes(&bytes, label.clone(), limits)?;
        self.trust.check_name(plugin.name(), &label.place, &bytes)?;
        Ok(plugin)
    }

    /// Reads a component, and holds it against the lock file of its directory.
    fn read<'a>(&self, source: Source<'a>) -> Result<(Cow<'a, [u8]>, Label), LoadError> {
        let (bytes, label) = source.read()?;
        if let Source::File(path) = source {
            self.trust.check_file(path, &bytes)?;
        }
        Ok((bytes, label))
    }

    fn open_bytes(&self, bytes: &[u8], label: Label, limits: &Limits) -> Result<Plugin, LoadError> {
        let span = tracing::info_span!("open", component = %label.place, digest = %label.digest.short());
        let _inside = span.enter();
        let interfaces = Interfaces::read(bytes, &label, World::Strategy)?;
        let (component, compile_time) = self.compile(&self.strategies, bytes, &label)?;
        let size = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        let (ticker, tables) = (Arc::clone(&self.strategies.ticker), Arc::clone(&self.tables));
        let plugin = Plugin::new(component, ticker, tables, interfaces, size, label, limits)?;
        tracing::info!(
            name = plugin.name(),
            version = plugin.description().version,
            bytes = size,
            compiled = compile_time.is_some(),
            "opened"
        );
        self.keep(plugin.digest(), plugin.description());
        Ok(plugin.compiled_in(compile_time))
    }

    /// Reads and compiles an eviction policy, and asks it for its description.
    ///
    /// # Errors
    /// Not a component of world `eviction`, one that is too large for its shape, or one that fails to describe itself.
    pub fn open_policy(&self, source: Source<'_>, limits: &Limits) -> Result<PolicyPlugin, LoadError> {
        let (bytes, label) = self.read(source)?;
        let plugin = self.open_policy_bytes(&bytes, label.clone(), limits)?;
        self.trust.check_name(&full_name(plugin.name()), &label.place, &bytes)?;
        Ok(plugin)
    }

    fn open_policy_bytes(
        &self,
        bytes: &[u8],
        label: Label,
        limits: &Limits,
    ) -> Result<PolicyPlugin, LoadError> {
        let span = tracing::info_span!("open", component = %label.place, digest = %label.digest.short());
        let _inside = span.enter();
        let interfaces = Interfaces::read(bytes, &label, World::Eviction)?;
        let runtime = self.policies()?;
        let (component, compile_time) = self.compile(&runtime, bytes, &label)?;
        let (ticker, tables) = (Arc::clone(&runtime.ticker), Arc::clone(&self.tables));
        let size = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        let digest = label.digest.clone();
        let plugin = PolicyPlugin::new(&component, ticker, tables, (interfaces, size), label, limits)?;
        self.keep(&digest, plugin.description());
        tracing::info!(name = plugin.name(), compiled = compile_time.is_some(), "opened");
        Ok(plugin.compiled_in(compile_time))
    }

    fn policies(&self) -> Result<Arc<Runtime>, LoadError> {
        let mut policies = self.policies.lock();
        if let Some(runtime) = &*policies {
            return Ok(Arc::clone(runtime));
        }
        // What there is to note of the cache was noted of the strategies' already.
        let (runtime, _) = Runtime::new(World::Eviction, self.cache.as_ref())?;
        Ok(Arc::clone(policies.insert(Arc::new(runtime))))
    }

    /// Opens a component, starts it with exactly these grants, and gives it its settings.
    ///
    /// # Errors
    /// Everything that [`Loader::open`] and [`Plugin::start`] refuse.
    pub fn load(
        &self,
        source: Source<'_>,
        grants: &BTreeSet<Grant>,
        settings: &BTreeMap<String, String>,
        limits: &Limits,
        seed: u64,
    ) -> Result<WasmStrategy, LoadError> {
        self.open(source, limits)?.start(grants, settings, limits, seed)
    }

    /// Opens a component of either world. `limits` are those of a strategy's start; a policy has those of the
    /// [configuration](LoaderConfig::policy_limits).
    ///
    /// # Errors
    /// It cannot be opened.
    pub fn open_any(&self, source: Source<'_>, limits: &Limits) -> Result<Opened, LoadError> {
        let (bytes, label) = self.read(source)?;
        let opened = self.open_any_bytes(&bytes, &label, limits)?;
        self.trust.check_name(&named(&opened.inspection()), &label.place, &bytes)?;
        Ok(opened)
    }

    fn open_any_bytes(&self, bytes: &[u8], label: &Label, limits: &Limits) -> Result<Opened, LoadError> {
        let label = label.clone();
        Ok(match Interfaces::world(bytes) {
            World::Eviction => {
                Opened::Policy(Box::new(self.open_policy_bytes(bytes, label, &self.policy_limits)?))
            }
            World::Strategy => Opened::Strategy(Box::new(self.open_bytes(bytes, label, limits)?)),
        })
    }

    /// What a component of either world says of itself and needs. `limits` are those of a strategy's start. One that has
    /// been opened before by a host of this version is neither compiled nor run, if its description is kept.
    ///
    /// # Errors
    /// It cannot be opened.
    pub fn inspect(&self, source: Source<'_>, limits: &Limits) -> Result<Inspection, LoadError> {
        let (bytes, label) = self.read(source)?;
        let inspection = self.look(&bytes, &label, limits)?;
        self.trust.check_name(&named(&inspection), &label.place, &bytes)?;
        Ok(inspection)
    }

    /// The same of a component that need not be trusted: it is asked for its description in the sandbox, and no more. Says
    /// whether it would be taken, too.
    ///
    /// # Errors
    /// It cannot be opened.
    pub fn examine(&self, source: Source<'_>, limits: &Limits) -> Result<Examined, LoadError> {
        let (bytes, label) = source.read()?;
        let inspection = self.look(&bytes, &label, limits)?;
        let in_lock = match source {
            Source::File(path) => self.trust.check_file(path, &bytes),
            Source::Bytes { .. } => Ok(()),
        };
        let checked = in_lock.and_then(|()| self.trust.check_name(&named(&inspection), &label.place, &bytes));
        let untrusted = checked.err().map(LoadError::from);
        Ok(Examined { inspection, sha256: Sha256::of(&bytes), untrusted })
    }

    fn look(&self, bytes: &[u8], label: &Label, limits: &Limits) -> Result<Inspection, LoadError> {
        match self.kept(bytes, label, Interfaces::world(bytes)) {
            Some(known) => Ok(known),
            None => Ok(self.open_any_bytes(bytes, label, limits)?.inspection()),
        }
    }

    /// What the operator has accepted.
    #[must_use]
    pub fn trust(&self) -> &Trust {
        &self.trust
    }

    /// What a strategy said of itself when it was opened before by a host of this version. None where that is not kept, or it is
    /// not trusted.
    #[must_use]
    pub fn described(&self, source: Source<'_>) -> Option<Inspection> {
        let (bytes, label) = self.read(source).ok()?;
        let known = self.kept(&bytes, &label, World::Strategy)?;
        self.trust.check_name(&named(&known), &label.place, &bytes).is_ok().then_some(known)
    }

    /// What a component of a world said of itself. What is wrong with one is left to whoever opens it.
    fn kept(&self, bytes: &[u8], label: &Label, world: World) -> Option<Inspection> {
        let description = self.descriptions.as_ref()?.find(&label.digest)?;
        let interfaces = Interfaces::read(bytes, label, world).ok()?;
        tracing::debug!(component = %label.place, "its description was kept");
        let size = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        Some(Inspection::new(description, interfaces, world, size, label, &self.tables.dials))
    }

    fn keep(&self, digest: &Digest, description: &Description) {
        if let Some(descriptions) = &self.descriptions
            && let Err(error) = descriptions.keep(digest, description)
        {
            tracing::warn!(%error, "the description is not kept");
        }
    }

    /// The compiled component, and how long it took where it was not kept from earlier.
    fn compile(
        &self,
        runtime: &Runtime,
        bytes: &[u8],
        label: &Label,
    ) -> Result<(Component, Option<Duration>), LoadError> {
        let Runtime { world, engine, artifacts, .. } = runtime;
        if let Some(artifacts) = artifacts {
            if let Some(component) = artifacts.find(engine, &label.digest) {
                tracing::debug!("found in the cache of compiled components");
                return Ok((component, None));
            }
            tracing::debug!("not in the cache of compiled components");
        }
        shape::check(bytes).map_err(|error| LoadError::of_shape(error, label))?;
        if let Some(tell) = &self.on_compile {
            tell(&label.place, bytes.len());
        }
        let began = Instant::now();
        let limits = &self.compile_limits;
        let compile = || compile::compile((engine, *world), bytes, limits);
        let compiled = match &self.on_long_compile {
            Some((after, tell)) => compile::told_after(*after, || tell(&label.place, bytes.len()), compile),
            None => compile(),
        };
        let compiled = compiled.map_err(|error| {
            tracing::warn!(bytes = bytes.len(), ?error, "not compiled");
            LoadError::of_compiling(error, label, limits)
        })?;
        let took = began.elapsed();
        tracing::info!(bytes = bytes.len(), compiled_bytes = compiled.len(), ?took, "compiled");
        if let Some(artifacts) = artifacts
            && let Err(error) = artifacts.keep(&compiled, &label.digest, bytes.len())
        {
            // A full disk costs the next start its time, and nothing else.
            tracing::warn!(%error, "the compiled component is not kept");
        }
        let component = artifact::deserialize(engine, &compiled).map_err(|error| {
            LoadError::of_compiling(CompileError::Failed(format!("{error:#}")), label, limits)
        })?;
        Ok((component, Some(took)))
    }
}

/// The name by which a component is pinned.
fn named(inspection: &Inspection) -> String {
    let name = &inspection.description.name;
    if inspection.world == World::Eviction.name() { full_name(name) } else { name.clone() }
}

impl fmt::Debug for Loader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Loader")
            .field("artifacts", &self.strategies.artifacts)
            .field("note", &self.note)
            .finish_non_exhaustive()
    }
}
