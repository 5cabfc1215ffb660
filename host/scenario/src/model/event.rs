//! What happens at a time: ordered by time, then by the order in which it was planned.

use std::cmp::Ordering;

/// Something at a time.
#[derive(Debug, Clone)]
pub(crate) struct Timed<T> {
    /// Seconds.
    pub(crate) at: f64,
    /// Breaks ties, so that a run is the same twice.
    pub(crate) sequence: u64,
    pub(crate) what: T,
}

impl<T> Ord for Timed<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.at.total_cmp(&other.at).then(self.sequence.cmp(&other.sequence))
    }
}

impl<T> PartialOrd for Timed<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> PartialEq for Timed<T> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl<T> Eq for Timed<T> {}
