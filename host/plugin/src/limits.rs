//! What a strategy may use.

use std::time::Duration;

/// Bounds on one strategy. Fuel decides, because it gives the same outcome in every run; the
/// deadlines are the backstop for wall time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Fuel for one tick: about one unit a wasm instruction. The start gets
    /// [`Limits::START_FUEL_FACTOR`] times as much.
    pub fuel: u64,
    /// Wall time of one tick.
    pub deadline: Duration,
    /// Linear memory that may be held, over all memories of the component, bytes.
    pub memory_bytes: u64,
    /// Wall time of the start: instantiation and `describe`.
    pub start_deadline: Duration,
}

impl Limits {
    /// How much more fuel the start gets than a tick: a runtime for a scripting language sets itself up then.
    pub const START_FUEL_FACTOR: u64 = 10;

    /// Fuel for instantiation and `describe`.
    #[must_use]
    pub fn start_fuel(&self) -> u64 {
        self.fuel.saturating_mul(Self::START_FUEL_FACTOR)
    }
}

impl Default for Limits {
    /// Enough for a strategy in any language: 100 million units, 50 ms, 64 MiB, 5 s to start.
    fn default() -> Self {
        Self {
            fuel: 100_000_000,
            deadline: Duration::from_millis(50),
            memory_bytes: 64 << 20,
            start_deadline: Duration::from_secs(5),
        }
    }
}
