//! What a component is, for people and for `--json`.

use host_contract::{Dials, Grant};
use serde::Serialize;

use crate::description::Description;
use crate::interfaces::Interfaces;
use crate::load_error::Label;
use crate::versions::Contract;
use crate::wasi;
use crate::world::World;

/// What a component says of itself and needs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Inspection {
    /// What it says of itself.
    #[serde(flatten)]
    pub description: Description,
    /// Dials that it names and this host does not have: it is built for a later one. It runs without them.
    pub unknown_dials: Vec<String>,
    /// The world it is built for, with the version that this host has of it.
    pub world: String,
    /// What it imports, in its own order.
    pub imports: Vec<Import>,
    /// What it exports, in its own order.
    pub exports: Vec<String>,
    /// Its length, bytes.
    pub size_bytes: u64,
    /// Digest of its bytes, with its algorithm.
    pub digest: String,
    /// The path of the file, or the name of a bundled component.
    pub place: String,
}

/// One import.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Import {
    /// Full name of the interface, with its version.
    pub name: String,
    /// The grant that it needs; none for what every component is given (types, and WASI).
    pub grant: Option<Grant>,
    /// Where no grant is needed: what is behind it, in words.
    pub behind: Option<&'static str>,
}

impl Import {
    fn of(name: &str, world: World, contract: &'static dyn Contract) -> Self {
        let needed = contract.grant_for(name);
        let (grant, behind) = match (needed, world) {
            (Some(_), World::Strategy) => (needed, None),
            // A policy reaches only what needs no grant.
            (Some(_), World::Eviction) => (None, Some("given to every policy")),
            (None, _) => (None, Some(wasi::behind(name).unwrap_or("types only"))),
        };
        Self { name: name.to_owned(), grant, behind }
    }
}

impl Inspection {
    pub(crate) fn new(
        description: Description,
        interfaces: Interfaces,
        world: World,
        size_bytes: u64,
        label: &Label,
        dials: &Dials,
    ) -> Self {
        let contract = interfaces.contract;
        let unknown_dials = description.unknown_dials(dials).map(str::to_owned).collect();
        Self {
            description,
            unknown_dials,
            world: contract.world(world),
            imports: interfaces.imports.iter().map(|name| Import::of(name, world, contract)).collect(),
            exports: interfaces.exports,
            size_bytes,
            digest: label.digest.to_string(),
            place: label.place.clone(),
        }
    }

    /// The grants that it needs, in their own order, each once.
    #[must_use]
    pub fn grants(&self) -> Vec<Grant> {
        let mut grants: Vec<Grant> = self.imports.iter().filter_map(|import| import.grant).collect();
        grants.sort();
        grants.dedup();
        grants
    }
}
