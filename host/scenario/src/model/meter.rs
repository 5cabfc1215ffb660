//! Sums of a window, and of the run where a snapshot wants them since the start.

use std::time::Duration;

use host_contract::Latency;
use host_contract::number::to_f64;
use host_contract::snapshot::{Class, Pool, TaskKind};

use super::task::Task;
use crate::scenario::{PoolKind, Workers};
use crate::window::{Cores, Window};

/// Tasks before a kind is named, and the shares of time on a core from which it is the CPU's, and up to which it is IO: as
/// the executor infers them.
const LEAST_TASKS: u64 = 16;
const CPU_FROM: f64 = 0.8;
const IO_TO: f64 = 0.2;

/// The name of the one class.
const CLASS: &str = "request";

/// What is measured.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    /// Of the window.
    succeeded: u64,
    failed: u64,
    pub(crate) lost: u64,
    wait: f64,
    service: f64,
    latency: Latency,
    /// Worker seconds that were busy, and that were offered.
    busy: f64,
    offered: f64,
    /// Since the start.
    waits: Latency,
    services: Latency,
    /// Seconds of service, and those of them on a core.
    elapsed: f64,
    on_cpu: f64,
}

/// What stands at the end of a window.
pub(crate) struct Now {
    pub(crate) tick: u64,
    pub(crate) phase: usize,
    pub(crate) kind: PoolKind,
    pub(crate) workers: u32,
    pub(crate) range: Workers,
    pub(crate) queued: u64,
    /// Length of the window, seconds.
    pub(crate) seconds: f64,
    pub(crate) cores: Option<Cores>,
}

impl Meter {
    pub(crate) fn advance(&mut self, seconds: f64, busy: u32, workers: u32) {
        self.busy += seconds * f64::from(busy);
        self.offered += seconds * f64::from(workers);
    }

    /// A task has ended.
    pub(crate) fn ended(&mut self, task: &Task, now: f64) {
        let (wait, service) = (task.started - task.queued, now - task.started);
        self.wait += wait;
        self.service += service;
        self.waits.record(seconds(wait));
        self.services.record(seconds(service));
        self.elapsed += service;
        if task.admitted {
            self.succeeded += 1;
            self.on_cpu += task.work;
            self.latency.record(seconds(now - task.first));
        } else {
            self.failed += 1;
        }
    }

    /// The window that ends; the next one begins.
    pub(crate) fn window(&mut self, now: Now) -> Window {
        let ended = self.succeeded + self.failed;
        let mean_us = |sum: f64| if ended == 0 { 0.0 } else { sum / to_f64(ended) * 1e6 };
        let pool = Pool {
            workers: now.workers,
            min_workers: now.range.min,
            max_workers: now.range.max,
            utilisation: if self.offered > 0.0 { (self.busy / self.offered).min(1.0) } else { 0.0 },
            queued: now.queued,
            window_completed: ended,
            mean_wait_us: mean_us(self.wait),
            mean_service_us: mean_us(self.service),
        };
        let window = Window {
            tick: now.tick,
            phase: now.phase,
            kind: now.kind,
            pool,
            class: self.class(),
            succeeded: self.succeeded,
            failed: self.failed,
            lost: self.lost,
            goodput: to_f64(self.succeeded) / now.seconds,
            mean_in_flight: self.busy / now.seconds,
            latency: self.latency.clone(),
            cores: now.cores,
        };
        self.latency.reset();
        (self.succeeded, self.failed, self.lost) = (0, 0, 0);
        (self.wait, self.service, self.busy, self.offered) = (0.0, 0.0, 0.0, 0.0);
        window
    }

    fn class(&self) -> Class {
        let (waits, services) = (self.waits.percentiles(), self.services.percentiles());
        let cpu_share = if self.elapsed > 0.0 { (self.on_cpu / self.elapsed).min(1.0) } else { 0.0 };
        Class {
            name: CLASS.to_owned(),
            kind: kind(services.count, cpu_share),
            completed: services.count,
            cpu_share,
            wait_p50_us: waits.p50_us,
            wait_p99_us: waits.p99_us,
            service_p50_us: services.p50_us,
            service_p99_us: services.p99_us,
            window_completed: self.succeeded + self.failed,
            window_failed: self.failed,
            latency_target_us: None,
        }
    }
}

fn kind(tasks: u64, cpu_share: f64) -> TaskKind {
    if tasks < LEAST_TASKS {
        TaskKind::Unknown
    } else if cpu_share >= CPU_FROM {
        TaskKind::Cpu
    } else if cpu_share <= IO_TO {
        TaskKind::Io
    } else {
        TaskKind::Mixed
    }
}

/// Longer than a duration can be counts as the longest.
fn seconds(time: f64) -> Duration {
    Duration::try_from_secs_f64(time.max(0.0)).unwrap_or(Duration::MAX)
}
