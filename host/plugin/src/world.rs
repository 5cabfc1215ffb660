//! The worlds of the contract.

use std::fmt;

use crate::versions::Contract;

/// A world that components are built for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum World {
    /// The control plane: a strategy.
    Strategy,
    /// The data plane: an eviction policy.
    Eviction,
}

impl World {
    /// Its name in the package.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Strategy => "strategy",
            Self::Eviction => "eviction",
        }
    }

    /// What a component of it is called.
    pub(crate) const fn kind(self) -> &'static str {
        match self {
            Self::Strategy => "a strategy",
            Self::Eviction => "an eviction policy",
        }
    }
}

/// A world of one version of the contract. Its text is the full name: `optimizer:plugin/strategy@0.1.0`.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    pub(crate) world: World,
    pub(crate) contract: &'static dyn Contract,
}

impl Target {
    /// What a component of it exports.
    pub(crate) fn exports(self) -> &'static [&'static str] {
        self.contract.exports(self.world)
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.contract.world(self.world))
    }
}
