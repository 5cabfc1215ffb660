//! The input of a run in virtual time: measured once, and gone through from its start as often as wanted.

use std::collections::HashSet;
use std::time::Duration;

use host_contract::Unit;
use host_simulator::{Capacity, NumberedTrace};
use host_workload::generator::{Action, Generator, Plan};
use host_workload::trace::check_readings;

use super::fixed;
use super::{VirtualInput, VirtualOptions};
use crate::drive::trace::Footprint;
use crate::error::RunError;
use crate::progress::{Progress, Stop};
use crate::wiring;

/// Virtual time of a step of computation of the built-in workload.
const STEP_TIME: Duration = Duration::from_nanos(4);

/// Steps of the built-in workload that are shown at a time.
const BATCH: usize = 32;

/// What happens next in the input.
#[derive(Debug, Clone, Copy)]
pub(super) enum Step {
    /// A request for a key whose object has this weight, in the unit of the options.
    Get(u64, u64),
    /// Work that takes this long and asks for nothing.
    Work(Duration),
}

/// An input that was measured.
pub(super) struct Steps<'a> {
    options: &'a VirtualOptions,
    pub(super) name: String,
    pub(super) total: u64,
    pub(super) keys_ordered: bool,
    /// In the unit of the options.
    pub(super) capacity: u64,
    of: Of,
}

enum Of {
    Trace(Footprint),
    BuiltIn { generator: Box<Generator>, keys: u64 },
}

impl<'a> Steps<'a> {
    pub(super) fn open(
        options: &'a VirtualOptions,
        progress: &dyn Progress,
        stop: &Stop,
    ) -> Result<Self, RunError> {
        let objects = options.unit == Unit::Objects;
        match &options.input {
            VirtualInput::Trace(path, format) => {
                // Where it does not fit in memory: the footprint, the run, the policies alone.
                check_readings(path, 3)?;
                progress.doing(&format!("opening {}", path.display()));
                let memory = (options.memory, fixed::threads());
                let footprint = Footprint::read((path, format), options.object_size, memory, progress, stop)?;
                let capacity = options.capacity.unwrap_or(Capacity::Percent(crate::input::TRACE_PERCENT));
                Ok(Self {
                    options,
                    name: format!("trace {}", path.display()),
                    total: footprint.requests(),
                    keys_ordered: footprint.keys_ordered,
                    capacity: footprint.capacity(capacity, objects),
                    of: Of::Trace(footprint),
                })
            }
            VirtualInput::BuiltIn => {
                let plan = Plan::default();
                let size = u64::from(plan.value_bytes);
                let entries = match options.capacity {
                    None => plan.cache_entries,
                    Some(Capacity::Bytes(bytes)) => bytes / size,
                    Some(Capacity::Objects(objects)) => objects,
                    Some(percent @ Capacity::Percent(_)) => {
                        return Err(RunError::PercentOfWhat(percent.to_string()));
                    }
                };
                let generator = Generator::new(options.seed, Plan { cache_entries: entries, ..plan })?;
                let phases = generator.phases();
                let total = phases.iter().map(|phase| phase.requests).sum();
                let mut keys = HashSet::with_hasher(wiring::fixed_hasher());
                for op in phases.iter().flat_map(|phase| generator.ops(phase)) {
                    if op.action == Action::Get {
                        keys.insert(op.key);
                    }
                }
                Ok(Self {
                    options,
                    name: "the built-in workload".to_owned(),
                    total,
                    keys_ordered: true,
                    capacity: if objects { entries } else { entries.saturating_mul(size) },
                    of: Of::BuiltIn {
                        generator: Box::new(generator),
                        keys: u64::try_from(keys.len()).unwrap_or(u64::MAX),
                    },
                })
            }
        }
    }

    /// What a user has to know of the keys.
    pub(super) fn notes(&self) -> Vec<String> {
        match &self.of {
            Of::Trace(footprint) => footprint.notes.clone(),
            Of::BuiltIn { .. } => Vec::new(),
        }
    }

    pub(super) fn distinct(&self) -> u64 {
        match &self.of {
            Of::Trace(footprint) => footprint.distinct(),
            Of::BuiltIn { keys, .. } => *keys,
        }
    }

    /// Unit of weights and of the capacity.
    pub(super) fn unit(&self) -> Unit {
        self.options.unit
    }

    /// Whether objects differ in weight, so that bytes say something else than requests.
    pub(super) fn weights_differ(&self) -> bool {
        match &self.of {
            Of::Trace(footprint) => {
                let sizes = footprint.trace.sizes();
                self.options.unit == Unit::Bytes && sizes.iter().any(|size| Some(size) != sizes.first())
            }
            Of::BuiltIn { .. } => false,
        }
    }

    /// The trace, where its requests are in memory.
    pub(super) fn held(&self) -> Option<&NumberedTrace> {
        match &self.of {
            Of::Trace(footprint) => Some(&*footprint.trace).filter(|trace| trace.is_held()),
            Of::BuiltIn { .. } => None,
        }
    }

    /// Weight of an object in the unit of the options; none where there is no such object.
    pub(super) fn weight(&self, key: u64) -> Option<u64> {
        let size = match &self.of {
            Of::Trace(footprint) => footprint.trace.size(key)?,
            Of::BuiltIn { generator, .. } => generator.plan().value_bytes,
        };
        Some(self.weigh(size))
    }

    fn weigh(&self, size: u32) -> u64 {
        if self.options.unit == Unit::Objects { 1 } else { u64::from(size) }
    }

    pub(super) fn mean_weight(&self) -> u64 {
        match (&self.of, self.options.unit) {
            (_, Unit::Objects) => 1,
            (Of::Trace(footprint), Unit::Bytes) => footprint.mean_size(),
            (Of::BuiltIn { generator, .. }, Unit::Bytes) => u64::from(generator.plan().value_bytes),
        }
    }

    /// Calls `take` with every step in order, a few at a time, until it answers false.
    pub(super) fn each(&self, mut take: impl FnMut(&[Step]) -> bool) -> Result<(), RunError> {
        let mut steps = Vec::with_capacity(BATCH);
        match &self.of {
            Of::Trace(footprint) => footprint.trace.for_each(|objects| {
                steps.clear();
                steps.extend(objects.iter().map(|object| Step::Get(object.key, self.weigh(object.size))));
                take(&steps)
            })?,
            Of::BuiltIn { generator, .. } => {
                for op in generator.phases().iter().flat_map(|phase| generator.ops(phase)) {
                    steps.push(match op.action {
                        Action::Get => Step::Get(op.key, self.weigh(generator.plan().value_bytes)),
                        Action::Cpu { iterations } => Step::Work(STEP_TIME * iterations),
                        Action::Io { micros } => Step::Work(Duration::from_micros(u64::from(micros))),
                    });
                    if steps.len() == BATCH {
                        if !take(&steps) {
                            return Ok(());
                        }
                        steps.clear();
                    }
                }
                take(&steps);
            }
        }
        Ok(())
    }
}
