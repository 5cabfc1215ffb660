//! The exact simulator: many policies and capacities in one pass over a trace.
//!
//! Exact means no sampling, no buffers, no shards: each request is applied to each policy in order.
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

mod blocks;
mod budget;
mod capacity;
mod cell;
mod distinct;
mod grid;
mod interned;
mod keys;
mod numbering;
mod stream;

use std::num::NonZeroU64;
use std::sync::mpsc::Receiver;
use std::time::Instant;

pub use host_cache::{PolicyFactory, Registry, UnknownPolicy, builtin};
use host_workload::trace::{TraceError, TraceReader};
use serde::Serialize;

use blocks::Block;
use budget::Budget;
pub use capacity::{Capacity, CapacityError};
use cell::Cell;
use interned::{Fill, Interned};
use keys::Numbered;

use crate::progress::{Progress, Stop};

/// The name of the offline optimum.
const BELADY: &str = "belady";

/// What decides which entry goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Method {
    /// A policy that could run live.
    Policy(PolicyFactory),
    /// The offline optimum: evicts what is asked for furthest in the future.
    Belady,
}

impl Method {
    /// The method of this name: a policy of the registry, or `belady`.
    ///
    /// # Errors
    /// [`UnknownPolicy`], with every name that there is.
    pub fn named(name: &str, policies: &Registry) -> Result<Self, UnknownPolicy> {
        if name == BELADY {
            return Ok(Self::Belady);
        }
        let unknown = |error: UnknownPolicy| UnknownPolicy { known: Self::names(policies), ..error };
        policies.get(name).cloned().map(Self::Policy).map_err(unknown)
    }

    /// Every name that [`Method::named`] understands.
    #[must_use]
    pub fn names(policies: &Registry) -> Vec<String> {
        policies.names().chain([BELADY]).map(str::to_owned).collect()
    }
}

impl std::fmt::Display for Method {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Policy(policy) => policy.fmt(f),
            Self::Belady => f.write_str(BELADY),
        }
    }
}

impl std::str::FromStr for Method {
    type Err = UnknownPolicy;

    /// The method of this name, of those that are built in.
    fn from_str(name: &str) -> Result<Self, UnknownPolicy> {
        Self::named(name, &Registry::default())
    }
}

/// Why a simulation could not be done.
#[derive(Debug, thiserror::Error)]
pub enum SimError {
    /// The trace cannot be read.
    #[error(transparent)]
    Trace(#[from] TraceError),
    /// A capacity in bytes for a trace without sizes.
    #[error(
        "{path}: capacity {capacity} is in bytes, but {format} gives no sizes; \
         give it in objects (1000) or in percent of the distinct keys (1%)"
    )]
    NoSizes {
        /// The trace.
        path: String,
        /// The capacity as given.
        capacity: String,
        /// The trace's format.
        format: String,
    },
    /// Byte miss ratios of a trace without sizes.
    #[error("{path}: byte miss ratios were asked for, but {format} gives no sizes")]
    NothingToWeigh {
        /// The trace.
        path: String,
        /// The trace's format.
        format: String,
    },
    /// Belady's algorithm is optimal for objects of one size only.
    #[error(
        "belady needs capacities in objects or percent, not {0}: \
         with objects of different sizes the optimum is not computable in useful time"
    )]
    BeladyInBytes(String),
    /// More distinct keys than can be numbered.
    #[error("{0}: more than 4,294,967,295 distinct keys")]
    TooManyKeys(String),
    /// What was asked for needs the requests in memory, where they may not be or do not fit.
    #[error(
        "{path}: {what} needs the whole trace in memory, and there is no room for it; \
         give capacities in objects (1000) or bytes (64MB), and policies other than belady"
    )]
    NeedsMemory {
        /// The trace.
        path: String,
        /// What needs it.
        what: String,
    },
}

/// What is measured besides the misses, and with what means.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Options {
    /// Measure byte miss ratios, and take capacities in percent as percent of the footprint: the bytes of
    /// the distinct keys.
    pub sizes: bool,
    /// Count hits by windows of so many requests.
    pub per_window: Option<NonZeroU64>,
    /// Whether the requests are held in memory.
    pub hold: Hold,
    /// Bytes that requests held in memory may take. `None` is half of what the process may use.
    pub memory: Option<u64>,
}

/// Whether the requests of a trace are held in memory. The rows are the same.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Hold {
    /// Where it is quicker or needed, and as long as they fit.
    #[default]
    AsNeeded,
    /// Whatever it takes.
    Always,
    /// Never: for traces that are known to be too large.
    Never,
}

