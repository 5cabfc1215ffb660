//! What every law here shares: what a window shows, and when a limit may move.
//!
//! The laws come from limiters that update with every request or every round trip. A strategy is asked once a tick, so each
//! measures in every tick and decides in every tick in which its dial is free.

use strategy_sdk::metrics::{self, PoolMetrics};
use strategy_sdk::{Acceptance, ControlError, TickInfo, count, executor};

/// What a window shows of the pool that is to be sized.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Seen {
    /// Workers now.
    pub workers: f64,
    /// Mean number of tasks that a worker held.
    pub in_flight: f64,
    /// Mean time from the start of a task to its end, microseconds: the round trip.
    pub rtt_us: f64,
    /// Tasks that ended, those that failed among them.
    pub ended: f64,
    /// Tasks that failed.
    pub failed: f64,
    /// Length of the window.
    pub seconds: f64,
}

/// A law: from what is seen to a limit.
pub trait Law {
    /// Takes in a window. Called in every tick in which a task ended.
    fn measure(&mut self, seen: &Seen);

    /// The limit that follows from `limit`; called after `measure` where the dial is free.
    fn decide(&mut self, seen: &Seen, limit: f64) -> f64;
}

/// Proposes so many workers of a pool.
type Propose = fn(u32) -> Result<Acceptance, ControlError>;

/// Drives a law: keeps its limit, with its fraction, and proposes it.
#[derive(Debug, Default)]
pub struct Driver {
    limit: Option<f64>,
    silent_until: u64,
}

impl Driver {
    /// One tick.
    pub fn tick(&mut self, info: &TickInfo, law: &mut impl Law) {
        let pools = metrics::executor();
        // The one pool that there is in a scenario; of two, the one with more to do.
        let is_io = pools.io.window_completed >= pools.cpu.window_completed;
        let (pool, propose): (_, Propose) = if is_io {
            (pools.io, executor::propose_io_workers)
        } else {
            (pools.cpu, executor::propose_cpu_workers)
        };
        if pool.window_completed == 0 {
            return;
        }
        let failed = metrics::classes().iter().map(|class| count(class.failed)).sum();
        let seen = Seen {
            workers: f64::from(pool.workers),
            in_flight: pool.utilisation * f64::from(pool.workers),
            rtt_us: pool.mean_service_us,
            ended: count(pool.window_completed),
            failed,
            seconds: count(info.elapsed_ns) / 1e9,
        };
        law.measure(&seen);
        if info.tick < self.silent_until {
            return;
        }
        let wanted = self.next(&seen, law, &pool);
        if wanted == pool.workers {
            return;
        }
        if let Err(refusal) = propose(wanted) {
            self.limit = None;
            if let ControlError::CoolingDown(until) = refusal {
                self.silent_until = until;
            }
        }
    }

    /// The workers to propose.
    fn next(&mut self, seen: &Seen, law: &mut impl Law, pool: &PoolMetrics) -> u32 {
        // Somebody else may have turned the dial.
        let limit = self.limit.filter(|limit| bounded(*limit, pool) == pool.workers);
        let limit = law.decide(seen, limit.unwrap_or(seen.workers));
        let limit = limit.clamp(f64::from(pool.min_workers.max(1)), f64::from(pool.max_workers.max(1)));
        self.limit = Some(limit);
        bounded(limit, pool)
    }
}

/// A whole number of workers within the pool's range.
#[expect(clippy::as_conversions, reason = "the float is clamped to a range of u32 first")]
fn bounded(limit: f64, pool: &PoolMetrics) -> u32 {
    let least = pool.min_workers.max(1);
    limit.floor().clamp(f64::from(least), f64::from(pool.max_workers.max(least))) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Adds(f64);

    impl Law for Adds {
        fn measure(&mut self, _: &Seen) {}

        fn decide(&mut self, _: &Seen, limit: f64) -> f64 {
            limit + self.0
        }
    }

    fn pool(workers: u32) -> PoolMetrics {
        PoolMetrics {
            workers,
            min_workers: 1,
            max_workers: 12,
            utilisation: 1.0,
            queued: 0,
            window_completed: 100,
            mean_wait_us: 0.0,
            mean_service_us: 1_000.0,
        }
    }

    fn seen(workers: f64) -> Seen {
        Seen { workers, in_flight: workers, rtt_us: 1_000.0, ended: 100.0, failed: 0.0, seconds: 1.0 }
    }

    #[test]
    fn a_limit_keeps_its_fraction_and_its_range_and_follows_the_pool() {
        let mut driver = Driver::default();
        let law = &mut Adds(0.6);
        assert_eq!(driver.next(&seen(4.0), law, &pool(4)), 4);
        assert_eq!(driver.next(&seen(4.0), law, &pool(4)), 5);
        // Another one set 9.
        assert_eq!(driver.next(&seen(9.0), law, &pool(9)), 9);
        assert_eq!(driver.next(&seen(9.0), &mut Adds(100.0), &pool(9)), 12);
        assert_eq!(driver.next(&seen(12.0), &mut Adds(-100.0), &pool(12)), 1);
    }
}
