//! Why a component could not be loaded.
//!
//! Every text names the component with the digest of its very bytes, says what was expected, which
//! side has to change, and the command or the line that helps.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use host_control::Fault;

use crate::compile::{CompileError, CompileLimits};
use crate::digest::Digest;
use crate::names;
use crate::shape::ShapeError;
use crate::trust::TrustError;
use crate::versions;
use crate::world::Target;

/// A component as error texts call it: where it came from, and the start of its digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// The path of the file, or the name of a bundled component.
    pub place: String,
    /// Digest of the bytes.
    pub digest: Digest,
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.place, self.digest.short())
    }
}

/// Why a component could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The file cannot be read.
    #[error("{}: cannot be read: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The directory of components cannot be listed.
    #[error("{}: the plugin directory cannot be listed: {source}", path.display())]
    Directory {
        /// The directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file is empty.
    #[error(
        "{component}: the file is empty; was the build or the copy interrupted? Build and copy it again: \
         `cargo build --release --target wasm32-wasip2`"
    )]
    Empty {
        /// The component.
        component: Label,
    },
    /// Not WebAssembly at all.
    #[error(
        "{component}: not a WebAssembly file: it starts with {start}, a component starts with 00 61 73 6d 0d 00 01 00{advice}"
    )]
    NotWasm {
        /// The component.
        component: Label,
        /// Its first bytes, hexadecimal.
        start: String,
        /// What it may be instead, or nothing.
        advice: &'static str,
    },
    /// A core module.
    #[error(
        "{component}: a core module, and the host runs components. Build it with `cargo build --release --target \
         wasm32-wasip2`, or wrap this one with `wasm-tools component new MODULE.wasm -o COMPONENT.wasm`"
    )]
    CoreModule {
        /// The component.
        component: Label,
    },
    /// A component that is damaged, or uses a feature of wasm that the host has switched off.
    #[error(
        "{component}: not a valid component: {reason}. Build it again; `wasm-tools validate FILE` says more about it"
    )]
    Invalid {
        /// The component.
        component: Label,
        /// What is wrong with it.
        reason: String,
    },
    /// A component that is too large in one respect.
    #[error("{component}: {excess}. No key of a profile changes that: a smaller component has to be built")]
    TooLarge {
        /// The component.
        component: Label,
        /// In what.
        excess: ShapeError,
    },
    /// A component that takes too much memory to compile.
    #[error(
        "{component}: needs more than {} MB of memory to compile; raise `plugins.compile-memory` in the profile if it is \
         meant to", bytes / 1_000_000
    )]
    CompileMemory {
        /// The component.
        component: Label,
        /// The memory that there was, bytes.
        bytes: u64,
    },
    /// A component that takes too long to compile.
    #[error(
        "{component}: takes longer than {} s to compile; raise `plugins.compile-time` in the profile if it is meant to",
        time.as_secs()
    )]
    CompileTime {
        /// The component.
        component: Label,
        /// The time that there was.
        time: Duration,
    },
    /// The compiler ended in a way that says nothing of the component.
    #[error("{component}: the compiler failed: {reason}")]
    Compiler {
        /// The component.
        component: Label,
        /// How it ended.
        reason: String,
    },
    /// A component of another world.
    #[error(
        "{component}: a component of another world: {} exports {}, this one lacks {} and exports {}. \
         Build it for world `{world}` of the host's `wit/` directory",
        world.world.kind(), expected(*world), names::list(.missing), exported(.exports)
    )]
    OtherWorld {
        /// The component.
        component: Label,
        /// The world that was expected.
        world: Target,
        /// Exports of that world that it lacks.
        missing: Vec<String>,
        /// What it exports.
        exports: Vec<String>,
    },
    /// A component that has nothing to do with this host.
    #[error(
        "{component}: not a component for this host: it imports and exports nothing of {}, and exports {}. {} exports \
         {}: build it for world `{world}` of the host's `wit/` directory",
        versions::PACKAGE, exported(.exports), capitalized(world.world.kind()), expected(*world)
    )]
    Foreign {
        /// The component.
        component: Label,
        /// The world that was expected.
        world: Target,
        /// What it exports.
        exports: Vec<String>,
    },
    /// Built for a version of the contract that this host does not run.
    #[error(
        "{component}: {age} for this host: it is built for `{interface}`, the host runs {} {}. {}",
        versions::PACKAGE, versions::listed(), age.advice()
    )]
    OtherVersion {
        /// The component.
        component: Label,
        /// An interface with its version, as the component names it.
        interface: String,
        /// Which side is behind.
        age: Age,
    },
    /// Built for a later patch of a version that this host runs, and in need of what came with it.
    #[error(
        "{component}: too new for this host: it is built for `{interface}`, the host has {}@{version}, and {lacking}. Upgrade \
         the host, or build the component for {version}",
        versions::PACKAGE, version = world.contract.version()
    )]
    LaterPatch {
        /// The component.
        component: Label,
        /// The world that was expected.
        world: Target,
        /// An interface with its version, as the component names it.
        interface: String,
        /// What the host does not have, in words.
        lacking: String,
    },
    /// Built for two versions of the contract.
    #[error(
        "{component}: built for two versions of {} at once: it names `{one}` and `{other}`. Build all that it is made of \
         with the SDK for one of them; the host runs {}",
        versions::PACKAGE,
        versions::listed()
    )]
    TwoVersions {
        /// The component.
        component: Label,
        /// An interface with its version.
        one: String,
        /// An interface of another version.
        other: String,
    },
    /// Imports that no host of this version has.
    #[error(
        "{component}: imports what this host does not have: {}. The component has to do without, or be built for \
         world `{world}`; `wasm-tools component wit FILE` lists what it needs", .imports.join(", ")
    )]
    UnknownImports {
        /// The component.
        component: Label,
        /// The world that was expected.
        world: Target,
        /// Each import, with what the host has instead where that is near.
        imports: Vec<String>,
    },
    /// Imports that the profile does not grant.
    #[error(
        "{component}: strategy `{name}` imports {}, which the profile does not grant. Add to the profile: {line}",
        names::list(.imports)
    )]
    NotGranted {
        /// The component.
        component: Label,
        /// Name of the strategy.
        name: String,
        /// The interfaces that are not granted.
        imports: Vec<String>,
        /// The line to add to the profile.
        line: String,
    },
    /// The names fit but the types do not.
    #[error(
        "{component}: does not fit world `{world}`: {reason}. Build it again with the `wit/` directory of this host"
    )]
    Mismatch {
        /// The component.
        component: Label,
        /// The world that was expected.
        world: Target,
        /// What does not fit.
        reason: String,
    },
    /// It failed while it was instantiated or described itself.
    #[error("{component}: failed at its start, before the first tick: {fault}")]
    Start {
        /// The component.
        component: Label,
        /// How it failed.
        fault: Fault,
    },
    /// It describes itself as something that cannot be.
    #[error("{component}: bad description: {reason}. The component's `describe` has to change")]
    BadDescription {
        /// The component.
        component: Label,
        /// What is wrong with it.
        reason: String,
    },
    /// The profile gives a setting that the strategy does not have.
    #[error("{component}: strategy `{strategy}` has no setting `{setting}`{}; it has {}. Change the profile", names::hint(.setting, .known), declared(.known))]
    UnknownSetting {
        /// The component.
        component: Label,
        /// Name of the strategy.
        strategy: String,
        /// The setting that the profile gives.
        setting: String,
        /// The settings that there are.
        known: Vec<String>,
    },
    /// The profile gives a setting a value that is not of its kind.
    #[error(
        "{component}: strategy `{strategy}`: setting `{setting}` is `{value}`, expected {expected}. Change the profile"
    )]
    BadSetting {
        /// The component.
        component: Label,
        /// Name of the strategy.
        strategy: String,
        /// The setting.
        setting: String,
        /// What the profile gives.
        value: Box<str>,
        /// What would have been allowed.
        expected: Box<str>,
    },
    /// Two files of the plugin directory give themselves one name.
    #[error(
        "{} and {} both call themselves `{name}`, so that a profile cannot tell them apart. Remove one of them from the \
         plugin directory, or build it with another name", first.display(), second.display()
    )]
    TwoOfOneName {
        /// The name.
        name: String,
        /// The first of the files.
        first: PathBuf,
        /// The second.
        second: PathBuf,
    },
    /// Nobody has accepted these bytes, or somebody others.
    #[error(transparent)]
    Untrusted(Box<TrustError>),
    /// The sandbox itself cannot be set up on this machine.
    #[error("the WebAssembly sandbox cannot be set up on this machine: {0}")]
    Sandbox(String),
}

