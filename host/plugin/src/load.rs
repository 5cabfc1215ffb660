//! From a file to a running strategy.
//!
//! Read, look at the names, compile or fetch what was compiled, link what is granted, start, describe, check the
//! settings: in this order, so that cheap checks come first and a mistake is told before anything runs.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use host_control::{Grant, Identity, Usage};
use wasmtime::Engine;
use wasmtime::component::{Component, Linker};

use crate::artifact::Artifacts;
use crate::bindings::{Strategy as Bindings, StrategyPre};
use crate::call::{self, Allowance};
use crate::description::Description;
use crate::inspection::{Import, Inspection};
use crate::limits::Limits;
use crate::load_error::{Label, LoadError};
use crate::shape::Shape;
use crate::state::State;
use crate::strategy::{Running, WasmStrategy};
use crate::ticker::Ticker;
use crate::{engine, imports, wasi};

/// A component to load.
#[derive(Debug, Clone, Copy)]
pub enum Source<'a> {
    /// A file.
    File {
        /// The name that the profile uses.
        name: &'a str,
        /// Where it is.
        path: &'a Path,
    },
    /// Bytes, as those of a bundled component.
    Bytes {
        /// The name that the profile uses.
        name: &'a str,
        /// The component.
        bytes: &'a [u8],
    },
}

impl<'a> Source<'a> {
    /// A file, by the name that it has without `.wasm`.
    #[must_use]
    pub fn file(path: &'a Path) -> Self {
        let name = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or("component");
        Self::File { name, path }
    }

    fn name(&self) -> &'a str {
        match *self {
            Self::File { name, .. } | Self::Bytes { name, .. } => name,
        }
    }

    fn read(&self) -> Result<(Cow<'a, [u8]>, Label), LoadError> {
        let (bytes, place) = match *self {
            Self::Bytes { name, bytes } => (Cow::Borrowed(bytes), name.to_owned()),
            Self::File { path, .. } => {
                let unreadable = |source| LoadError::Unreadable { path: path.to_owned(), source };
                // A pipe or a device would be read for ever.
                if !fs::metadata(path).map_err(unreadable)?.is_file() {
                    return Err(unreadable(std::io::Error::other("not a file")));
                }
                (Cow::Owned(fs::read(path).map_err(unreadable)?), path.display().to_string())
            }
        };
        let digest = blake3::hash(&bytes).to_hex().as_str().into();
        Ok((bytes, Label { place, digest }))
    }
}

/// How a loader works.
#[derive(Debug, Clone, Default)]
pub struct LoaderConfig {
    /// Where compiled components are kept; none compiles each time. [`default_cache_dir`] is the usual place.
    pub cache_dir: Option<PathBuf>,
}

/// Where compiled components are usually kept: in the user's cache directory. None without a home.
#[must_use]
pub fn default_cache_dir() -> Option<PathBuf> {
    directories::ProjectDirs::from("", "", "host").map(|dirs| dirs.cache_dir().join("components"))
}

type OnCompile = Box<dyn Fn(&str, usize) + Send + Sync>;

/// Loads components. One a process: every strategy of it shares an engine and a ticker.
pub struct Loader {
    engine: Engine,
    ticker: Arc<Ticker>,
    artifacts: Option<Artifacts>,
    note: Option<String>,
    on_compile: Option<OnCompile>,
}

impl Loader {
    /// Sets up the sandbox. A cache directory that cannot be used is no error: see [`Loader::note`].
    ///
    /// # Errors
    /// [`LoadError::Sandbox`]: the machine lacks what compiled code needs, or threads.
    pub fn new(config: &LoaderConfig) -> Result<Self, LoadError> {
        let engine = engine::engine().map_err(|error| LoadError::Sandbox(format!("{error:#}")))?;
        let ticker = Ticker::start(&engine).map_err(|error| LoadError::Sandbox(error.to_string()))?;
        let (mut artifacts, mut note) = (None, None);
        if let Some(dir) = &config.cache_dir {
            match Artifacts::open(dir, &engine) {
                Ok(opened) => artifacts = Some(opened),
                Err(error) => {
                    let dir = dir.display();
                    note = Some(format!("compiled components are not kept: {dir} cannot be used: {error}"));
                }
            }
        }
        Ok(Self { engine, ticker: Arc::new(ticker), artifacts, note, on_compile: None })
    }

    /// Calls `tell` with the name and the size in bytes of a component that is about to be compiled, which can take
    /// seconds.
    #[must_use]
    pub fn on_compile(mut self, tell: impl Fn(&str, usize) + Send + Sync + 'static) -> Self {
        self.on_compile = Some(Box::new(tell));
        self
    }

    /// Why compiled components are not kept, where they should be and are not.
    #[must_use]
    pub fn note(&self) -> Option<&str> {
        self.note.as_deref()
    }

