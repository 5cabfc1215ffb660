//! What a host is made from.

use std::io::Write;
use std::sync::Arc;

use host_cache::Registry;
use host_contract::{Clock, RunInfo, Unit};
use host_control::{Registration, Status};
use host_executor::Executor;
use host_profile::Settings;

use crate::origin::{Nothing, Origin};
use crate::record::RequestTap;
use crate::tiers::Tiers;

/// What wall time and virtual time are made from alike.
#[derive(Debug, Clone)]
pub struct Scope {
    /// The effective configuration.
    pub settings: Settings,
    /// The policies that can be set, proposed, and followed by a shadow. `cache.policy` is one of them.
    pub policies: Arc<Registry>,
    /// Capacity of the cache at the start, in the unit of `run`.
    pub capacity: u64,
    /// What an entry weighs on average, as far as one knows; at least 1. It sets the shadows' first sampling rate.
    pub mean_weight: u64,
    /// Bytes that an entry takes beside its allocations, and counts for together with what these take, where the capacity is in
    /// bytes: 0 where the capacity speaks of keys and values alone.
    pub entry_bytes: u64,
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
    pub(crate) count_hot: bool,
    pub(crate) not_started: Vec<Status>,
    pub(crate) tells_from_the_start: bool,
    pub(crate) tiers: Option<Arc<Tiers>>,
    pub(crate) recording: Option<Arc<RequestTap>>,
}

impl Options {
    /// A host under these settings, with the built-in policies, without an origin, a strategy or a ledger file.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        let run = RunInfo {
            clock: Clock::Live,
            objective: settings.optimise,
            unit: Unit::Bytes,
            seed: 1,
            keys_ordered: false,
            batch: false,
        };
        let capacity = settings.cache.capacity.get();
        let scope = Scope {
            settings,
            policies: Arc::default(),
            capacity,
            mean_weight: 1_024,
            entry_bytes: 0,
            run,
            workload: "a host".to_owned(),
        };
        Self {
            scope,
            registrations: Vec::new(),
            origin: Arc::new(Nothing),
            executor: None,
            ledger: None,
            count_hot: false,
            not_started: Vec::new(),
            tells_from_the_start: false,
            tiers: None,
            recording: None,
        }
    }

    /// The same within another scope, which brings its own settings and policies.
    #[must_use]
    pub fn within(mut self, scope: Scope) -> Self {
        self.scope = scope;
        self
    }

    /// With these policies in place of the built-in ones. A registered policy is one like any other: `cache.policy` may
    /// name it, a strategy may propose it, a shadow may follow it. The loader of the settings has to be told of them
    /// too.
    ///
    /// ```
    /// use host_cache::{PolicyFactory, Registry, policy::Lru};
    /// use host_profile::Loader;
    /// use host_runtime::{Host, Options};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let mut policies = Registry::default();
    /// policies.register(PolicyFactory::new("mine", |_capacity| Box::new(Lru::new())))?;
    /// let machine = host_telemetry::Machine::read(".".as_ref());
    /// let loader = Loader::new().profile("small").user_file(None).policies(policies.clone());
    /// let settings = loader.set(["cache.policy=mine"]).load(&machine)?;
    /// let host = Host::start(Options::new(settings).policies(policies))?;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn policies(mut self, policies: impl Into<Arc<Registry>>) -> Self {
        self.scope.policies = policies.into();
        self
    }

    /// With these strategies, as [`crate::strategies::load`] gives them.
    #[must_use]
    pub fn strategies(mut self, registrations: Vec<Registration>) -> Self {
        self.registrations = registrations;
        self
    }

    /// With these strategies that could not be started, for [`Host::tuning`](crate::Host::tuning).
    #[must_use]
    pub fn not_started(mut self, statuses: Vec<Status>) -> Self {
        self.not_started = statuses;
        self
    }

    /// Keeps the records of the ledger, those of the first tick included, for who asks first for
    /// [`Host::subscribe_from_start`](crate::Host::subscribe_from_start). Whoever sets this has to ask: what is kept takes memory.
    #[must_use]
    pub fn tell_from_the_start(mut self) -> Self {
        self.tells_from_the_start = true;
        self
    }

    /// With these tiers below the cache, for [keys of bytes](crate::Keyspace).
    #[must_use]
    pub fn tiers(mut self, tiers: Option<Tiers>) -> Self {
        self.tiers = tiers.map(Arc::new);
        self
    }

    /// Notes its requests there.
    pub(crate) fn recorded(mut self, recording: Arc<RequestTap>) -> Self {
        self.recording = Some(recording);
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

    /// Counts which keys are asked for most, as far as ticks see them, for [`Finished::hot`](crate::Finished::hot).
    #[must_use]
    pub fn count_hot(mut self) -> Self {
        self.count_hot = true;
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
