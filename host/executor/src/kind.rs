//! What kind of work a class is, inferred from measurement.

use host_contract::snapshot::TaskKind;

/// Tasks measured before a kind is named: one slow read says nothing.
const LEAST_TASKS: u64 = 16;
/// From this share of time on a CPU upwards, CPU work.
const CPU_FROM: f64 = 0.8;
/// Up to this share of time on a CPU, IO work.
const IO_TO: f64 = 0.2;

/// The kind of a class of which `completed` tasks spent `cpu_share` (0.0 to 1.0) of their service time on a
/// CPU: from 80 % CPU work, up to 20 % IO work, in between mixed; unknown for fewer than 16 tasks.
pub(crate) fn infer(completed: u64, cpu_share: f64) -> TaskKind {
    if completed < LEAST_TASKS || !cpu_share.is_finite() {
        TaskKind::Unknown
    } else if cpu_share >= CPU_FROM {
        TaskKind::Cpu
    } else if cpu_share <= IO_TO {
        TaskKind::Io
    } else {
        TaskKind::Mixed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_needs_enough_tasks_and_has_sharp_edges() {
        assert_eq!(infer(15, 1.0), TaskKind::Unknown);
        assert_eq!(infer(16, 1.0), TaskKind::Cpu);
        assert_eq!(infer(16, 0.8), TaskKind::Cpu);
        assert_eq!(infer(16, 0.79), TaskKind::Mixed);
        assert_eq!(infer(16, 0.2), TaskKind::Io);
        assert_eq!(infer(16, f64::NAN), TaskKind::Unknown);
    }
}
