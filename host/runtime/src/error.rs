//! Why a run could not be done.

use std::path::PathBuf;
use std::time::Duration;

use host_cache::UnknownPolicy;
use host_control::NoSuchStrategy;
use host_executor::ExecutorError;
use host_plugin::LoadError;
use host_profile::ProfileError;
use host_simulator::SimError;
use host_tier::TierError;
use host_workload::commands::CommandsError;
use host_workload::directory::DirectoryError;
use host_workload::generator::PlanError;
use host_workload::trace::TraceError;

use crate::replay::ReplayError;

/// Why a host cannot be started, told or ended.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// The pools cannot be set up.
    #[error(transparent)]
    Executor(#[from] ExecutorError),
    /// The host has no policy of the name that the settings start with.
    #[error("cache.policy: {0}")]
    Policy(#[from] UnknownPolicy),
    /// The system has no thread left.
    #[error("the control thread cannot be started: {0}")]
    Thread(std::io::Error),
    /// No strategy of that name takes part.
    #[error(transparent)]
    NoSuchStrategy(#[from] NoSuchStrategy),
    /// What a strategy has learnt could not be set aside, and the strategy was not reset.
    #[error("{name} was not reset, since what it has learnt cannot be set aside: {error}")]
    Forget {
        /// Name of the strategy.
        name: String,
        /// What the system said.
        error: std::io::Error,
    },
    /// Some of the new settings could not be put in force.
    #[error("not everything could be put in force: {0}")]
    Reload(String),
    /// An eviction policy cannot take the place of the one before, which goes on.
    #[error("it cannot be put in force: {0}")]
    NotPutInForce(String),
    /// The control thread did not end in time.
    #[error(
        "the control thread is still busy after {} s: a strategy runs, or the ledger's disk does not answer",
        .0.as_secs()
    )]
    ShutdownTimedOut(Duration),
    /// A connection, or whoever else has the host, still uses it.
    #[error("the host is still used and was not ended in order")]
    StillUsed,
    /// A bug of the host, reported rather than hidden.
    #[error(
        "the control thread ended unexpectedly; please report this with the ledger of the run (--ledger FILE)"
    )]
    ControlThreadDied,
}

/// Why a run could not be done. What a strategy does wrong is never a reason: the run goes on without it.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The settings name something that does not exist.
    #[error(transparent)]
    Profile(#[from] ProfileError),
    /// The run has no policy of the name that the settings start with.
    #[error("cache.policy: {0}")]
    Policy(#[from] UnknownPolicy),
    /// The sandbox or the plugin directory cannot be used.
    #[error(transparent)]
    Plugin(#[from] LoadError),
    /// The settings give a strategy a setting that it does not have, or a value that it does not take.
    #[error("{place}: {source}")]
    Setting {
        /// Where the setting was written.
        place: String,
        /// What is wrong with it.
        source: Box<LoadError>,
    },
    /// A strategy cannot start, and the settings say that this ends the run.
    #[error(
        "strategy {strategy} cannot start: {source}; without --strict (plugins.strict) the run goes on without it"
    )]
    Strict {
        /// The strategy.
        strategy: String,
        /// Why it cannot start.
        source: Box<LoadError>,
    },
    /// The list of commands cannot be read.
    #[error(transparent)]
    Commands(#[from] CommandsError),
    /// The job log cannot be used.
    #[error("{}: {what}", path.display())]
    JobLog {
        /// The file.
        path: PathBuf,
        /// What is wrong with it, and what to do.
        what: String,
    },
    /// What the commands print cannot be passed on.
    #[error("what the commands print cannot be passed on: {0}")]
    Output(std::io::Error),
    /// The trace cannot be read.
    #[error(transparent)]
    Trace(#[from] TraceError),
    /// The trace cannot be replayed.
    #[error(transparent)]
    Simulation(SimError),
    /// The directory cannot be read.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    /// A tier below memory cannot be opened.
    #[error("tiers: {0}")]
    Tier(#[from] TierError),
    /// The system has no thread left.
    #[error("a thread cannot be started: {0}")]
    Threads(std::io::Error),
    /// The built-in workload cannot be made for this cache.
    #[error("the built-in workload: {0}")]
    Plan(#[from] PlanError),
    /// The pools cannot be set up.
    #[error(transparent)]
    Executor(#[from] ExecutorError),
    /// The host cannot be started or ended.
    #[error(transparent)]
    Host(#[from] HostError),
    /// A capacity in percent of something that has no size.
    #[error("--capacity {0}: percent need a trace; for a directory give bytes, for example 50MB")]
    PercentOfWhat(String),
    /// The ledger would overwrite what is to be read.
    #[error("{}: is the input and cannot be the ledger; give --ledger another file", .0.display())]
    LedgerIsInput(PathBuf),
    /// The ledger cannot be written.
    #[error("{}: the ledger cannot be created: {source}", path.display())]
    Ledger {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The recording would overwrite what the run reads or writes.
    #[error("{}: is {what} and cannot be the recording; give --record another file", path.display())]
    RecordingIsTaken {
        /// The file.
        path: PathBuf,
        /// What it is.
        what: &'static str,
    },
    /// The recording cannot be written.
    #[error("{}: the recording cannot be created: {source}", path.display())]
    Recording {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The recording cannot be replayed.
    #[error(transparent)]
    Replay(#[from] ReplayError),
    /// The hot keys cannot be saved.
    #[error("{}: hot keys cannot be saved there: {source}", path.display())]
    HotKeys {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// What strategies learn cannot be kept.
    #[error("{}: what strategies learn cannot be kept there: {source}", path.display())]
    StateFolder {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Warming was asked for, and the settings leave it out.
    #[error(
        "--warm loads what was hot before, which prefetch.mode={0} leaves out: prefetch.mode=full takes it"
    )]
    WarmLeftOut(&'static str),
}

impl From<SimError> for RunError {
    fn from(error: SimError) -> Self {
        match error {
            SimError::Trace(error) => Self::Trace(error),
            other => Self::Simulation(other),
        }
    }
}