    /// Reads, compiles and links a component with exactly these grants.
    ///
    /// # Errors
    /// Not a component of world `strategy`, or one that imports what is not granted.
    pub fn prepare(&self, source: Source<'_>, grants: &BTreeSet<Grant>) -> Result<Prepared, LoadError> {
        let (bytes, label) = source.read()?;
        let shape = Shape::read(&bytes, &label)?;
        shape.check_grants(source.name(), &label, grants)?;
        let component = self.compile(source.name(), &bytes, &label)?;
        let mismatch = |error: wasmtime::Error| LoadError::Mismatch {
            component: label.clone(),
            reason: format!("{error:#}"),
        };
        let mut linker = Linker::new(&self.engine);
        wasi::link(&mut linker).map_err(mismatch)?;
        imports::link(&mut linker, grants).map_err(mismatch)?;
        let pre = linker.instantiate_pre(&component).and_then(StrategyPre::new).map_err(mismatch)?;
        Ok(Prepared { pre, ticker: Arc::clone(&self.ticker), shape, size: bytes.len(), label })
    }

    /// Loads a component, starts it, and gives it its settings.
    ///
    /// # Errors
    /// Everything that [`Loader::prepare`] and [`Prepared::start`] refuse.
    pub fn load(
        &self,
        source: Source<'_>,
        grants: &BTreeSet<Grant>,
        settings: &BTreeMap<String, String>,
        limits: &Limits,
        seed: u64,
    ) -> Result<WasmStrategy, LoadError> {
        self.prepare(source, grants)?.start(settings, limits, seed)
    }

    /// What a component says of itself and needs. It is run to be asked, with nothing measured and no control granted.
    ///
    /// # Errors
    /// It cannot be loaded, even with every grant.
    pub fn inspect(&self, source: Source<'_>) -> Result<Inspection, LoadError> {
        let prepared = self.prepare(source, &Grant::ALL.into())?;
        let (_, description) = prepared.run_start(&Limits::default(), 0)?;
        let imports = prepared.shape.imports.iter();
        let imports = imports.map(|name| Import { name: name.clone(), grant: Shape::grant_for(name) });
        Ok(Inspection {
            description,
            world: crate::WORLD,
            imports: imports.collect(),
            exports: prepared.shape.exports.clone(),
            size_bytes: u64::try_from(prepared.size).unwrap_or(u64::MAX),
            digest: prepared.label.digest.to_string(),
            place: prepared.label.place.clone(),
        })
    }

    fn compile(&self, name: &str, bytes: &[u8], label: &Label) -> Result<Component, LoadError> {
        let kept = self.artifacts.as_ref().and_then(|a| a.find(&self.engine, &label.digest));
        if let Some(component) = kept {
            return Ok(component);
        }
        if let Some(tell) = &self.on_compile {
            tell(name, bytes.len());
        }
        let component = Component::new(&self.engine, bytes)
            .map_err(|error| LoadError::Invalid { component: label.clone(), reason: format!("{error:#}") })?;
        if let Some(artifacts) = &self.artifacts {
            // A full disk costs the next start its time, and nothing else.
            drop(artifacts.keep(&component, &label.digest, bytes.len()));
        }
        Ok(component)
    }
}

impl fmt::Debug for Loader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Loader")
            .field("artifacts", &self.artifacts)
            .field("note", &self.note)
            .finish_non_exhaustive()
    }
}

/// A component that is compiled and linked. Each start makes a fresh strategy, in microseconds.
pub struct Prepared {
    pre: StrategyPre<State>,
    ticker: Arc<Ticker>,
    shape: Shape,
    size: usize,
    label: Label,
}

impl fmt::Debug for Prepared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Prepared")
            .field("label", &self.label)
            .field("shape", &self.shape)
            .finish_non_exhaustive()
    }
}

impl Prepared {
    /// Starts a strategy of its own store and gives it its settings. The seed decides every random byte it is given.
    ///
    /// # Errors
    /// It fails while it starts, its description is nonsense, or the settings are not those it declares.
    pub fn start(
        &self,
        settings: &BTreeMap<String, String>,
        limits: &Limits,
        seed: u64,
    ) -> Result<WasmStrategy, LoadError> {
        let (mut running, description) = self.run_start(limits, seed)?;
        description.check_settings(settings, &self.label)?;
        let state = running.store.data_mut();
        state.settings.clone_from(settings);
        state.name.clone_from(&description.name);
        let identity = Identity {
            name: description.name.clone(),
            version: description.version.clone(),
            digest: self.label.digest.to_string(),
            controls: description.controls.clone(),
        };
        Ok(WasmStrategy::new(identity, description, running, Arc::clone(&self.ticker), *limits))
    }

    fn run_start(&self, limits: &Limits, seed: u64) -> Result<(Running, Description), LoadError> {
        let state = State::new(limits.memory_bytes, seed);
        let mut store = call::store(self.pre.engine(), state);
        let allowance =
            Allowance { fuel: limits.start_fuel(), deadline: limits.start_deadline, now: Duration::ZERO };
        let started = call::run(&mut store, &self.ticker, allowance, async |store| {
            let bindings: Bindings = self.pre.instantiate_async(&mut *store).await?;
            let description = bindings.call_describe(&mut *store).await?;
            Ok((bindings, description))
        });
        match started {
            Ok(((bindings, description), fuel)) => {
                let description = Description::check(description, &self.label)?;
                let start = Usage { fuel, memory_bytes: store.data().memory.held(), wall: Duration::ZERO };
                Ok((Running { store, bindings, start }, description))
            }
            Err((fault, _)) => Err(LoadError::Start { component: self.label.clone(), fault }),
        }
    }
}
