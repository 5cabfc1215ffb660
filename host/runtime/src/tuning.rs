//! What tuning does and costs at present, for who watches a running host.
//!
//! The control thread puts it where others read it, after each tick and each command, as it does with the snapshot. So
//! reading waits for no tick.

use std::time::Duration;

use host_control::Status;
use host_control::registration::Cost;

/// What tuning does and costs, as of the last tick.
#[derive(Debug, Clone, Default)]
pub struct Tuning {
    /// Each strategy; those that could not be started come first.
    pub strategies: Vec<Tuner>,
    /// CPU time of the control thread since the start: sampling, shadows, strategies, arbitration.
    pub cpu: Duration,
}

/// One strategy.
#[derive(Debug, Clone)]
pub struct Tuner {
    /// Where it stands, and what happened to it.
    pub status: Status,
    /// What it has asked for and burnt.
    pub cost: Cost,
}

impl Tuner {
    /// Of a strategy that could not be started.
    pub(crate) fn not_started(status: &Status) -> Self {
        Self { status: status.clone(), cost: Cost::default() }
    }
}
