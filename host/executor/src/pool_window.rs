//! Figures of a window, from totals that only grow.
//!
//! The worker time offered is counted piece by piece as the pool is resized, so that utilisation is right
//! also in a window in which the number of workers changed.

use std::time::Instant;

use parking_lot::Mutex;

use crate::priority::ByPriority;
use crate::recorder::{Pool, PoolTotals, Recorder};
use crate::stats::{PoolStats, PriorityStats};

/// Turns a pool's totals into figures of a window.
#[derive(Debug)]
pub(crate) struct PoolWindow(Mutex<Window>);

#[derive(Debug)]
struct Window {
    totals: PoolTotals,
    busy_ns: u128,
    workers: u32,
    /// Since when there are that many, and the worker time offered in the window before that.
    since: Instant,
    offered_ns: u128,
}

impl PoolWindow {
    pub(crate) fn new(workers: u32) -> Self {
        let now = Instant::now();
        let (totals, busy_ns, offered_ns) = (PoolTotals::default(), 0, 0);
        Self(Mutex::new(Window { totals, busy_ns, workers, since: now, offered_ns }))
    }

    /// Notes that there are so many workers from now on. Answers how many there were before.
    pub(crate) fn resized(&self, workers: u32) -> u32 {
        let mut window = self.0.lock();
        window.settle(Instant::now());
        std::mem::replace(&mut window.workers, workers)
    }

    #[expect(clippy::as_conversions, reason = "nanoseconds and counts of one window: a ratio needs no more")]
    pub(crate) fn window(
        &self,
        recorder: &Recorder,
        pool: Pool,
        priorities: ByPriority<PriorityStats>,
    ) -> PoolStats {
        let mut window = self.0.lock();
        let now = Instant::now();
        window.settle(now);
        let (totals, busy_ns) = recorder.totals(pool, now);
        let completed = totals.completed.saturating_sub(window.totals.completed);
        let mean_us = |after: u128, before: u128| {
            if completed == 0 { 0.0 } else { after.saturating_sub(before) as f64 / 1e3 / completed as f64 }
        };
        let busy = busy_ns.saturating_sub(window.busy_ns) as f64;
        let stats = PoolStats {
            workers: window.workers,
            utilisation: (busy / (window.offered_ns as f64).max(1.0)).clamp(0.0, 1.0),
            queued: priorities.iter().map(|(_, stats)| stats.queued).sum(),
            window_completed: completed,
            mean_wait_us: mean_us(totals.wait_ns, window.totals.wait_ns),
            mean_service_us: mean_us(totals.service_ns, window.totals.service_ns),
            priorities,
        };
        (window.totals, window.busy_ns, window.offered_ns) = (totals, busy_ns, 0);
        stats
    }
}

impl Window {
    /// Counts the worker time offered up to `now`.
    fn settle(&mut self, now: Instant) {
        self.offered_ns += now.saturating_duration_since(self.since).as_nanos() * u128::from(self.workers);
        self.since = now;
    }
}
