//! A simulation from the trace to its rows.
//!
//! The file is read once, in a thread of its own, and then one of two things is done with its requests:
//!
//! - several cells (policies at capacities) are replayed from memory, each on a core of its own. Keys are numbered, so
//!   that a replay indexes arrays: 4 bytes a request, 8 where sizes count;
//! - a single cell is fed while the trace is read and no request is held, and so are several once the requests
//!   take more memory than they may. Percentages and Belady need to know the whole trace first, and fail then.
//!   A single cell's keys are numbered as well, as long as the table of keys fits.
//!
//! The rows are the same either way. Every policy sees the hash of a key and never its number, which would give away
//! the order of first appearance.

use std::sync::mpsc::Receiver;
use std::time::Instant;

use host_workload::trace::{TraceError, TraceReader};

use crate::blocks::{self, Block};
use crate::budget::Budget;
use crate::capacity::Capacity;
use crate::cell::Cell;
use crate::error::SimError;
use crate::interned::{Fill, Interned};
use crate::keys::Numbered;
use crate::method::Method;
use crate::observer::Observer;
use crate::options::{Hold, MemoryLimit, Options};
use crate::results::Simulation;
use crate::{grid, stream};

/// Replays `trace` under every method at every capacity.
///
/// # Errors
/// [`SimError`]. What is wrong with the trace or with what was asked of it shows within the time of one read.
pub fn simulate(
    trace: TraceReader,
    methods: &[Method],
    capacities: &[Capacity],
    options: &Options,
    observer: &dyn Observer,
) -> Result<Simulation, SimError> {
    let path = trace.path().display().to_string();
    let format = trace.format().to_string();
    let task = Task { path, format, methods, capacities, options, observer };
    task.check_belady()?;
    // No policy learns anything from the value of a key.
    let trace = trace.with_ids();
    // Blocks that nobody takes any more end the thread that reads them, and with it the scope.
    std::thread::scope(|scope| task.run(blocks::read(scope, trace)))
}

/// What was asked for.
struct Task<'a> {
    path: String,
    format: String,
    methods: &'a [Method],
    capacities: &'a [Capacity],
    options: &'a Options,
    observer: &'a dyn Observer,
}

impl Task<'_> {
    fn run(&self, blocks: Receiver<Result<Block, TraceError>>) -> Result<Simulation, SimError> {
        let single = self.methods.len() == 1 && self.capacities.len() == 1;
        let whole = self.needs_whole();
        let started = Instant::now();
        let mut budget = match (self.options.hold, &whole) {
            (Hold::Never, Some(what)) => return Err(self.needs_memory(what)),
            (Hold::Never, None) => return self.stream(started, blocks.iter(), None),
            (Hold::AsNeeded, None) if single => {
                let numbered = Numbered::new(Budget::new(self.options.memory));
                return self.stream(started, blocks.iter(), Some(numbered));
            }
            (Hold::AsNeeded, _) => Budget::new(self.options.memory),
            (Hold::Always, _) => Budget::new(MemoryLimit::None),
        };
        let mut interned = Interned::new(&self.path);
        self.observer.begin("reading", None);
        let keep_sizes = self.weighed().is_some() || self.options.sizes;
        match (interned.fill(&blocks, keep_sizes, &mut budget, self.observer)?, whole) {
            (Fill::Part, Some(what)) => Err(self.needs_memory(&what)),
            (Fill::Part, None) => {
                self.observer.end("more requests than fit in memory: replaying while reading");
                self.stream(started, interned.into_blocks().map(Ok).chain(blocks.iter()), None)
            }
            (Fill::Whole, _) => self.replay(started, &interned),
        }
    }

    /// Replays a trace in memory.
    fn replay(&self, started: Instant, trace: &Interned) -> Result<Simulation, SimError> {
        let read_seconds = started.elapsed().as_secs_f64();
        let (requests, distinct, footprint) = (trace.len(), trace.distinct(), trace.footprint());
        self.observer.end(&format!("{requests} requests, {distinct} distinct, read in {read_seconds:.2} s"));
        self.check_sizes(footprint.is_some())?;
        let cells = Cell::grid(self.methods, self.capacities, self.options, distinct, footprint.unwrap_or(0));
        let steps = u64::try_from(cells.len()).map_or(0, |cells| cells.saturating_mul(requests));
        self.observer.begin("replaying", Some(steps));
        let rows = grid::run(trace, &cells, self.options, self.observer);
        self.observer.end(&format!("replayed in {:.2} s", started.elapsed().as_secs_f64() - read_seconds));
        Ok(Simulation {
            trace: self.path.clone(),
            requests,
            distinct,
            distinct_estimated: false,
            footprint,
            read_seconds,
            interrupted: self.observer.stopped(),
            rows,
        })
    }

    /// Replays a trace while it is read.
    fn stream(
        &self,
        started: Instant,
        blocks: impl Iterator<Item = Result<Block, TraceError>>,
        numbered: Option<Numbered>,
    ) -> Result<Simulation, SimError> {
        let cells = Cell::grid(self.methods, self.capacities, self.options, 0, 0);
        let policies: Vec<_> = cells.into_iter().filter_map(Cell::policy).collect();
        self.observer.begin("reading and replaying", None);
        let came = stream::run(blocks, numbered, &policies, self.options, self.observer)?;
        let read_seconds = started.elapsed().as_secs_f64();
        let (distinct, exact) = came.keys.distinct();
        self.observer.end(&format!(
            "{} requests, {distinct} distinct, read and replayed in {read_seconds:.2} s",
            came.requests
        ));
        self.check_sizes(came.sized)?;
        Ok(Simulation {
            trace: self.path.clone(),
            requests: came.requests,
            distinct,
            distinct_estimated: !exact,
            footprint: came.keys.footprint().filter(|_| came.sized),
            read_seconds,
            interrupted: self.observer.stopped(),
            rows: came.rows,
        })
    }

    /// What cannot be done while the trace is read.
    fn needs_whole(&self) -> Option<String> {
        if self.methods.contains(&Method::Belady) {
            return Some(Method::Belady.to_string());
        }
        let percent = self.capacities.iter().find(|c| matches!(c, Capacity::Percent(_)));
        percent.map(|percent| format!("a capacity of {percent}"))
    }

    fn needs_memory(&self, what: &str) -> SimError {
        SimError::NeedsMemory { path: self.path.clone(), what: what.to_owned() }
    }

    /// A capacity at which objects are weighed.
    fn weighed(&self) -> Option<&Capacity> {
        self.capacities.iter().find(|capacity| capacity.in_bytes(self.options.sizes))
    }

    fn check_belady(&self) -> Result<(), SimError> {
        match self.weighed() {
            Some(bytes) if self.methods.contains(&Method::Belady) => {
                Err(SimError::BeladyInBytes(bytes.to_string()))
            }
            _ => Ok(()),
        }
    }

    fn check_sizes(&self, there: bool) -> Result<(), SimError> {
        // A trace of which nothing was read tells nothing.
        if there || self.observer.stopped() {
            return Ok(());
        }
        let (path, format) = (self.path.clone(), self.format.clone());
        match self.weighed() {
            _ if self.options.sizes => Err(SimError::NothingToWeigh { path, format }),
            Some(bytes) => Err(SimError::NoSizes { path, capacity: bytes.to_string(), format }),
            None => Ok(()),
        }
    }
}
