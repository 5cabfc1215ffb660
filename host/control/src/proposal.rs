//! Controls, proposals, and the answers a proposal gets.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A dial of the host. One owner decides each: the arbiter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Control {
    /// Which eviction policy the cache follows.
    CachePolicy,
    /// How many bytes the cache may hold.
    CacheCapacity,
    /// Threads of the CPU pool.
    CpuWorkers,
    /// Tasks that the IO pool runs at once.
    IoWorkers,
    /// Which entries to load ahead of demand.
    PrefetchRules,
    /// How much may be loaded ahead of demand.
    PrefetchBudget,
}

impl Control {
    /// Every control, in the order in which decisions are applied: capacity last, because the memory
    /// budget has the last word.
    pub const ALL: [Self; 6] = [
        Self::CachePolicy,
        Self::CpuWorkers,
        Self::IoWorkers,
        Self::PrefetchRules,
        Self::PrefetchBudget,
        Self::CacheCapacity,
    ];

    /// The name in profiles, reports and the ledger.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::CachePolicy => "cache-policy",
            Self::CacheCapacity => "cache-capacity",
            Self::CpuWorkers => "cpu-workers",
            Self::IoWorkers => "io-workers",
            Self::PrefetchRules => "prefetch-rules",
            Self::PrefetchBudget => "prefetch-budget",
        }
    }
}

impl fmt::Display for Control {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What a strategy asks for in one control call.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Proposal {
    /// Follow this eviction policy.
    CachePolicy(String),
    /// Hold at most so many bytes.
    CacheCapacity(u64),
    /// Run so many CPU threads.
    CpuWorkers(u32),
    /// Run so many IO tasks at once.
    IoWorkers(u32),
    /// Load so much ahead.
    PrefetchBudget(Budget),
    /// Install or replace the rule of this id.
    InstallRule {
        /// The strategy's own id for the rule.
        id: u32,
        /// What to load, and when.
        rule: PrefetchRule,
    },
    /// Withdraw the rule of this id.
    WithdrawRule {
        /// The strategy's own id for the rule.
        id: u32,
    },
}

impl Proposal {
    /// The control it turns.
    #[must_use]
    pub fn control(&self) -> Control {
        match self {
            Self::CachePolicy(_) => Control::CachePolicy,
            Self::CacheCapacity(_) => Control::CacheCapacity,
            Self::CpuWorkers(_) => Control::CpuWorkers,
            Self::IoWorkers(_) => Control::IoWorkers,
            Self::PrefetchBudget(_) => Control::PrefetchBudget,
            Self::InstallRule { .. } | Self::WithdrawRule { .. } => Control::PrefetchRules,
        }
    }
}

impl fmt::Display for Proposal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CachePolicy(name) => f.write_str(name),
            Self::CacheCapacity(bytes) => write!(f, "{bytes} bytes"),
            Self::CpuWorkers(n) | Self::IoWorkers(n) => write!(f, "{n}"),
            Self::PrefetchBudget(b) => {
                write!(f, "{} loads, {:.0} % of the cache", b.max_in_flight, b.cache_share * 100.0)
            }
            Self::InstallRule { id, rule: PrefetchRule::Sequential { stride, depth } } => {
                write!(f, "rule {id}: sequential, stride {stride}, depth {depth}")
            }
            Self::InstallRule { id, rule: PrefetchRule::Association { key, targets } } => {
                write!(f, "rule {id}: key {key:x} -> {} keys", targets.len())
            }
            Self::WithdrawRule { id } => write!(f, "rule {id}: withdrawn"),
        }
    }
}

/// How much may be loaded ahead of demand.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Budget {
    /// Loads under way at once; 0 switches prefetching off.
    pub max_in_flight: u32,
    /// Share of the cache that entries not yet asked for may take, 0.0 to 0.5.
    pub cache_share: f64,
}

/// What to load ahead, and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum PrefetchRule {
    /// A run of keys at equal distances.
    Sequential {
        /// Distance from one key to the next, not 0.
        stride: i64,
        /// Keys to stay ahead, 1 to 64.
        depth: u32,
    },
    /// Keys that follow a key.
    Association {
        /// The key that triggers the rule.
        key: u64,
        /// What to load, 1 to 16 keys.
        targets: Vec<u64>,
    },
}

/// The answer to a proposal that stands until the arbitration at the end of the tick.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Acceptance {
    /// Taken as it is.
    Accepted,
    /// Taken as the nearest value within the control's bounds.
    Clamped(u64),
}

/// Why a proposal was refused; mirrors `control-error` of `wit/types.wit`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
#[serde(rename_all = "kebab-case")]
pub enum Refusal {
    /// The profile does not grant the control.
    #[error("not granted by the profile")]
    NotGranted,
    /// Nothing is behind the control in this run.
    #[error("unavailable in this run")]
    Unavailable,
    /// Changed a moment ago; heard again from this tick on.
    #[error("cooling down until tick {0}")]
    CoolingDown(u64),
    /// No such value; those that are known.
    #[error("unknown, expected one of: {}", .0.join(", "))]
    Unknown(Vec<String>),
    /// Not a value this control can ever take.
    #[error("invalid: {0}")]
    Invalid(String),
    /// More proposals in one tick than are listened to.
    #[error("more than {0} proposals in one tick")]
    TooMany(u32),
}
