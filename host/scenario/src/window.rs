//! What a pool and its clients would have measured in a tick.

use host_contract::Latency;
use host_contract::gauge::Values;
use host_contract::snapshot::{Class, Executor, Pool};

use crate::scenario::PoolKind;

/// A tick.
#[derive(Debug, Clone)]
pub struct Window {
    /// Its number, from 1.
    pub tick: u64,
    /// Position of its phase.
    pub phase: usize,
    /// Whose workers are sized.
    pub kind: PoolKind,
    /// That pool, as a snapshot has it. `window_completed` counts failures too.
    pub pool: Pool,
    /// Its one class of tasks, as a snapshot has it.
    pub class: Class,
    /// Requests that succeeded.
    pub succeeded: u64,
    /// Tasks that failed: no answer, or refused.
    pub failed: u64,
    /// Arrivals that found the queue full.
    pub lost: u64,
    /// Requests that succeeded, a second.
    pub goodput: f64,
    /// Mean number of tasks that held a worker.
    pub mean_in_flight: f64,
    /// Time from the first submission of a request to its success, failed tries between them included.
    pub latency: Latency,
    /// The cores; none where the scenario has none.
    pub cores: Option<Cores>,
}

/// The cores in a window.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cores {
    /// How many there are.
    pub cores: f64,
    /// Cores that the tasks used, on average.
    pub used: f64,
    /// Share of all cores that others used, 0.0 to 1.0.
    pub others: f64,
    /// Of the time in which tasks wanted a core, the share they waited for one.
    pub waited: f64,
    /// Share of the last 10 s in which some task waited for a core, averaged as the kernel does.
    pub pressure: f64,
}

impl Window {
    /// Both pools; the other one has no workers.
    #[must_use]
    pub fn executor(&self) -> Executor {
        let (pool, other) = (self.pool.clone(), Pool::default());
        let (cpu, io) = match self.kind {
            PoolKind::Io => (other, pool),
            PoolKind::Cpu => (pool, other),
        };
        Executor { cpu, io, classes: vec![self.class.clone()] }
    }

    /// The gauges that the cores give; none where there are none.
    #[must_use]
    pub fn gauges(&self) -> Values {
        let Some(cores) = self.cores else { return Values::new() };
        Values::from([
            ("process-cpu-cores", cores.used),
            ("others-cpu-usage", cores.others),
            ("run-queue-wait", cores.waited),
            ("psi-cpu", cores.pressure),
        ])
    }
}
