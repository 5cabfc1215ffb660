//! What run this is; mirrors `wit/run.wit`.

use serde::{Deserialize, Serialize};

/// What a run is optimised for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Objective {
    /// Work done a second.
    #[default]
    Throughput,
    /// Time from request to answer.
    Latency,
    /// Memory held.
    Memory,
    /// Bytes that the origin is asked for.
    Bandwidth,
}

impl Objective {
    /// The name in profiles and in `run.objective`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Throughput => "throughput",
            Self::Latency => "latency",
            Self::Memory => "memory",
            Self::Bandwidth => "bandwidth",
        }
    }
}

/// What moves the time of a run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Clock {
    /// Wall time.
    #[default]
    Live,
    /// The requests.
    Virtual,
}

impl Clock {
    /// The name in `run.clock`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Virtual => "virtual",
        }
    }
}

/// Unit of sizes and of the cache's capacity.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Unit {
    /// Bytes.
    #[default]
    Bytes,
    /// Objects: each counts as one.
    Objects,
}

impl Unit {
    /// The name in `run.capacity-unit`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Bytes => "bytes",
            Self::Objects => "objects",
        }
    }
}

/// What a strategy may know of the run it takes part in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunInfo {
    /// What moves the time.
    pub clock: Clock,
    /// What the operator wants.
    pub objective: Objective,
    /// Unit of sizes and of the capacity.
    pub unit: Unit,
    /// Where all chance comes from.
    pub seed: u64,
    /// Whether keys keep an order, so that the distance between two means something.
    pub keys_ordered: bool,
    /// Whether all of the work is there from the start, and the time until the last of it has ended counts.
    pub batch: bool,
}
