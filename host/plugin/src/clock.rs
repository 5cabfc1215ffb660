//! The time that guests see: virtual, and set by the tick.
//!
//! A guest reads the tick's own time, so that a run in the simulator and a replay show it the same.
//! A guest that waits does not hold a thread: its clock jumps to the moment it waits for. What it
//! waits for in one call counts against its deadline, so one that sleeps a minute is stopped at
//! once, in every run alike.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::task::Poll;
use std::time::Duration;

use wasmtime::component::{HasData, Resource, ResourceTable};
use wasmtime_wasi::p2::bindings::clocks::monotonic_clock;
use wasmtime_wasi::p2::{DynPollable, Pollable, subscribe};
use wasmtime_wasi::{HostWallClock, async_trait};

/// The date at which every run begins for a guest: 2026-01-01, midnight UTC. Fixed, because a real
/// date would make two runs differ.
const START_OF_RUN: Duration = Duration::from_secs(1_767_225_600);

/// Where a guest is in time, nanoseconds since the run began. Only one call of one store touches it
/// at a time, so the order of the loads and stores does not matter.
#[derive(Debug)]
pub(crate) struct Clock {
    now: AtomicU64,
    limit: AtomicU64,
    wake: AtomicU64,
}

impl Default for Clock {
    /// The start of the run, and no deadline yet.
    fn default() -> Self {
        Self { now: AtomicU64::new(0), limit: AtomicU64::new(u64::MAX), wake: AtomicU64::new(u64::MAX) }
    }
}

impl Clock {
    /// Sets the time of a call and how far the guest may wait. Never backwards: a guest that waited
    /// may be ahead of the tick.
    pub(crate) fn enter(&self, now: Duration, deadline: Duration) {
        let now = nanos(now).max(self.now.load(Relaxed));
        self.now.store(now, Relaxed);
        self.limit.store(now.saturating_add(nanos(deadline)), Relaxed);
        self.wake.store(u64::MAX, Relaxed);
    }

    /// Jumps to the earliest moment that the guest waits for. False where that is beyond its
    /// deadline, or where it waits for nothing that will ever happen.
    pub(crate) fn jump(&self) -> bool {
        let wake = self.wake.swap(u64::MAX, Relaxed);
        let within = wake <= self.limit.load(Relaxed);
        if within {
            self.now.fetch_max(wake, Relaxed);
        }
        within
    }

    /// Brings the deadline nearer by what the host did for the guest. The guest is not shown it. False where that was
    /// the last of its time.
    pub(crate) fn spend(&self, nanos: u64) -> bool {
        let left = self.limit.load(Relaxed).saturating_sub(self.now());
        self.limit.store(self.now().saturating_add(left.saturating_sub(nanos)), Relaxed);
        nanos <= left
    }

    fn now(&self) -> u64 {
        self.now.load(Relaxed)
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// `wasi:clocks/wall-clock` over a [`Clock`].
#[derive(Debug)]
pub(crate) struct Wall(pub(crate) Arc<Clock>);

impl HostWallClock for Wall {
    fn resolution(&self) -> Duration {
        Duration::from_nanos(1)
    }

    fn now(&self) -> Duration {
        START_OF_RUN.saturating_add(Duration::from_nanos(self.0.now()))
    }
}

/// A moment that a guest may wait for.
struct Timer {
    clock: Arc<Clock>,
    at: u64,
}

#[async_trait]
impl Pollable for Timer {
    async fn ready(&mut self) {
        poll_fn(|_| {
            if self.clock.now() >= self.at {
                return Poll::Ready(());
            }
            self.clock.wake.fetch_min(self.at, Relaxed);
            Poll::Pending
        })
        .await;
    }
}

/// `wasi:clocks/monotonic-clock` over a [`Clock`]. The one of `wasmtime-wasi` waits in real time.
pub(crate) struct Monotonic;

impl HasData for Monotonic {
    type Data<'a> = MonotonicView<'a>;
}

pub(crate) struct MonotonicView<'a> {
    clock: &'a Arc<Clock>,
    table: &'a mut ResourceTable,
}

impl<'a> MonotonicView<'a> {
    pub(crate) fn new(clock: &'a Arc<Clock>, table: &'a mut ResourceTable) -> Self {
        Self { clock, table }
    }

    fn timer(&mut self, at: u64) -> wasmtime::Result<Resource<DynPollable>> {
        let timer = self.table.push(Timer { clock: Arc::clone(self.clock), at })?;
        subscribe(self.table, timer)
    }
}

impl monotonic_clock::Host for MonotonicView<'_> {
    fn now(&mut self) -> wasmtime::Result<u64> {
        Ok(self.clock.now())
    }

    fn resolution(&mut self) -> wasmtime::Result<u64> {
        Ok(1)
    }

    fn subscribe_instant(&mut self, when: u64) -> wasmtime::Result<Resource<DynPollable>> {
        self.timer(when)
    }

    fn subscribe_duration(&mut self, duration: u64) -> wasmtime::Result<Resource<DynPollable>> {
        self.timer(self.clock.now().saturating_add(duration))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_jumps_to_the_earliest_moment_within_the_deadline() {
        let clock = Clock::default();
        clock.enter(Duration::from_nanos(100), Duration::from_nanos(50));
        clock.wake.fetch_min(140, Relaxed);
        clock.wake.fetch_min(120, Relaxed);
        assert!(clock.jump());
        assert_eq!(clock.now(), 120);
        clock.wake.fetch_min(151, Relaxed);
        assert!(!clock.jump());
        assert_eq!(clock.now(), 120);
    }

    #[test]
    fn what_the_host_does_brings_the_deadline_nearer() {
        let clock = Clock::default();
        clock.enter(Duration::from_nanos(100), Duration::from_nanos(50));
        assert!(clock.spend(30));
        clock.wake.fetch_min(121, Relaxed);
        assert!(!clock.jump(), "20 are left");
        assert!(clock.spend(20));
        assert!(!clock.spend(1));
    }

    #[test]
    fn waiting_for_nothing_never_ends_so_it_is_stopped() {
        let clock = Clock::default();
        clock.enter(Duration::ZERO, Duration::from_secs(1));
        assert!(!clock.jump());
    }

    #[test]
    fn time_never_runs_backwards() {
        let clock = Clock::default();
        clock.enter(Duration::from_nanos(100), Duration::from_nanos(50));
        clock.wake.fetch_min(150, Relaxed);
        assert!(clock.jump());
        clock.enter(Duration::from_nanos(110), Duration::from_nanos(50));
        assert_eq!(clock.now(), 150);
    }
}
