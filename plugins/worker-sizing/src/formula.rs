//! How many workers a kind of work can use: cores x a factor. It says where to look first, and never to leave what works.
//!
//! Work that keeps a CPU busy gains nothing from more workers than cores; work that waits does. The
//! kinds are the host's inference from measured wait and run time, weighted here by how many tasks
//! of each class there were. Tasks that do both run on either pool, and count for both.

use crate::Settings;
use strategy_sdk::{
    count,
    metrics::{ClassMetrics, TaskKind},
};

/// Tasks of known kind before the formula is used.
const FEWEST_TASKS: f64 = 32.0;

/// Finished tasks by kind.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Work {
    cpu: f64,
    io: f64,
    mixed: f64,
}

impl Work {
    pub(crate) fn of(classes: &[ClassMetrics]) -> Self {
        let mut work = Self::default();
        for class in classes {
            let tasks = count(class.completed);
            match class.kind {
                TaskKind::Cpu => work.cpu += tasks,
                TaskKind::Io => work.io += tasks,
                TaskKind::Mixed => work.mixed += tasks,
                TaskKind::Unknown => {}
            }
        }
        work
    }

    /// Workers of the CPU pool by the formula; none while too little is known.
    pub(crate) fn cpu_pool_workers(&self, settings: &Settings, cores: f64) -> Option<f64> {
        let factor = mean(&[(self.cpu, settings.cpu_factor), (self.mixed, settings.mixed_factor)])?;
        Some(cores * factor)
    }

    /// Workers of the IO pool by the formula; none while too little is known.
    pub(crate) fn io_pool_workers(&self, settings: &Settings, cores: f64) -> Option<f64> {
        Some(cores * mean(&[(self.io, settings.io_factor), (self.mixed, settings.mixed_factor)])?)
    }

    /// Whether most of the CPU pool's work keeps a core busy.
    pub(crate) fn is_cpu_bound(&self) -> bool {
        self.cpu >= FEWEST_TASKS && self.cpu >= self.mixed
    }
}

/// The mean of factors, weighted by tasks.
fn mean(weighted: &[(f64, f64)]) -> Option<f64> {
    let tasks: f64 = weighted.iter().map(|(tasks, _)| tasks).sum();
    let sum: f64 = weighted.iter().map(|(tasks, factor)| tasks * factor).sum();
    (tasks >= FEWEST_TASKS).then(|| sum / tasks)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn class(kind: TaskKind, completed: u64) -> ClassMetrics {
        ClassMetrics {
            name: "a".to_owned(),
            kind,
            completed,
            cpu_share: 0.5,
            wait_p50_us: 0.0,
            wait_p99_us: 0.0,
            service_p50_us: 0.0,
            service_p99_us: 0.0,
        }
    }

    #[test]
    fn each_kind_has_its_factor() {
        let settings = Settings::default();
        let cpu = Work::of(&[class(TaskKind::Cpu, 100)]);
        assert_eq!(cpu.cpu_pool_workers(&settings, 8.0), Some(8.0));
        assert_eq!(cpu.io_pool_workers(&settings, 8.0), None);
        let io = Work::of(&[class(TaskKind::Io, 100)]);
        assert_eq!(io.io_pool_workers(&settings, 8.0), Some(24.0));
        assert_eq!(io.cpu_pool_workers(&settings, 8.0), None);
        let mixed = Work::of(&[class(TaskKind::Mixed, 100)]);
        assert_eq!(mixed.io_pool_workers(&settings, 8.0), Some(16.0));
        assert_eq!(mixed.cpu_pool_workers(&settings, 8.0), Some(16.0));
    }

    #[test]
    fn kinds_are_weighted_by_their_tasks() {
        let work = Work::of(&[class(TaskKind::Io, 300), class(TaskKind::Mixed, 100)]);
        assert_eq!(work.io_pool_workers(&Settings::default(), 4.0), Some(11.0));
    }

    #[test]
    fn a_handful_of_tasks_says_nothing() {
        let work = Work::of(&[class(TaskKind::Io, 31), class(TaskKind::Unknown, 1000)]);
        assert_eq!(work.io_pool_workers(&Settings::default(), 4.0), None);
    }

    #[test]
    fn the_work_of_the_cpu_pool_is_known_by_most_of_its_tasks() {
        assert!(Work::of(&[class(TaskKind::Cpu, 300), class(TaskKind::Mixed, 100)]).is_cpu_bound());
        assert!(!Work::of(&[class(TaskKind::Cpu, 100), class(TaskKind::Mixed, 300)]).is_cpu_bound());
        assert!(!Work::of(&[class(TaskKind::Cpu, 10)]).is_cpu_bound(), "too few to say");
    }
}
