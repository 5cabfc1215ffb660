//! What a component is, for people and for `--json`.

use serde::Serialize;

use crate::description::Description;
use host_control::Grant;

/// What a component says of itself and needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Inspection {
    /// What it says of itself.
    #[serde(flatten)]
    pub description: Description,
    /// The world it is built for.
    pub world: &'static str,
    /// What it imports, in its own order.
    pub imports: Vec<Import>,
    /// What it exports, in its own order.
    pub exports: Vec<String>,
    /// Its length, bytes.
    pub size_bytes: u64,
    /// BLAKE3 digest of its bytes, hexadecimal.
    pub digest: String,
    /// The path of the file, or the name of a bundled component.
    pub place: String,
}

/// One import.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Import {
    /// Full name of the interface, with its version.
    pub name: String,
    /// The grant that it needs; none for what every component is given (types, and WASI with nothing behind it).
    pub grant: Option<Grant>,
}

impl Inspection {
    /// The grants that it needs, in their own order, each once.
    #[must_use]
    pub fn grants(&self) -> Vec<Grant> {
        let mut grants: Vec<Grant> = self.imports.iter().filter_map(|import| import.grant).collect();
        grants.sort();
        grants.dedup();
        grants
    }
}
