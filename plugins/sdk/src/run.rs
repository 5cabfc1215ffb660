//! What run this is, and what is left of this call. A strategy that calls any of these imports `optimizer:plugin/run`.

use crate::host::run;
pub use run::{batch, capacity_unit, clock, fuel_left, keys_ordered, seed, time_left_ns};

/// What the operator wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Objective {
    /// Work done a second.
    Throughput,
    /// Time from request to answer.
    Latency,
    /// Memory held.
    Memory,
    /// Bytes that the origin is asked for.
    Bandwidth,
    /// One that a later host has.
    Other,
}

impl Objective {
    /// The objective of that name.
    ///
    /// ```
    /// use strategy_sdk::run::Objective;
    ///
    /// assert_eq!(Objective::named("memory"), Objective::Memory);
    /// assert_eq!(Objective::named("energy"), Objective::Other);
    /// ```
    #[must_use]
    pub fn named(name: &str) -> Self {
        match name {
            "throughput" => Self::Throughput,
            "latency" => Self::Latency,
            "memory" => Self::Memory,
            "bandwidth" => Self::Bandwidth,
            _ => Self::Other,
        }
    }
}

/// What the operator wants of this run.
#[must_use]
pub fn objective() -> Objective {
    Objective::named(&run::objective())
}
