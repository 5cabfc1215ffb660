//! What kind of work a class is, inferred from measurement, and how many workers to start with for it.

/// Tasks measured before a kind is named: one slow read says nothing.
const LEAST_TASKS: u64 = 16;
/// From this share of time on a CPU upwards, CPU work.
const CPU_FROM: f64 = 0.8;
/// Up to this share of time on a CPU, IO work.
const IO_TO: f64 = 0.2;

/// What the measured time on a CPU says of a class of tasks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum TaskKind {
    /// Fewer than 16 tasks finished: too few to say.
    #[default]
    Unknown,
    /// At least 80 % of its time on a CPU.
    Cpu,
    /// At most 20 % of its time on a CPU.
    Io,
    /// In between.
    Mixed,
}

impl TaskKind {
    /// The kind of a class of which `completed` tasks spent `cpu_share` (0.0 to 1.0) of their service time
    /// on a CPU.
    #[must_use]
    pub fn infer(completed: u64, cpu_share: f64) -> Self {
        if completed < LEAST_TASKS || !cpu_share.is_finite() {
            Self::Unknown
        } else if cpu_share >= CPU_FROM {
            Self::Cpu
        } else if cpu_share <= IO_TO {
            Self::Io
        } else {
            Self::Mixed
        }
    }
}

/// Workers a core to start with.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct WorkerFactors {
    /// For CPU work. 1.0 to 1.5.
    pub cpu: f64,
    /// For IO work. 2.0 to 4.0.
    pub io: f64,
}

/// For mixed work there is no range: between the two others.
const MIXED_FACTOR: f64 = 2.0;

impl Default for WorkerFactors {
    fn default() -> Self {
        Self { cpu: 1.0, io: 3.0 }
    }
}

/// Workers to start with: cores x 1.0 for CPU work, x 3.0 for IO work, x 2.0 for mixed work and for work not
/// known yet; rounded, at least 1. A factor outside its range counts as the nearest in it.
///
/// ```
/// use host_executor::{TaskKind, WorkerFactors, start_workers};
/// assert_eq!(start_workers(TaskKind::Io, 4, WorkerFactors::default()), 12);
/// ```
#[must_use]
pub fn start_workers(kind: TaskKind, cores: u32, factors: WorkerFactors) -> u32 {
    let factor = match kind {
        TaskKind::Cpu => factors.cpu.clamp(1.0, 1.5),
        TaskKind::Io => factors.io.clamp(2.0, 4.0),
        TaskKind::Mixed | TaskKind::Unknown => MIXED_FACTOR,
    };
    let workers = (f64::from(cores) * factor).round().clamp(1.0, f64::from(u32::MAX));
    #[expect(clippy::as_conversions, reason = "clamped to the range of u32; not a number becomes 0")]
    let workers = workers as u32;
    workers.max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn starting_formula() {
        let start = |kind, cores| start_workers(kind, cores, WorkerFactors::default());
        assert_eq!(start(TaskKind::Cpu, 8), 8);
        assert_eq!(start(TaskKind::Io, 8), 24);
        assert_eq!(start(TaskKind::Mixed, 8), 16);
        assert_eq!(start(TaskKind::Unknown, 8), 16);
        assert_eq!(start(TaskKind::Cpu, 0), 1);
        assert_eq!(start(TaskKind::Io, u32::MAX), u32::MAX);
        let wild = WorkerFactors { cpu: 100.0, io: f64::NAN };
        assert_eq!(start_workers(TaskKind::Cpu, 3, wild), 5, "1.5 a core, rounded");
        assert_eq!(start_workers(TaskKind::Io, 3, wild), 1);
    }

    #[test]
    fn kind_needs_enough_tasks_and_has_sharp_edges() {
        assert_eq!(TaskKind::infer(15, 1.0), TaskKind::Unknown);
        assert_eq!(TaskKind::infer(16, 1.0), TaskKind::Cpu);
        assert_eq!(TaskKind::infer(16, 0.8), TaskKind::Cpu);
        assert_eq!(TaskKind::infer(16, 0.79), TaskKind::Mixed);
        assert_eq!(TaskKind::infer(16, 0.2), TaskKind::Io);
        assert_eq!(TaskKind::infer(16, f64::NAN), TaskKind::Unknown);
    }
}
