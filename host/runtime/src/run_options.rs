//! What to run, and how.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use host_cache::Registry;
use host_profile::Settings;
use host_simulator::Capacity;
use host_workload::trace;

/// What a run works on.
#[derive(Debug, Clone)]
pub enum Input {
    /// The generator's phases.
    BuiltIn,
    /// The files of a directory.
    Directory(PathBuf),
    /// A recorded trace.
    Trace(PathBuf, trace::Options),
}

/// What a tuned run is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Against {
    /// Nothing: the tuned run alone.
    Nothing,
    /// The settings that the profile starts with, run before and after.
    Start,
    /// The best fixed settings that a small sweep finds.
    Sweep,
}

impl Against {
    /// How often the input is run, at most.
    pub(crate) fn runs(self) -> u64 {
        match self {
            Self::Nothing => 1,
            Self::Start => 3,
            Self::Sweep => crate::sweep::MOST_RUNS,
        }
    }
}

/// What to run, and how.
#[derive(Debug, Clone)]
pub struct RunOptions {
    /// The effective configuration.
    pub settings: Settings,
    /// The policies that can be set, proposed, and followed by a shadow. `cache.policy` is one of them.
    pub policies: Arc<Registry>,
    /// What there is to do.
    pub input: Input,
    /// What the tuned run is compared with.
    pub against: Against,
    /// Passes over a directory, at least 1.
    pub passes: u32,
    /// Time the origin of a trace or of the built-in workload takes for an object.
    pub origin_latency: Duration,
    /// Capacity at the start; none leaves it to the input and the profile.
    pub capacity: Option<Capacity>,
    /// Size of an object of a trace that gives none, bytes.
    pub object_size: u32,
    /// Where all chance comes from.
    pub seed: u64,
    /// Where the ledger of the tuned run is written.
    pub ledger: Option<PathBuf>,
    /// Where the tuned run is recorded.
    pub record: Option<PathBuf>,
    /// What the tuned run is warmed from, and what it leaves for the next one.
    pub warm: WarmOptions,
    /// The folder for what strategies learn. None: what `plugins.state-dir` names.
    pub state_dir: Option<PathBuf>,
}

/// What a run is warmed from, and what it leaves for the next one.
#[derive(Debug, Clone, Default)]
pub struct WarmOptions {
    /// A file of hot keys, or a recording; it has to be there. None: what `prefetch.warm` names, once it is there.
    pub from: Option<PathBuf>,
    /// How long to warm before the first request at most; what is left then is warmed in quiet periods.
    pub before: Duration,
    /// Where the hottest keys are saved at the end. None: where `prefetch.save-hot` says.
    pub save: Option<PathBuf>,
}
