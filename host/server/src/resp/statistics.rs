//! What the server counts: commands, connections, bytes.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Calls of one command.
#[derive(Debug, Default)]
pub(crate) struct Calls {
    calls: AtomicU64,
    nanoseconds: AtomicU64,
    rejected: AtomicU64,
    failed: AtomicU64,
}

impl Calls {
    /// So many calls took this time together.
    pub(crate) fn called(&self, calls: u64, took: Duration) {
        self.calls.fetch_add(calls, Ordering::Relaxed);
        self.nanoseconds.fetch_add(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// One of the calls failed.
    pub(crate) fn failed(&self) {
        self.failed.fetch_add(1, Ordering::Relaxed);
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

/// Calls of one command in a row that are counted together, with one look at the clock: see [`Run::settle`].
#[derive(Debug, Default)]
pub(crate) struct Run {
    /// The command's number.
    command: usize,
    calls: u64,
}

impl Run {
    /// Whether a call of this command cannot be counted with those before.
    #[inline]
    pub(crate) fn is_of_others(&self, command: usize) -> bool {
        self.calls > 0 && self.command != command
    }

    /// The command was called once more.
    #[inline]
    pub(crate) fn add(&mut self, command: usize) {
        self.command = command;
        self.calls += 1;
    }

    /// Counts the calls, which began at `begun` and end now, and says how long they took. `begun` is put on to now.
    #[inline]
    pub(crate) fn settle(&mut self, statistics: &Statistics, begun: &mut Instant) -> Duration {
        let calls = std::mem::take(&mut self.calls);
        if calls == 0 {
            return Duration::ZERO;
        }
        let ended = Instant::now();
        let took = ended - *begun;
        *begun = ended;
        statistics.commands.fetch_add(calls, Ordering::Relaxed);
        if let Some(of) = statistics.calls.get(self.command) {
            of.called(calls, took);
        }
        took
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_in_a_row_are_counted_together_and_once() {
        let statistics = Statistics::new(2);
        let (mut run, begun) = (Run::default(), Instant::now());
        let mut at = begun;
        assert_eq!((run.settle(&statistics, &mut at), at), (Duration::ZERO, begun), "there is nothing yet");
        assert!(!run.is_of_others(1));
        run.add(1);
        run.add(1);
        assert!(run.is_of_others(0) && !run.is_of_others(1));
        let took = run.settle(&statistics, &mut at);
        assert_eq!(at - begun, took);
        run.settle(&statistics, &mut at);
        assert_eq!(statistics.calls[1].figures(), (2, took, 0, 0));
        assert_eq!(statistics.calls[0].figures().0, 0);
        assert_eq!(statistics.commands.load(Ordering::Relaxed), 2);
    }
}
