//! What a strategy may import.

use std::fmt;

use serde::Serialize;

/// An import that a profile may grant to a strategy. An import that is not granted is not linked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Grant {
    /// Read the host's measurements.
    Metrics,
    /// Propose a policy and a capacity for the cache.
    CacheControl,
    /// Propose numbers of workers.
    ExecutorControl,
    /// Propose prefetch rules and their budget.
    PrefetchControl,
    /// Read the settings that the profile gives the strategy.
    Config,
    /// Write to the host's log.
    Logging,
}

impl Grant {
    /// Every grant there is.
    pub const ALL: [Self; 6] = [
        Self::Metrics,
        Self::CacheControl,
        Self::ExecutorControl,
        Self::PrefetchControl,
        Self::Config,
        Self::Logging,
    ];

    /// The name in profiles.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Metrics => "metrics",
            Self::CacheControl => "cache-control",
            Self::ExecutorControl => "executor-control",
            Self::PrefetchControl => "prefetch-control",
            Self::Config => "config",
            Self::Logging => "logging",
        }
    }

    /// The grant of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|grant| grant.name() == name)
    }
}

impl fmt::Display for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
