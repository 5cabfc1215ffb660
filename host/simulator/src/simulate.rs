//! A simulation from the trace to its rows.
//!
//! The file is read once, in a thread of its own, and then one of two things is done with its requests:
//!
//! - they are held in memory, and several cells (policies at capacities) are replayed at a time, each on a core of its
//!   own. Keys are numbered, so that a replay indexes arrays. A request takes 4 bytes, 8 where sizes count;
//! - once they take more memory than they may, cells are fed while the trace is read, and no request is held. Entries are
//!   found by hash. Percentages and Belady need to know the whole trace first, and fail then.
//!
//! A held trace is replayed while it is read, unless percentages or Belady have to wait for its end. The rows are the same
//! in every case. Every policy sees the hash of a key and never its number, which would give away the order of first
//! appearance.

use std::sync::mpsc::Receiver;
use std::thread::Scope;
use std::time::Instant;

use host_workload::trace::{TraceError, TraceReader};

use crate::blocks::{self, Block};
use crate::budget::Budget;
use crate::capacity::Capacity;
use crate::cell::Cell;
use crate::error::SimError;
use crate::grid::{Grid, threads};
use crate::interned::{Fill, Interned, Reading};
use crate::keys::Keys;
use crate::method::Method;
use crate::observer::Observer;
use crate::options::{Hold, MemoryLimit, Options};
use crate::results::Simulation;
use crate::stream;

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
    let interned = Interned::default();
    std::thread::scope(|scope| {
        // Workers that wait for the trace end with this call, also where it fails.
        let _abandoned = Abandon(&interned);
        // Blocks that nobody takes any more end the thread that reads them, and with it the scope.
        let (blocks, _) = blocks::read(scope, trace, options.sizes || task.weighed().is_some());
        task.run(scope, &interned, blocks)
    })
}

/// Abandons the trace when it is dropped.
struct Abandon<'a>(&'a Interned);

impl Drop for Abandon<'_> {
    fn drop(&mut self) {
        self.0.abandon();
    }
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

impl<'a> Task<'a> {
    fn run<'scope>(
        &'a self,
        scope: &'scope Scope<'scope, 'a>,
        interned: &'a Interned,
        blocks: Receiver<Result<Block, TraceError>>,
    ) -> Result<Simulation, SimError> {
        let started = Instant::now();
        let needs_whole = self.needs_whole();
        let mut budget = match (self.options.hold, &needs_whole) {
            (Hold::Never, Some(what)) => return Err(self.needs_memory(what)),
            (Hold::Never, None) => return self.stream(started, Keys::new(), blocks.iter()),
            (Hold::AsNeeded, _) => Budget::new(self.options.memory),
            (Hold::Always, _) => Budget::new(MemoryLimit::None),
        };
        let start = |distinct, footprint| {
            let cells = Cell::grid(self.methods, self.capacities, self.options, distinct, footprint);
            Grid::start(scope, interned, cells, self.options, self.observer)
        };
        let early = needs_whole.is_none().then(|| start(0, 0));
        let replays = threads(self.methods.len().saturating_mul(self.capacities.len()));
        let keep_sizes = self.weighed().is_some() || self.options.sizes;
        let mut reading = Reading::new(&self.path, interned, keep_sizes, replays);
        self.observer.begin("reading", None);
        if reading.fill(&blocks, &mut budget, self.observer)? == Fill::Part {
            return match needs_whole {
                Some(what) => Err(self.needs_memory(&what)),
                None => {
                    self.observer.end("more requests than fit in memory: replaying while reading");
                    let (keys, held) = reading.into_blocks();
                    self.stream(started, keys, held.map(Ok).chain(blocks.iter()))
                }
            };
        }
        let read_seconds = started.elapsed().as_secs_f64();
        let (requests, distinct, footprint) = (reading.requests(), reading.distinct(), reading.footprint());
        // The table of keys is not needed any more.
        drop(reading);
        self.observer.end(&format!("{requests} requests, {distinct} distinct, read in {read_seconds:.2} s"));
        self.check_sizes(footprint.is_some())?;
        let cells = self.methods.len().saturating_mul(self.capacities.len());
        let steps = u64::try_from(cells).map_or(0, |cells| cells.saturating_mul(requests));
        self.observer.begin("replaying", Some(steps));
        let rows = early.unwrap_or_else(|| start(distinct, footprint.unwrap_or(0))).finish()?;
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
        keys: Keys,
        blocks: impl Iterator<Item = Result<Block, TraceError>>,
    ) -> Result<Simulation, SimError> {
        let cells = Cell::grid(self.methods, self.capacities, self.options, 0, 0);
        let policies: Vec<_> = cells.into_iter().filter_map(Cell::policy).collect();
        self.observer.begin("reading and replaying", None);
        let streamed = stream::run(blocks, keys, &policies, self.options, self.observer)?;
        let read_seconds = started.elapsed().as_secs_f64();
        let (distinct, exact) = streamed.keys.distinct();
        self.observer.end(&format!(
            "{} requests, {distinct} distinct, read and replayed in {read_seconds:.2} s",
            streamed.requests
        ));
        self.check_sizes(streamed.sized)?;
        Ok(Simulation {
            trace: self.path.clone(),
            requests: streamed.requests,
            distinct,
            distinct_estimated: !exact,
            footprint: streamed.keys.footprint().filter(|_| streamed.sized),
            read_seconds,
            interrupted: self.observer.stopped(),
            rows: streamed.rows,
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
