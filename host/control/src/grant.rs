//! Grants: what a profile hands to a strategy.
//!
//! A capability is an import, so that a grant is no more than another name for an interface of `wit/`.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::proposal::Control;

/// An interface that a profile may hand to a strategy. One that is not granted is not linked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Grant {
    /// Read what was measured.
    Metrics,
    /// Propose a policy and a capacity.
    CacheControl,
    /// Propose numbers of workers.
    ExecutorControl,
    /// Propose prefetch rules and their budget.
    PrefetchControl,
    /// Read the settings that the profile gives.
    Config,
    /// Write log messages.
    Logging,
}

impl Grant {
    /// Every grant, in the order in which they are shown.
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

    /// The controls that can be turned through it.
    #[must_use]
    pub fn controls(self) -> &'static [Control] {
        match self {
            Self::CacheControl => &[Control::CachePolicy, Control::CacheCapacity],
            Self::ExecutorControl => &[Control::CpuWorkers, Control::IoWorkers],
            Self::PrefetchControl => &[Control::PrefetchRules, Control::PrefetchBudget],
            Self::Metrics | Self::Config | Self::Logging => &[],
        }
    }
}

impl fmt::Display for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back() {
        for grant in Grant::ALL {
            assert_eq!(Grant::from_name(grant.name()), Some(grant));
            assert_eq!(serde_json::to_value(grant).unwrap(), grant.name());
        }
        assert_eq!(Grant::from_name("metric"), None);
    }

    #[test]
    fn every_control_has_one_grant() {
        for control in Control::ALL {
            let with = Grant::ALL.iter().filter(|g| g.controls().contains(&control)).count();
            assert_eq!(with, 1, "{control:?}");
        }
    }
}
