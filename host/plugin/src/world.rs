//! The contract that this host has: its package, version and worlds.

/// The package of the contract.
pub(crate) const PACKAGE: &str = "optimizer:plugin";

/// The version of the contract that this host has.
pub(crate) const PACKAGE_VERSION: &str = "0.1.0";

/// The world that a strategy is built for.
pub const WORLD: &str = "optimizer:plugin/strategy@0.1.0";

/// A world that components are built for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum World {
    /// The control plane: a strategy.
    Strategy,
    /// The data plane: an eviction policy.
    Eviction,
}

impl World {
    /// Its full name.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Strategy => WORLD,
            Self::Eviction => "optimizer:plugin/eviction@0.1.0",
        }
    }

    /// What a component of it is called.
    pub(crate) const fn kind(self) -> &'static str {
        match self {
            Self::Strategy => "a strategy",
            Self::Eviction => "an eviction policy",
        }
    }

    /// What a component of it exports.
    pub(crate) const fn exports(self) -> &'static [&'static str] {
        match self {
            Self::Strategy => &["describe", "tick"],
            Self::Eviction => &["optimizer:plugin/eviction-policy@0.1.0"],
        }
    }
}
