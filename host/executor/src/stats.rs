//! What [`Executor::window`](crate::Executor::window) answers with.

use std::time::Duration;

use host_contract::snapshot::TaskKind;

use crate::priority::ByPriority;

/// Both pools since the last call, and every class since the last call and since the start.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ExecutorStats {
    /// Threads.
    pub cpu: PoolStats,
    /// Async tasks.
    pub io: PoolStats,
    /// By class, in the order of their names.
    pub classes: Vec<ClassStats>,
}

/// What the pools have to do at a moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Demand {
    /// Tasks waiting in the CPU pool's queue.
    pub cpu_queued: u64,
    /// Tasks waiting in the IO pool's queue.
    pub io_queued: u64,
    /// Tasks that the IO pool runs at once.
    pub io_workers: u32,
}

/// A pool in the window.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct PoolStats {
    /// Workers now.
    pub workers: u32,
    /// Mean share of workers that were busy, tasks still running counted for the part they ran. 0.0 to 1.0.
    pub utilisation: f64,
    /// Tasks waiting in the queue now.
    pub queued: u64,
    /// Tasks finished, those that panicked among them.
    pub window_completed: u64,
    /// Mean time the tasks finished in the window had waited before they ran. Microseconds.
    pub mean_wait_us: f64,
    /// Mean time from start to end of the tasks finished in the window. Microseconds.
    pub mean_service_us: f64,
    /// The same tasks by priority.
    pub priorities: ByPriority<PriorityStats>,
}

/// A priority in a pool, since the start where the field does not say otherwise.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PriorityStats {
    /// Tasks waiting in the queue now.
    pub queued: u64,
    /// Tasks finished, those that panicked among them.
    pub completed: u64,
    /// Tasks shed: turned away by a full queue, or taken out of it for one of a higher priority.
    pub shed: u64,
    /// Time of workers that tasks had which have ended.
    pub service: Duration,
}

/// A class of tasks, since the start where the field does not say otherwise.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ClassStats {
    /// Its name.
    pub name: String,
    /// Its kind, inferred from `cpu_share`.
    pub kind: TaskKind,
    /// Tasks finished, those that panicked among them.
    pub completed: u64,
    /// Of them, those that panicked.
    pub panicked: u64,
    /// Of them, those that failed: panicked, or returned an error from a fallible task.
    pub failed: u64,
    /// Time on a CPU, as a share of the time from start to end in which the task ran or waited for something;
    /// measured on a sample of the tasks. 0.0 to 1.0.
    pub cpu_share: f64,
    /// Median wait, from submission to start. Microseconds.
    pub wait_p50_us: f64,
    /// 99th percentile of the wait. Microseconds.
    pub wait_p99_us: f64,
    /// Median time from start to end. Microseconds.
    pub service_p50_us: f64,
    /// 99th percentile of the time from start to end. Microseconds.
    pub service_p99_us: f64,
    /// Median time from submission to end. Microseconds.
    pub total_p50_us: f64,
    /// 99th percentile of the time from submission to end. Microseconds.
    pub total_p99_us: f64,
    /// Tasks finished in the window, those that failed among them.
    pub window_completed: u64,
    /// Of them, those that failed.
    pub window_failed: u64,
    /// Median time from submission to end, of the tasks finished in the window. Microseconds.
    pub window_total_p50_us: f64,
    /// 99th percentile of the same.
    pub window_total_p99_us: f64,
}