impl From<TrustError> for LoadError {
    fn from(error: TrustError) -> Self {
        Self::Untrusted(Box::new(error))
    }
}

impl LoadError {
    /// The name of the component, where it is known though it cannot be opened.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::Untrusted(error) => error.name(),
            _ => None,
        }
    }

    pub(crate) fn of_shape(error: ShapeError, component: &Label) -> Self {
        let component = component.clone();
        match error {
            ShapeError::Malformed(reason) => Self::Invalid { component, reason },
            excess => Self::TooLarge { component, excess },
        }
    }

    pub(crate) fn of_compiling(error: CompileError, component: &Label, limits: &CompileLimits) -> Self {
        let component = component.clone();
        match error {
            CompileError::Invalid(reason) => Self::Invalid { component, reason },
            CompileError::Memory => Self::CompileMemory { component, bytes: limits.memory_bytes },
            CompileError::Time => Self::CompileTime { component, time: limits.time },
            CompileError::Failed(reason) => Self::Compiler { component, reason },
        }
    }
}

/// Which side is behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Age {
    /// The component is older than what the host runs.
    TooOld,
    /// The component is newer than the host.
    TooNew,
}

impl Age {
    fn advice(self) -> String {
        match self {
            Self::TooOld => format!(
                "Rebuild the component with the SDK for {}, which is the host's `wit/` directory, or ask its author for a \
                 newer one",
                versions::newest().version()
            ),
            Self::TooNew => "Upgrade the host, or use an older version of the component".to_owned(),
        }
    }
}

impl fmt::Display for Age {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooOld => "too old",
            Self::TooNew => "too new",
        })
    }
}

fn exported(exports: &[String]) -> String {
    if exports.is_empty() { "nothing".to_owned() } else { names::list(exports) }
}

/// A text that begins a sentence.
fn capitalized(text: &str) -> String {
    let mut rest = text.chars();
    rest.next().map_or_else(String::new, |first| first.to_uppercase().chain(rest).collect())
}

fn expected(world: Target) -> String {
    let exports: Vec<String> = world.exports().iter().map(|export| format!("`{export}`")).collect();
    exports.join(" and ")
}

fn declared(known: &[String]) -> String {
    if known.is_empty() { "no settings".to_owned() } else { names::list(known) }
}
