//! The contract that this host has: its package, version and world.

/// The package of the contract.
pub(crate) const PACKAGE: &str = "optimizer:plugin";

/// The version of the contract that this host has.
pub(crate) const PACKAGE_VERSION: &str = "0.1.0";

/// The world that a strategy is built for.
pub const WORLD: &str = "optimizer:plugin/strategy@0.1.0";
