//! Sizes of pools and queues.

use crate::affinity::Affinity;
use crate::error::ExecutorError;
use crate::priority::{ByPriority, SHARES, check_shares};

/// Most workers of a pool: a guard against a typing error, far above what any machine runs well.
const MOST_WORKERS: u32 = 65_536;
/// Most tasks in a queue: each costs a few hundred bytes, so this bounds a full queue to about a gigabyte.
const LONGEST_QUEUE: u32 = 1 << 22;

/// Sizes an executor starts with, and the bounds it is resized within.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Config {
    /// Threads of the CPU pool. 1 to `max_cpu_workers`.
    pub cpu_workers: u32,
    /// Tasks the IO pool runs at once. 1 to `max_io_workers`.
    pub io_workers: u32,
    /// Most threads that [`resize_cpu`](crate::Executor::resize_cpu) grants. 1 to 65,536.
    pub max_cpu_workers: u32,
    /// Most tasks at once that [`resize_io`](crate::Executor::resize_io) grants. 1 to 65,536.
    pub max_io_workers: u32,
    /// Tasks that may wait for a CPU worker. 1 to 4,194,304.
    pub cpu_queue: u32,
    /// Tasks that may wait for an IO worker. 1 to 4,194,304.
    pub io_queue: u32,
    /// What of the time of each pool's workers each priority is sure of, in percent: 1 to 98 each, 100 together at most.
    /// As much of the queue is its own beside the places above, so that a queue full of others keeps none out.
    pub shares: ByPriority<u32>,
    /// Where tasks wait that a CPU task submits to its own pool.
    pub balance: Balance,
    /// Whether CPU workers are pinned to cores.
    pub affinity: Affinity,
}

/// Where tasks wait that are submitted from within a CPU worker.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Balance {
    /// In the queue that all workers share.
    Shared,
    /// In a queue of the worker itself, at most 256; workers that have nothing to do take from it. What is
    /// submitted from elsewhere, or with another priority, waits in the shared queue.
    #[default]
    Stealing,
}

impl Config {
    /// A starting point for a machine: one CPU worker a core, because more would take turns, and three IO
    /// workers a core, because they wait; each pool may grow to four times, with a queue of 1,024.
    #[must_use]
    pub fn for_cores(cores: u32) -> Self {
        let cpu_workers = cores.clamp(1, MOST_WORKERS);
        let io_workers = cores.saturating_mul(3).clamp(1, MOST_WORKERS);
        Self {
            cpu_workers,
            io_workers,
            max_cpu_workers: cpu_workers.saturating_mul(4).min(MOST_WORKERS),
            max_io_workers: io_workers.saturating_mul(4).min(MOST_WORKERS),
            cpu_queue: 1024,
            io_queue: 1024,
            shares: SHARES,
            balance: Balance::default(),
            affinity: Affinity::default(),
        }
    }

    pub(crate) fn check(&self) -> Result<(), ExecutorError> {
        let fields = [
            ("max_cpu_workers", self.max_cpu_workers, MOST_WORKERS),
            ("max_io_workers", self.max_io_workers, MOST_WORKERS),
            ("cpu_workers", self.cpu_workers, self.max_cpu_workers),
            ("io_workers", self.io_workers, self.max_io_workers),
            ("cpu_queue", self.cpu_queue, LONGEST_QUEUE),
            ("io_queue", self.io_queue, LONGEST_QUEUE),
        ];
        for (field, value, most) in fields {
            if !(1..=most).contains(&value) {
                return Err(ExecutorError::Setting { field, value, least: 1, most });
            }
        }
        check_shares(&self.shares)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_of_cores_gives_a_valid_start() {
        for cores in [0, 1, 2, 64, u32::MAX] {
            Config::for_cores(cores).check().unwrap();
        }
        assert_eq!(Config::for_cores(4).cpu_workers, 4);
        assert_eq!(Config::for_cores(4).io_workers, 12);
    }

    #[test]
    fn a_setting_out_of_range_is_named() {
        let good = Config::for_cores(2);
        let text = |config: Config| config.check().unwrap_err().to_string();
        assert_eq!(
            text(Config { cpu_workers: 9, ..good }),
            "executor setting `cpu_workers` is 9, expected 1 to 8"
        );
        assert_eq!(
            text(Config { io_queue: 0, ..good }),
            "executor setting `io_queue` is 0, expected 1 to 4194304"
        );
        assert_eq!(
            text(Config { max_io_workers: u32::MAX, ..good }),
            "executor setting `max_io_workers` is 4294967295, expected 1 to 65536"
        );
    }
}
