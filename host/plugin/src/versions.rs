//! The versions of the contract that this host runs, and what it needs of each.
//!
//! A version is a module below this one: the bindings that are generated from its WIT, its imports over [`StoreData`], and
//! [`Contract`] for it. All that knows a version's records lies in there. What comes out are records that belong to no
//! version ([`Description`], [`Answer`], [`Snapshot`]), so that strategies and policies of several versions run beside one
//! another. A component says which one it is built for by the interfaces that it names (see `interfaces.rs`).
//!
//! # To add a version
//!
//! 1. Keep the WIT of the one before where its bindings find it, and give `wit/` the new version.
//! 2. Write a module as `v0_1` is: `bindings.rs` for the new WIT, `imports/` for its interfaces, and the traits below. What
//!    an import does stays in [`StoreData`] and what it holds; only the records around it are the version's own.
//! 3. Add it to [`ALL`], the newest one last.
//! 4. Keep a component of the one before as in `tests/pinned`, which has to run on. Build the SDKs and the bundled
//!    components for the new one.
//!
//! To end the support of a version, take it out of [`ALL`] and delete its module: a component of it is then too old, and
//! the error says what to rebuild it for.
//!
//! `v0_2` is fictitious and only there for tests: it renames imports and an export, and its records have other shapes.
//! `side_by_side.rs` runs its components beside those of 0.1.

pub(crate) mod v0_1;

#[cfg(test)]
mod side_by_side;
#[cfg(test)]
mod v0_2;

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use host_contract::{Grant, Snapshot};
use host_control::Fault;
use host_policy::batched::{Answer, Batch, Opening};
use host_policy::{ExportedEntry, ImportedEntry};
use semver::Version;
use wasmtime::Engine;
use wasmtime::component::{InstancePre, Linker};

use crate::call::Call;
use crate::description::Description;
use crate::handover::Handover;
use crate::store_data::StoreData;
use crate::world::World;

/// The package of the contract, of every version.
pub(crate) const PACKAGE: &str = "optimizer:plugin";

/// Every version that this host runs, the newest one last.
pub(crate) const ALL: &[&dyn Contract] = &[
    &v0_1::V0_1,
    #[cfg(test)]
    &v0_2::V0_2,
];

/// What a call of a guest comes to: its answer or its fault, and the fuel that it burnt.
pub(crate) type Called<T> = Result<(T, u64), (Fault, u64)>;

/// A version of the contract.
pub(crate) trait Contract: fmt::Debug + Sync {
    /// Its version: the last patch that this host has of it.
    fn version(&self) -> Version;

    /// What a component of a world exports, with its version.
    fn exports(&self, world: World) -> &'static [&'static str];

    /// The interface that a grant stands for, without package and version; none where this version has none.
    fn interface(&self, grant: Grant) -> Option<&'static str>;

    /// Links `types`, which holds no function, and exactly the interfaces that are granted.
    fn link(&self, linker: &mut Linker<StoreData>, grants: &BTreeSet<Grant>) -> wasmtime::Result<()>;

    /// A component of world `strategy` that is linked.
    ///
    /// # Errors
    /// It does not export what that world does.
    fn strategy(&self, linked: InstancePre<StoreData>) -> wasmtime::Result<Box<dyn LinkedStrategy>>;

    /// A component of world `eviction` that is linked.
    ///
    /// # Errors
    /// It does not export what that world does.
    fn policy(&self, linked: InstancePre<StoreData>) -> wasmtime::Result<Box<dyn LinkedPolicy>>;
}

/// A strategy that can be instantiated.
pub(crate) trait LinkedStrategy: Send + Sync {
    /// What it is compiled for.
    fn engine(&self) -> &Engine;

