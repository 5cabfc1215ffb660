//! What the server counts: commands, connections, bytes.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Calls of one command.
#[derive(Debug, Default)]
pub(crate) struct Calls {
    calls: AtomicU64,
    nanoseconds: AtomicU64,
    rejected: AtomicU64,
    failed: AtomicU64,
}

impl Calls {
    pub(crate) fn called(&self, took: Duration, failed: bool) {
        self.calls.fetch_add(1, Ordering::Relaxed);
        self.nanoseconds.fetch_add(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
        if failed {
            self.failed.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(crate) fn rejected(&self) {
        self.rejected.fetch_add(1, Ordering::Relaxed);
    }

    /// Calls, time, calls that were rejected before they ran, calls that failed.
    pub(crate) fn figures(&self) -> (u64, Duration, u64, u64) {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let time = Duration::from_nanos(read(&self.nanoseconds));
        (read(&self.calls), time, read(&self.rejected), read(&self.failed))
    }

    fn reset(&self) {
        for counter in [&self.calls, &self.nanoseconds, &self.rejected, &self.failed] {
            counter.store(0, Ordering::Relaxed);
        }
    }
}

/// What one server counts.
#[derive(Debug)]
pub(crate) struct Statistics {
    /// One for each command, in the order of the table.
    pub(crate) calls: Box<[Calls]>,
    pub(crate) connections: AtomicU64,
    /// Clients that were turned away, because there were too many.
    pub(crate) turned_away: AtomicU64,
    /// Clients that were turned away, because they let too much wait.
    pub(crate) too_slow: AtomicU64,
    pub(crate) commands: AtomicU64,
    pub(crate) bytes_in: AtomicU64,
    pub(crate) bytes_out: AtomicU64,
    pub(crate) errors: AtomicU64,
}

impl Statistics {
    pub(crate) fn new(commands: usize) -> Self {
        Self {
            calls: (0..commands).map(|_| Calls::default()).collect(),
            connections: AtomicU64::new(0),
            turned_away: AtomicU64::new(0),
            too_slow: AtomicU64::new(0),
            commands: AtomicU64::new(0),
            bytes_in: AtomicU64::new(0),
            bytes_out: AtomicU64::new(0),
            errors: AtomicU64::new(0),
        }
    }

    /// Begins to count anew.
    pub(crate) fn reset(&self) {
        self.calls.iter().for_each(Calls::reset);
        for counter in [
            &self.connections,
            &self.turned_away,
            &self.too_slow,
            &self.commands,
            &self.bytes_in,
            &self.bytes_out,
            &self.errors,
        ] {
            counter.store(0, Ordering::Relaxed);
        }
    }
}
