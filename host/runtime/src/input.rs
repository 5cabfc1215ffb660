//! What a run works on, made ready: measured, opened, with the cache that it gets.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use host_executor::Executor;
use host_profile::Bytes;
use host_simulator::{Capacity, MemoryLimit};
use host_workload::directory::Tokenizer;
use host_workload::generator::{Generator, Plan};
use host_workload::trace::{self, TraceError, TraceReader};

use crate::drive::builtin::Uniform;
use crate::drive::directory::{self, Files};
use crate::drive::trace::Footprint;
use crate::error::RunError;
use crate::origin::{Delayed, Origin};
use crate::progress::{Progress, Stop};
use crate::report::Workload;
use crate::run_options::{Input, RunOptions};

impl Input {
    /// The file or directory, where there is one.
    pub(crate) fn path(&self) -> Option<&Path> {
        match self {
            Self::BuiltIn => None,
            Self::Directory(path) | Self::Trace(path, _) => Some(path),
        }
    }
}

/// Share of a trace's footprint that the cache holds where nothing else is said, percent. A cache that
/// holds all of it shows nothing.
pub(crate) const TRACE_PERCENT: f64 = 10.0;

/// An input that was measured.
pub(crate) struct Prepared {
    pub(crate) kind: Kind,
    /// Capacity of the cache at the start, bytes.
    pub(crate) capacity: u64,
    /// What an entry weighs on average, bytes.
    pub(crate) mean_weight: u64,
    pub(crate) notes: Vec<String>,
}

pub(crate) enum Kind {
    BuiltIn(Generator),
    Directory(PathBuf),
    Trace { open: OpenTrace, footprint: Footprint },
}

/// A trace that can be read again from its start.
pub(crate) struct OpenTrace {
    path: PathBuf,
    options: trace::Options,
}

impl OpenTrace {
    pub(crate) fn open(&self) -> Result<TraceReader, TraceError> {
        TraceReader::open(&self.path, &self.options)
    }
}

/// Where the entries of a run come from.
pub(crate) enum Source {
    Files(Arc<Files>),
    Objects(Arc<dyn Origin>),
}

impl Source {
    pub(crate) fn as_dyn(&self) -> Arc<dyn Origin> {
        match self {
            Self::Files(files) => {
                let files: Arc<Files> = Arc::clone(files);
                files
            }
            Self::Objects(origin) => Arc::clone(origin),
        }
    }
}

impl Prepared {
    pub(crate) fn new(options: &RunOptions, progress: &dyn Progress, stop: &Stop) -> Result<Self, RunError> {
        if let Some(path) = options.input.path() {
            progress.doing(&format!("opening {}", path.display()));
        }
        match &options.input {
            Input::BuiltIn => Self::built_in(options),
            Input::Directory(root) => Self::directory(options, root.clone()),
            Input::Trace(path, how) => {
                // The footprint, then the runs.
                trace::check_readings(path, 1 + options.against.runs())?;
                let open = OpenTrace { path: path.clone(), options: how.clone() };
                // The requests are read again as they are submitted: a run takes its time, and the memory is the cache's.
                let memory = (MemoryLimit::Bytes(0), 0);
                let footprint = Footprint::read((path, how), options.object_size, memory, progress, stop)?;
                Ok(Self::trace(options, open, footprint))
            }
        }
    }

    fn built_in(options: &RunOptions) -> Result<Self, RunError> {
        let plan = Plan::default();
        let size = u64::from(plan.value_bytes);
        let wanted = match options.capacity {
            Some(Capacity::Bytes(bytes)) => bytes,
            Some(Capacity::Objects(objects)) => objects.saturating_mul(size),
            Some(percent @ Capacity::Percent(_)) => return Err(RunError::PercentOfWhat(percent.to_string())),
            None => plan.cache_entries.saturating_mul(size),
        };
        let (capacity, mut notes) = bounded(wanted, options);
        notes.push(format!(
            "the built-in workload is scaled to a cache of {}: {} objects of {}",
            Bytes(capacity),
            capacity / size,
            Bytes(size)
        ));
        let plan = Plan { cache_entries: capacity / size, ..plan };
        Ok(Self {
            kind: Kind::BuiltIn(Generator::new(options.seed, plan)?),
            capacity,
            mean_weight: size,
            notes,
        })
    }

