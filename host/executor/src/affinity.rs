//! CPU workers pinned to cores, and read back from the system where they really run.

use std::fmt;

use crate::topology::Topology;

/// Whether CPU workers are pinned to cores.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Affinity {
    /// The system moves them as it likes.
    #[default]
    None,
    /// Each to one of the cores that the process may use, in turns over the nodes. With more workers than cores some share
    /// one. A thread or process that a task starts is pinned with it.
    Cores,
}

/// Where a CPU worker runs, as the system answered after it was pinned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placement {
    /// Number of the worker, from 0. A worker that comes for one that left takes its number.
    pub worker: u32,
    /// The core that it was to run on; none where none was asked for.
    pub wanted: Option<u32>,
    /// The cores that the system lets it run on, ascending. Empty where the system does not tell.
    pub cores: Vec<u32>,
    /// The node of the wanted core; none where the system knows of none.
    pub node: Option<u32>,
    /// Why it is not where it was to be; none where it is.
    pub problem: Option<String>,
}

impl fmt::Display for Placement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "worker {} ", self.worker)?;
        match (&self.problem, self.wanted) {
            (Some(problem), _) => f.write_str(problem),
            (None, Some(core)) => {
                write!(f, "on core {core}")?;
                self.node.map_or(Ok(()), |node| write!(f, " of node {node}"))
            }
            (None, None) => f.write_str("on any core"),
        }
    }
}

/// The cores that workers are pinned to, by the number of the worker: in turns over the nodes.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    cores: Vec<(u32, Option<u32>)>,
    /// Why there is no plan although there should be one.
    problem: Option<String>,
}

impl Plan {
    pub(crate) fn new(affinity: Affinity, topology: &Topology) -> Self {
        match affinity {
            Affinity::None => Self::default(),
            Affinity::Cores => match allowed() {
                Ok(allowed) => Self { cores: topology.in_turns(&allowed), problem: None },
                Err(problem) => Self { cores: Vec::new(), problem: Some(problem) },
            },
        }
    }

    /// Pins the present thread, which is the worker of that number.
    pub(crate) fn pin(&self, worker: u32) -> Placement {
        let at = usize::try_from(worker).unwrap_or(usize::MAX);
        let place = at.checked_rem(self.cores.len()).and_then(|at| self.cores.get(at)).copied();
        let Some((core, node)) = place else {
            let cores = allowed().unwrap_or_default();
            return Placement { worker, wanted: None, cores, node: None, problem: self.problem.clone() };
        };
        let set = pin_to(core);
        let (cores, read) = match allowed() {
            Ok(cores) => (cores, None),
            Err(problem) => (Vec::new(), Some(problem)),
        };
        let elsewhere = (cores != [core]).then(|| {
            let on: Vec<String> = cores.iter().map(u32::to_string).collect();
            let why = match &set {
                Ok(()) => "the system took the order and did not follow it".to_owned(),
                Err(why) => why.clone(),
            };
            format!(
                "is not pinned to core {core}: {why}; it may run on {}. Set `executor.affinity` to \"none\", or allow the process that core",
                if on.is_empty() { "cores unknown".to_owned() } else { format!("cores {}", on.join(", ")) }
            )
        });
        Placement { worker, wanted: Some(core), cores, node, problem: read.or(elsewhere) }
    }

    /// The node on which the worker of that number is to be.
    pub(crate) fn node(&self, worker: u32) -> Option<u32> {
        let at = usize::try_from(worker).ok()?.checked_rem(self.cores.len())?;
        self.cores.get(at)?.1
    }
}

fn pin_to(core: u32) -> Result<(), String> {
    let id = usize::try_from(core).map_err(|error| error.to_string())?;
    if core_affinity::set_for_current(core_affinity::CoreId { id }) {
        Ok(())
    } else {
        Err("the system refused".to_owned())
    }
}

/// The cores that the present thread may run on, by its mask, which is never wider than that of the control group.
#[cfg(target_os = "linux")]
fn allowed() -> Result<Vec<u32>, String> {
    use nix::sched::{CpuSet, sched_getaffinity};
    use nix::unistd::Pid;

    let set = sched_getaffinity(Pid::from_raw(0)).map_err(|error| {
        format!("cannot read the cores that a thread may use (sched_getaffinity): {error}")
    })?;
    let cores = (0..CpuSet::count()).filter(|core| set.is_set(*core).unwrap_or(false));
    Ok(cores.filter_map(|core| u32::try_from(core).ok()).collect())
}

#[cfg(not(target_os = "linux"))]
fn allowed() -> Result<Vec<u32>, String> {
    Err("pinning threads to cores is verified on Linux only: set `executor.affinity` to \"none\"".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_os = "linux")]
    #[test]
    fn a_pinned_thread_is_read_back() {
        let allowed = allowed().unwrap();
        let plan = Plan::new(Affinity::Cores, &Topology::default());
        for worker in 0..5 {
            let (plan, wanted) = (&plan, allowed[usize::try_from(worker).unwrap() % allowed.len()]);
            let placement = std::thread::scope(|scope| scope.spawn(move || plan.pin(worker)).join().unwrap());
            assert_eq!((placement.wanted, placement.cores.as_slice()), (Some(wanted), &[wanted][..]));
            assert_eq!(placement.problem, None);
            assert_eq!(placement.to_string(), format!("worker {worker} on core {wanted}"));
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_core_that_is_not_there_is_told() {
        // The last one that a set can name: no machine on which this runs has it.
        let core = u32::try_from(nix::sched::CpuSet::count() - 1).unwrap();
        let plan = Plan { cores: vec![(core, Some(3))], problem: None };
        let placement = std::thread::spawn(move || plan.pin(0)).join().unwrap();
        assert_eq!((placement.wanted, placement.node), (Some(core), Some(3)));
        let text = placement.to_string();
        assert!(
            text.starts_with(&format!(
                "worker 0 is not pinned to core {core}: the system refused; it may run on cores "
            )),
            "{text}"
        );
    }

    #[test]
    fn without_affinity_nothing_is_pinned() {
        let placement = Plan::new(Affinity::None, &Topology::default()).pin(4);
        assert_eq!((placement.wanted, placement.problem.clone()), (None, None));
        assert_eq!(placement.to_string(), "worker 4 on any core");
    }
}
