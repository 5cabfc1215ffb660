//! Why a simulation could not be done.

use host_workload::trace::TraceError;

/// Why a simulation could not be done.
#[derive(Debug, thiserror::Error)]
pub enum SimError {
    /// The trace cannot be read.
    #[error(transparent)]
    Trace(#[from] TraceError),
    /// A capacity in bytes for a trace without sizes.
    #[error(
        "{path}: capacity {capacity} is in bytes, but {format} gives no sizes; \
         give it in objects (1000) or in percent of the distinct keys (1%)"
    )]
    NoSizes {
        /// The trace.
        path: String,
        /// The capacity as given.
        capacity: String,
        /// The trace's format.
        format: String,
    },
    /// Byte miss ratios of a trace without sizes.
    #[error("{path}: byte miss ratios were asked for, but {format} gives no sizes")]
    NothingToWeigh {
        /// The trace.
        path: String,
        /// The trace's format.
        format: String,
    },
    /// Belady's algorithm is optimal for objects of one size only.
    #[error(
        "belady needs capacities in objects or percent, not {0}: \
         with objects of different sizes the optimum is not computable in useful time"
    )]
    BeladyInBytes(String),
    /// More distinct keys than can be numbered.
    #[error("{0}: more than 2,147,483,647 distinct keys")]
    TooManyKeys(String),
    /// The trace was read again, and has other keys.
    #[error("{0}: was changed while it was read; start again when nobody writes to it")]
    Changed(String),
    /// A policy of another program failed, or answered what cannot be true.
    #[error("policy `{policy}`: {reason}")]
    Policy {
        /// The policy.
        policy: String,
        /// What went wrong.
        reason: String,
    },
    /// What was asked for needs the requests in memory, where they may not be or do not fit.
    #[error(
        "{path}: {what} needs the whole trace in memory, and there is no room for it; \
         give capacities in objects (1000) or bytes (64MB), and policies other than belady"
    )]
    NeedsMemory {
        /// The trace.
        path: String,
        /// What needs it.
        what: String,
    },
}
