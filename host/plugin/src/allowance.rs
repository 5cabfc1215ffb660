//! What one call of a guest may use, and the error that stops it.

use std::time::Duration;

/// What one call may use.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Allowance {
    pub(crate) fuel: u64,
    /// By the guest's own clock.
    pub(crate) deadline: Duration,
    /// The limit that gives it.
    pub(crate) deadline_key: &'static str,
    /// By the machine's clock.
    pub(crate) wall: Duration,
    /// The time that the guest is shown.
    pub(crate) now: Duration,
}

/// Raised to stop a guest whose time is up.
#[derive(Debug, thiserror::Error)]
#[error("the deadline has passed")]
pub(crate) struct TimeIsUp;
