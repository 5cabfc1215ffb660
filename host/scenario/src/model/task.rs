//! A request on its way.

/// A request that waits or runs. Times are in seconds since the start.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Task {
    /// Its number: what chance does to it hangs on it alone.
    pub(crate) number: u64,
    /// The client that waits for it; none of an open arrival.
    pub(crate) client: Option<u32>,
    /// When it was first submitted, before its failures.
    pub(crate) first: f64,
    /// When it was put into the queue.
    pub(crate) queued: f64,
    /// When a worker took it.
    pub(crate) started: f64,
    /// Its work on a core, seconds on a free one.
    pub(crate) work: f64,
    /// What the server said.
    pub(crate) admitted: bool,
}
