//! Grants: what a profile hands to a strategy.
//!
//! A capability is an import, so that a grant is no more than the name of an interface of `wit/`.

use std::fmt;

use serde::{Deserialize, Serialize};

/// An interface that a profile may hand to a strategy. One that is not granted is not linked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Grant {
    /// Read what was measured.
    Metrics,
    /// Read the requests themselves.
    Accesses,
    /// Read ranges of dials and what became of proposals; explain a proposal.
    Dials,
    /// Read what run this is and what is left of a call.
    Run,
    /// Propose a policy and a capacity.
    CacheControl,
    /// Propose sizes of the tiers below memory, how they compress and how long they keep.
    TierControl,
    /// Propose numbers of workers.
    ExecutorControl,
    /// Propose prefetch rules and their budget.
    PrefetchControl,
    /// Choose which policies the shadows follow.
    ShadowControl,
    /// Read the settings that the profile gives.
    Settings,
    /// Keep what was learnt.
    State,
    /// Write log messages.
    Log,
}

impl Grant {
    /// Every grant, in the order in which they are shown.
    pub const ALL: [Self; 12] = [
        Self::Metrics,
        Self::Accesses,
        Self::Dials,
        Self::Run,
        Self::CacheControl,
        Self::TierControl,
        Self::ExecutorControl,
        Self::PrefetchControl,
        Self::ShadowControl,
        Self::Settings,
        Self::State,
        Self::Log,
    ];

    /// The name in profiles: that of the interface.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Metrics => "metrics",
            Self::Accesses => "accesses",
            Self::Dials => "dials",
            Self::Run => "run",
            Self::CacheControl => "cache-control",
            Self::TierControl => "tier-control",
            Self::ExecutorControl => "executor-control",
            Self::PrefetchControl => "prefetch-control",
            Self::ShadowControl => "shadow-control",
            Self::Settings => "settings",
            Self::State => "state",
            Self::Log => "log",
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
        f.pad(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back() {
        for grant in Grant::ALL {
            assert_eq!(Grant::from_name(grant.name()), Some(grant));
        }
        assert_eq!(Grant::from_name("metric"), None);
    }
}