/// A stretch of the trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Window {
    /// Its first request, counted from 0.
    pub first: u64,
    /// Requests in it; the last window of a trace may be shorter.
    pub requests: u64,
    /// Those of them that hit.
    pub hits: u64,
}

/// One policy at one capacity.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Row {
    /// Name of the policy.
    pub policy: String,
    /// Capacity in objects, or in bytes where it was given in bytes.
    pub capacity: u64,
    /// Requests replayed.
    pub requests: u64,
    /// Requests that missed; the cold start counts.
    pub misses: u64,
    /// `misses / requests`.
    pub miss_ratio: f64,
    /// Bytes that missed by bytes asked for; only with [`Options::sizes`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub byte_miss_ratio: Option<f64>,
    /// The windows of the trace, in order; only with [`Options::per_window`].
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub windows: Vec<Window>,
    /// Time of this replay alone, seconds.
    pub seconds: f64,
}

/// A whole simulation. `host sim --json` prints this object.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Simulation {
    /// The trace file.
    pub trace: String,
    /// Requests in it.
    pub requests: u64,
    /// Distinct keys in it.
    pub distinct: u64,
    /// Whether `distinct` is an estimate: in a trace of more than 58 million keys that was not held in memory.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub distinct_estimated: bool,
    /// Bytes of the distinct keys, each as large as when it was first asked for; `None` where the trace gives no sizes
    /// or `distinct` is an estimate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub footprint: Option<u64>,
    /// Time to read it, seconds. Of a trace that was not held in memory: time to read and replay it.
    pub read_seconds: f64,
    /// Whether it was ended early; rows that were not reached are missing.
    pub interrupted: bool,
    /// A row for each policy and capacity, in the order asked for.
    pub rows: Vec<Row>,
}

/// Replays `trace` under every method at every capacity.
///
/// # Errors
/// [`SimError`]. What is wrong with the trace or with what was asked of it shows within the time of one read.
pub fn simulate(
    trace: TraceReader,
    methods: &[Method],
    capacities: &[Capacity],
    options: &Options,
    progress: &dyn Progress,
    stop: &Stop,
) -> Result<Simulation, SimError> {
    let path = trace.path().display().to_string();
    let format = trace.format().to_string();
    let task = Task { path, format, methods, capacities, options, progress, stop };
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
    progress: &'a dyn Progress,
    stop: &'a Stop,
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
            (Hold::Always, _) => Budget::new(Some(u64::MAX)),
        };
        let mut interned = Interned::new(&self.path);
        self.progress.begin("reading", None);
        let keep_sizes = self.weighed().is_some() || self.options.sizes;
        match (interned.fill(&blocks, keep_sizes, &mut budget, self.progress, self.stop)?, whole) {
            (Fill::Part, Some(what)) => Err(self.needs_memory(&what)),
            (Fill::Part, None) => {
                self.progress.end("more requests than fit in memory: replaying while reading");
                self.stream(started, interned.into_blocks().map(Ok).chain(blocks.iter()), None)
            }
            (Fill::Whole, _) => self.replay(started, &interned),
        }
    }

    /// Replays a trace in memory.
    fn replay(&self, started: Instant, trace: &Interned) -> Result<Simulation, SimError> {
        let read_seconds = started.elapsed().as_secs_f64();
        let (requests, distinct, footprint) = (trace.len(), trace.distinct(), trace.footprint());
        self.progress.end(&format!("{requests} requests, {distinct} distinct, read in {read_seconds:.2} s"));
        self.check_sizes(footprint.is_some())?;
        let cells = Cell::grid(self.methods, self.capacities, self.options, distinct, footprint.unwrap_or(0));
        let steps = u64::try_from(cells.len()).map_or(0, |cells| cells.saturating_mul(requests));
        self.progress.begin("replaying", Some(steps));
        let rows = grid::run(trace, &cells, self.options, self.progress, self.stop);
        self.progress.end(&format!("replayed in {:.2} s", started.elapsed().as_secs_f64() - read_seconds));
        Ok(Simulation {
            trace: self.path.clone(),
            requests,
            distinct,
            distinct_estimated: false,
            footprint,
            read_seconds,
            interrupted: self.stop.asked(),
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
        self.progress.begin("reading and replaying", None);
        let came = stream::run(blocks, numbered, &policies, self.options, self.progress, self.stop)?;
        let read_seconds = started.elapsed().as_secs_f64();
        let (distinct, exact) = came.keys.distinct();
        self.progress.end(&format!(
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
            interrupted: self.stop.asked(),
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
        if there || self.stop.asked() {
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

#[cfg(test)]
mod tests;
