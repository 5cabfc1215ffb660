//! What is measured, and with how much memory.

use std::num::NonZeroU64;

/// What is measured besides the misses, and with how much memory.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// Measure byte miss ratios, and take capacities in percent as percent of the footprint: the bytes of
    /// the distinct keys.
    pub sizes: bool,
    /// Count hits by windows of so many requests.
    pub per_window: Option<NonZeroU64>,
    /// Whether the requests are held in memory.
    pub hold: Hold,
    /// Memory that held requests may take.
    pub memory: MemoryLimit,
}

/// Whether the requests of a trace are held in memory. The rows are the same.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Hold {
    /// As long as they fit.
    #[default]
    AsNeeded,
    /// Always, whatever it takes.
    Always,
    /// Never: for traces that are known to be too large.
    Never,
}

/// Memory that the requests of a trace may take.
#[derive(Debug, Clone, Copy, Default)]
pub enum MemoryLimit {
    /// No limit.
    #[default]
    None,
    /// So many bytes.
    Bytes(u64),
    /// As many bytes as the function returns. It is called once, and only when the requests take more than 256 MiB,
    /// because looking at the machine can take as long as a short simulation.
    Ask(fn() -> u64),
}
