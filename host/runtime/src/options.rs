//! What a host is made from.

use std::io::Write;
use std::sync::Arc;

use host_contract::{Clock, RunInfo, Unit};
use host_control::Registration;
use host_executor::Executor;
use host_profile::Settings;

use crate::origin::{Nothing, Origin};

/// What wall time and virtual time are made from alike.
#[derive(Debug, Clone)]
pub struct Scope {
    /// The effective configuration.
    pub settings: Settings,
    /// Capacity of the cache at the start, in the unit of `run`.
    pub capacity: u64,
    /// What an entry weighs on average, as far as one knows; at least 1. It sets the shadows' first sampling rate.
    pub mean_weight: u64,
    /// What strategies may know of the run.
    pub run: RunInfo,
    /// What is run, for the first line of the ledger.
    pub workload: String,
}

/// What a host is made from.
pub struct Options {
    pub(crate) scope: Scope,
    pub(crate) registrations: Vec<Registration>,
    pub(crate) origin: Arc<dyn Origin>,
    pub(crate) executor: Option<Arc<Executor>>,
    pub(crate) ledger: Option<Box<dyn Write + Send>>,
}

impl Options {
    /// A host under these settings, without an origin, a strategy or a ledger file.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        let run = RunInfo {
            clock: Clock::Live,
            objective: settings.optimise,
            unit: Unit::Bytes,
            seed: 1,
            keys_ordered: false,
        };
        let capacity = settings.cache.capacity.get();
        let scope = Scope { settings, capacity, mean_weight: 1_024, run, workload: "a host".to_owned() };
        Self { scope, registrations: Vec::new(), origin: Arc::new(Nothing), executor: None, ledger: None }
    }

    /// The same within another scope.
    #[must_use]
    pub fn within(mut self, scope: Scope) -> Self {
        self.scope = scope;
        self
    }

    /// With these strategies, as [`crate::strategies::load`] gives them.
    #[must_use]
    pub fn strategies(mut self, registrations: Vec<Registration>) -> Self {
        self.registrations = registrations;
        self
    }

    /// Loads what is missing from this origin.
    #[must_use]
    pub fn origin(mut self, origin: Arc<dyn Origin>) -> Self {
        self.origin = origin;
        self
    }

    /// Runs on these pools, which the origin may share, instead of on its own. They are to be those of
    /// [`executor`](crate::executor).
    #[must_use]
    pub fn executor(mut self, executor: Arc<Executor>) -> Self {
        self.executor = Some(executor);
        self
    }

    /// Writes every record to this file, one JSON object a line.
    #[must_use]
    pub fn ledger(mut self, file: Box<dyn Write + Send>) -> Self {
        self.ledger = Some(file);
        self
    }
}

impl std::fmt::Debug for Options {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Options").field("scope", &self.scope).finish_non_exhaustive()
    }
}