    fn directory(options: &RunOptions, root: PathBuf) -> Result<Self, RunError> {
        // Checked before anything else is done, as a trace is.
        host_workload::directory::walk(&root, |_| std::ops::ControlFlow::Break(()))?;
        // A thread that cannot be had only means that the first file waits.
        drop(Tokenizer::o200k().preload());
        let wanted = match options.capacity {
            None => options.settings.cache.capacity.get(),
            Some(Capacity::Bytes(bytes)) => bytes,
            Some(other) => return Err(RunError::PercentOfWhat(other.to_string())),
        };
        let (capacity, notes) = bounded(wanted, options);
        Ok(Self { kind: Kind::Directory(root), capacity, mean_weight: directory::MEAN_WEIGHT, notes })
    }

    fn trace(options: &RunOptions, open: OpenTrace, footprint: Footprint) -> Self {
        let asked = options.capacity.unwrap_or(Capacity::Percent(TRACE_PERCENT));
        let wanted = footprint.capacity(asked, false);
        let (capacity, mut notes) = bounded(wanted, options);
        if options.capacity.is_none() {
            let (percent, all) = (TRACE_PERCENT, Bytes(footprint.bytes));
            notes.push(format!(
                "the cache holds {}: {percent} % of the trace's footprint of {all} (--capacity changes it)",
                Bytes(capacity)
            ));
        }
        notes.extend(footprint.notes.iter().cloned());
        notes.extend(large_objects(&footprint, capacity, largest_object(options)));
        let mean_weight = footprint.mean_size();
        Self { kind: Kind::Trace { open, footprint }, capacity, mean_weight, notes }
    }

    /// Whether keys keep an order, so that the distance between two means something.
    pub(crate) fn keys_ordered(&self) -> bool {
        match &self.kind {
            Kind::BuiltIn(_) | Kind::Directory(_) => true,
            Kind::Trace { footprint, .. } => footprint.keys_ordered,
        }
    }

    pub(crate) fn workload(&self, options: &RunOptions) -> Workload {
        let kind = match &options.input {
            Input::BuiltIn => "built-in",
            Input::Directory(_) => "directory",
            Input::Trace(..) => "trace",
        };
        Workload {
            kind: kind.to_owned(),
            path: options.input.path().map(|path| path.display().to_string()),
            seed: options.seed,
            totals: None,
        }
    }

    pub(crate) fn origin(&self, options: &RunOptions, executor: &Arc<Executor>) -> Source {
        let latency = options.origin_latency;
        match &self.kind {
            Kind::BuiltIn(generator) => {
                let objects = Uniform(generator.plan().value_bytes);
                Source::Objects(Arc::new(Delayed::new(latency, largest_object(options), objects)))
            }
            Kind::Trace { footprint, .. } => {
                let sizes = Arc::clone(&footprint.trace);
                Source::Objects(Arc::new(Delayed::new(latency, largest_object(options), sizes)))
            }
            Kind::Directory(_) => {
                let room = options.settings.memory.cap.get() / LOADS_SHARE;
                Source::Files(Arc::new(Files::new(Arc::clone(executor), room)))
            }
        }
    }
}

/// What is being loaded takes this part of `memory.cap` at most.
const LOADS_SHARE: u64 = 4;

/// The largest object whose bytes are made up: as many as may be loaded at once fit into their part of `memory.cap`.
fn largest_object(options: &RunOptions) -> u32 {
    let settings = &options.settings;
    let at_once = u64::from(settings.executor.max_io_workers)
        .saturating_add(u64::from(settings.prefetch.max_in_flight_limit));
    let bytes = settings.memory.cap.get() / LOADS_SHARE / at_once.max(1);
    u32::try_from(bytes).unwrap_or(u32::MAX)
}

/// What a user has to know of large objects.
fn large_objects(footprint: &Footprint, capacity: u64, largest: u32) -> Option<String> {
    let sizes = || footprint.trace.sizes().iter().copied();
    let biggest = sizes().max()?;
    let made = sizes().filter(|&size| size > largest).count();
    let kept = sizes().filter(|&size| u64::from(size) > capacity).count();
    let made = (made > 0).then(|| {
        format!(
            "{made} above {} stand for their size alone, so that memory.cap holds",
            Bytes(u64::from(largest))
        )
    });
    let kept = (kept > 0).then(|| format!("{kept} are larger than the cache, which never keeps them"));
    let said: Vec<String> = made.into_iter().chain(kept).collect();
    let biggest = Bytes(u64::from(biggest));
    (!said.is_empty()).then(|| format!("objects of up to {biggest} in the trace: {}", said.join("; ")))
}

/// The profile's largest capacity is never exceeded, whatever the input asks for.
fn bounded(wanted: u64, options: &RunOptions) -> (u64, Vec<String>) {
    let most = options.settings.cache.max_capacity.get();
    if wanted <= most {
        return (wanted, Vec::new());
    }
    let note = format!("capacity {} -> {}: cache.max-capacity of the profile", Bytes(wanted), Bytes(most));
    (most, vec![note])
}
