//! What a running host is told to do.

/// A command to a running host, carried out between two ticks.
#[derive(Debug)]
pub enum Command {
    /// Hold a tick now. The reason is on the ledger.
    Tick {
        /// Why, in words.
        reason: String,
    },
    /// Go on under other settings: ranges, arbitration, cool-down, interval and memory cap. A value that is out of its new
    /// range moves to the nearest inside. Strategies stay as they are.
    Reload(Box<host_profile::Settings>),
    /// Stop consulting a strategy. What it holds returns to the starting values, and its rules are withdrawn.
    Retire {
        /// Name of the strategy.
        strategy: String,
        /// Why, in words.
        reason: String,
    },
}
