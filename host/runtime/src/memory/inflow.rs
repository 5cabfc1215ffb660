//! Large values that come in faster than the memory of a process is looked at.
//!
//! A value of hundreds of kilobytes takes fresh pages, while the small entries that leave for it give none back at once. At half a
//! gigabyte a second that is some percent of the capacity from one look to the next. So who stores large values counts them,
//! wakes the [`Keeper`](super::Keeper) after every so many bytes, and as much as comes in while it looks is kept free. Without it values
//! of 300 kB after ones of 4 kB took a cache of 200 MB to 113 % of its capacity (`bench/serve/serve.py --only cap`).

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::Thread;
use std::time::Duration;

/// What is smaller fills the holes that others leave, and is not worth a shared counter.
const LARGE: u64 = 2_048;

/// What comes in within so much time is kept free.
const AHEAD: Duration = Duration::from_millis(20);

/// How long a burst is remembered.
const REMEMBERED: Duration = Duration::from_millis(500);

/// No more than one part in so many of the capacity is kept free.
const MOST: u64 = 10;

/// Large values that came in since the last look.
#[derive(Debug)]
pub(crate) struct Inflow {
    bytes: AtomicU64,
    /// Bytes after which the keeper is woken.
    every: AtomicU64,
    keeper: OnceLock<Thread>,
}

impl Default for Inflow {
    fn default() -> Self {
        Self { bytes: AtomicU64::new(0), every: AtomicU64::new(u64::MAX), keeper: OnceLock::new() }
    }
}

impl Inflow {
    /// A value of so many bytes was stored.
    #[inline]
    pub(crate) fn add(&self, bytes: u64) {
        if bytes >= LARGE {
            self.add_large(bytes);
        }
    }

    #[cold]
    fn add_large(&self, bytes: u64) {
        let before = self.bytes.fetch_add(bytes, Ordering::Relaxed);
        let every = self.every.load(Ordering::Relaxed);
        // Once each time that the sum passes it: an unpark is a system call.
        if before < every
            && before.saturating_add(bytes) >= every
            && let Some(keeper) = self.keeper.get()
        {
            keeper.unpark();
        }
    }

    /// Wakes this thread after every so many bytes from now on. Only the first thread counts.
    pub(super) fn wake(&self, keeper: Thread, every: u64) {
        self.keeper.get_or_init(|| keeper);
        self.every.store(every, Ordering::Relaxed);
    }

    /// What came in since the last call.
    pub(super) fn take(&self) -> u64 {
        self.bytes.swap(0, Ordering::Relaxed)
    }
}

/// How fast they come.
#[derive(Debug, Default)]
pub(super) struct Rate {
    bytes_per_second: f64,
}

impl Rate {
    /// So much came in within so much time. Answers what is to be kept free of a capacity.
    pub(super) fn look(&mut self, came: u64, elapsed: Duration, capacity: u64) -> u64 {
        use host_contract::number::{to_f64, to_u64};
        let now = to_f64(came) / elapsed.as_secs_f64().max(0.001);
        let kept = (1.0 - elapsed.as_secs_f64() / REMEMBERED.as_secs_f64()).max(0.0);
        self.bytes_per_second = now.max(self.bytes_per_second * kept);
        to_u64(self.bytes_per_second * AHEAD.as_secs_f64()).min(capacity / MOST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MB: u64 = 1_000_000;
    const LOOK: Duration = Duration::from_millis(20);

    #[test]
    fn what_comes_in_within_a_look_is_kept_free_for_a_while() {
        let mut rate = Rate::default();
        assert_eq!(rate.look(0, LOOK, 200 * MB), 0);
        assert_eq!(rate.look(4 * MB, LOOK, 200 * MB), 4 * MB);
        // Twice as often, half as much: the same rate.
        assert_eq!(rate.look(2 * MB, LOOK / 2, 200 * MB), 4 * MB);
        assert_eq!(rate.look(900 * MB, LOOK, 200 * MB), 20 * MB, "a tenth at most");
        let mut looks = 0;
        while rate.look(0, LOOK, 200 * MB) > 0 {
            looks += 1;
            assert!(looks < 1_000);
        }
        assert!(looks > 25, "{looks}");
        assert_eq!(rate.look(0, Duration::from_secs(9), 200 * MB), 0);
        assert_eq!(rate.look(MB, Duration::ZERO, 1_000 * MB), 20 * MB, "no time is a millisecond");
    }

    #[test]
    fn large_values_alone_are_counted_and_wake_who_looks() {
        let inflow = Inflow::default();
        for _ in 0..1_000 {
            inflow.add(LARGE - 1);
        }
        assert_eq!(inflow.take(), 0);
        inflow.wake(std::thread::current(), MB);
        inflow.add(MB - 1);
        let began = std::time::Instant::now();
        inflow.add(LARGE);
        std::thread::park_timeout(Duration::from_secs(60));
        assert!(began.elapsed() < Duration::from_secs(60), "it was woken");
        assert_eq!((inflow.take(), inflow.take()), (MB - 1 + LARGE, 0));
    }
}