    /// Instantiates it, and asks it for its description, which nobody has checked yet.
    fn start(&self, call: Call<'_>) -> Called<Started>;
}

/// A strategy that was instantiated and has described itself.
pub(crate) struct Started {
    pub(crate) strategy: Box<dyn StrategyCalls>,
    /// None where it does not hand over what it has in memory, or its version has no such thing.
    pub(crate) handover: Option<Handover>,
    /// Nobody has checked it yet.
    pub(crate) description: Description,
}

/// An instance of a strategy.
pub(crate) trait StrategyCalls: Send {
    /// A tick at which this was measured. The error is the strategy's own, in its words.
    fn tick(&self, call: Call<'_>, snapshot: &Snapshot) -> Called<Result<(), String>>;
}

/// An eviction policy that can be instantiated.
pub(crate) trait LinkedPolicy: Send + Sync {
    /// What it is compiled for.
    fn engine(&self) -> &Engine;

    /// Instantiates it.
    fn start(&self, call: Call<'_>) -> Called<Box<dyn PolicyCalls>>;
}

/// An instance of an eviction policy.
///
/// A batch costs one indirect call more than it would with one version: nothing is allocated for it, and nothing is done an
/// event.
pub(crate) trait PolicyCalls: Send {
    /// What it says of itself, which nobody has checked yet, and whether it wants the hashes of keys.
    fn describe(&self, call: Call<'_>) -> Called<(Description, bool)>;

    /// Begins with no entries. The error is the policy's own, in its words.
    fn open(&self, call: Call<'_>, opening: Opening) -> Called<Result<(), String>>;

    /// Takes in a batch.
    fn turn(&self, call: Call<'_>, batch: Batch<'_>) -> Called<Answer>;

    /// The capacity is another one.
    fn resize(&self, call: Call<'_>, capacity: u64) -> Called<Answer>;

    /// The residents, from the coldest to the hottest.
    fn hand_over(&self, call: Call<'_>) -> Called<Vec<ExportedEntry>>;

    /// Takes over entries, with the hashes of their keys where it wants them.
    fn take_over(&self, call: Call<'_>, entries: &[ImportedEntry], ids: bool) -> Called<()>;
}

impl dyn Contract {
    /// The full name of a world.
    pub(crate) fn world(&self, world: World) -> String {
        format!("{PACKAGE}/{}@{}", world.name(), self.version())
    }

    /// The full name of the interface that a grant stands for.
    pub(crate) fn interface_of(&self, grant: Grant) -> Option<String> {
        self.interface(grant).map(|name| format!("{PACKAGE}/{name}@{}", self.version()))
    }

    /// The grant that an interface needs, by its name with or without a version; none for what needs none.
    pub(crate) fn grant_for(&self, interface: &str) -> Option<Grant> {
        let (name, _) = split(interface);
        let name = name.strip_prefix(PACKAGE)?.strip_prefix('/')?;
        Grant::ALL.into_iter().find(|grant| self.interface(*grant) == Some(name))
    }

    /// Whether a component of that version is one of this version: its patch may be another.
    fn runs(&self, version: &Version) -> bool {
        let own = self.version();
        // A prerelease may be anything.
        version.pre.is_empty() && (version.major, version.minor) == (own.major, own.minor)
    }
}

/// The version that a component of that version is run as; none where this host does not run it.
pub(crate) fn find(version: &Version) -> Option<&'static dyn Contract> {
    ALL.iter().copied().find(|contract| contract.runs(version))
}

/// The version that was there first.
pub(crate) fn oldest() -> &'static dyn Contract {
    ALL.first().copied().unwrap_or(&v0_1::V0_1)
}

/// The version that components should be built for.
pub(crate) fn newest() -> &'static dyn Contract {
    ALL.last().copied().unwrap_or(&v0_1::V0_1)
}

/// The versions that this host runs, as texts name them: `0.1 (0.1.0)`.
pub(crate) fn listed() -> String {
    let one = |contract: &&dyn Contract| {
        let version = contract.version();
        format!("{}.{} ({version})", version.major, version.minor)
    };
    ALL.iter().map(one).collect::<Vec<_>>().join(" and ")
}

/// An interface's name, and its version where it has one.
pub(crate) fn split(interface: &str) -> (&str, Option<Version>) {
    match interface.split_once('@') {
        Some((name, version)) => (name, Version::parse(version).ok()),
        None => (interface, None),
    }
}

/// Nanoseconds, as every version counts time.
fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
