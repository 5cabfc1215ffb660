//! A host: an object that is made from settings, runs, is asked, takes commands, and shuts down.
//!
//! `host run` is this object plus a driver of requests; a server is this object plus listeners. Requests go through
//! [`get`](Host::get), [`get_or_load`](Host::get_or_load), [`put`](Host::put) and [`remove`](Host::remove), from any
//! thread. A thread of the host's own holds the ticks. Nothing that a request does waits for it.
//!
//! ```
//! use std::time::Duration;
//!
//! use host_runtime::{Command, Host, Key, Options, Value};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let machine = host_telemetry::Machine::read(".".as_ref());
//! let settings = host_profile::Loader::new().profile("small").user_file(None).load(&machine)?;
//! let host = Host::start(Options::new(settings))?;
//! host.put("user:1", "Ada", None);
//! assert_eq!(host.get("user:1").map(|value| value.bytes().clone()), Some("Ada".into()));
//! host.command_blocking(Command::Tick { reason: "an example".to_owned() })?;
//! assert!(host.snapshot().tick > 0);
//! let finished = host.shut_down_blocking(Duration::from_secs(5))?;
//! assert_eq!(finished.last.cache.hits, 1);
//! # Ok(())
//! # }
//! ```

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use host_cache::Outcome;
use host_contract::Snapshot;
use host_contract::snapshot::Shadow;
use host_control::ledger::Record;
use host_executor::Executor;
use parking_lot::Mutex;
use tokio::sync::broadcast;

use crate::command::Command;
use crate::control_plane::Finished;
use crate::control_thread::{self, Commander, ControlThread};
use crate::error::HostError;
use crate::key::Key;
use crate::keyspace::Keyspace;
use crate::ledger::{Ledger, Subscription};
use crate::live::Live;
use crate::options::Options;
use crate::origin::OriginError;
use crate::prefixes::PrefixError;
use crate::report::Warming;
use crate::tuning::{Tuner, Tuning};
use crate::value::Value;
use crate::warm::Warmer;
use crate::warm::hot::Hot;
use crate::wiring;

/// Figures of a running host since its start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct HostStats {
    /// Requests that have ended.
    pub requests: u64,
    /// Requests that caused no load of their own.
    pub hits: u64,
    /// Requests that had to load, or found nothing.
    pub misses: u64,
    /// Entries that were evicted.
    pub evictions: u64,
    /// Entries that were removed because their time was over.
    pub expired: u64,
    /// How often a policy failed and the fallback took over.
    pub fallbacks: u64,
    /// Entries held.
    pub entries: u64,
    /// What they count for with their keys, in the unit of the capacity.
    pub used: u64,
    /// What the cache may hold.
    pub capacity: u64,
    /// What of it is no room for entries, because the process takes it for something else.
    pub reserved: u64,
}

/// A running host. Dropping it ends it without waiting.
pub struct Host {
    pub(crate) live: Arc<Live>,
    pub(crate) executor: Arc<Executor>,
    control: control_thread::Handle,
    latest: Arc<ArcSwap<Snapshot>>,
    tuning: Arc<ArcSwap<Tuning>>,
    subscribers: broadcast::Sender<Arc<Record>>,
    from_start: Mutex<Option<Subscription>>,
    warmer: Mutex<Option<Warmer>>,
}

impl Host {
    /// Makes a host from its options and starts it.
    ///
    /// # Errors
    /// [`HostError`]: the settings cannot be carried out, or the system refuses threads.
    pub fn start(options: Options) -> Result<Self, HostError> {
        let executor = match options.executor {
            Some(executor) => executor,
            None => wiring::executor(&options.scope.settings)?,
        };
        let ledger = Ledger::new(options.ledger);
        let subscribers = ledger.subscribers();
        // Before the first tick, which may decide.
        let from_start = Mutex::new(options.tells_from_the_start.then(|| subscribers.subscribe()));
        let mut parts =
            wiring::Parts::live(&options.scope, (&executor, options.tiers), options.registrations, ledger)?;
        parts.control.hot = options.count_hot.then(Hot::new);
        parts.plane.recording = options.recording;
        let live = Arc::new(Live::new(parts.plane, options.origin, executor.handle()));
        let latest = Arc::new(ArcSwap::from_pointee(Snapshot::default()));
        let tuning = Arc::new(ArcSwap::from_pointee(Tuning::default()));
        let control = ControlThread {
            control: parts.control,
            live: Arc::clone(&live),
            interval: options.scope.settings.control.tick,
            latest: Arc::clone(&latest),
            tuning: Arc::clone(&tuning),
            not_started: options.not_started.iter().map(Tuner::not_started).collect(),
        }
        .start()
        .map_err(HostError::Thread)?;
        Ok(Self {
            live,
            executor,
            control,
            latest,
            tuning,
            subscribers,
            from_start,
            warmer: Mutex::default(),
        })
    }

    /// The value of `key`, if the cache holds it. Counts as a request.
    pub fn get(&self, key: impl Into<Key>) -> Option<Value> {
        self.live.get(key.into())
    }

    /// The value of `key` from the cache, else from the origin. Callers that ask for one key at once load it once.
    ///
    /// # Errors
    /// What the origin answered.
    pub async fn get_or_load(&self, key: impl Into<Key>) -> Result<Value, OriginError> {
        let request = self.live.arrive(key.into());
        self.live.serve(request).await
    }

    /// Stores a value, for `lifetime` or as long as the default says. [`Outcome::Refused`] where it is too large.
    pub fn put(&self, key: impl Into<Key>, value: impl Into<Value>, lifetime: Option<Duration>) -> Outcome {
        self.live.put(key.into(), value.into(), lifetime)
    }

    /// Removes the value of `key` and returns it.
    pub fn remove(&self, key: impl Into<Key>) -> Option<Value> {
        let (entry, ()) = self.live.plane.cache.remove_entry(&key.into())?;
        Some(entry.value().to_value())
    }

    /// The keys of bytes and their values, for who serves them to clients.
    #[must_use]
    pub fn keyspace(&self) -> Keyspace {
        Keyspace::new(Arc::clone(&self.live))
    }

    /// Begins to load these keys, which were asked for most before, the hottest first: in quiet periods, and into room that
    /// nobody needs, so that nothing is evicted for them. [`Finished::hot`] of the last run names them. What an earlier call
    /// has not reached yet is given up.
    pub fn warm(&self, keys: Vec<u64>) {
        *self.warmer.lock() = Some(Warmer::start(&self.live, &self.executor, keys, 0));
    }

    /// What warming has come to; none before the first call of [`warm`](Self::warm).
    #[must_use]
    pub fn warming(&self) -> Option<Warming> {
        self.warmer.lock().as_ref().map(|warmer| warmer.report(&self.live.plane))
    }

    /// Figures since the start.
    #[must_use]
    pub fn stats(&self) -> HostStats {
        let cache = self.live.plane.cache.stats();
        let (hits, misses) = crate::snapshot_builder::served(&cache);
        HostStats {
            requests: self.live.plane.metrics.count(),
            hits,
            misses,
            evictions: cache.evictions,
            expired: cache.expired,
            fallbacks: cache.fallbacks,
            entries: cache.entries,
            used: cache.weight,
            capacity: cache.capacity,
            reserved: self.live.plane.cache.reserved(),
        }
    }

    /// What the last tick saw; empty before the first.
    #[must_use]
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.latest.load_full()
    }

    /// What the shadows say of the requests for keys that begin with `prefix`, as of the last tick: as the snapshot has it of all
    /// requests, without figures of a window. The first call for a prefix begins to watch it, and answers none, as do others
    /// before the next tick. Requests before that count for nothing.
    ///
    /// Misses are divided by the requests of the prefix that were followed. Numbered keys have no prefix.
    ///
    /// # Errors
    /// [`PrefixError`]: 16 are watched already, or it has no byte or more than 1,024.
    pub fn watch_prefix(&self, prefix: &[u8]) -> Result<Option<Vec<Shadow>>, PrefixError> {
        self.live.plane.prefixes.watch(prefix)
    }

    /// Watches a prefix no more. False where it was not watched.
    pub fn forget_prefix(&self, prefix: &[u8]) -> bool {
        self.live.plane.prefixes.forget(prefix)
    }

    /// What tuning does and costs, as of the last tick or command. Waits for neither.
    #[must_use]
    pub fn tuning(&self) -> Arc<Tuning> {
        self.tuning.load_full()
    }

    /// Every record of the ledger from the first one on, for who asks first of a host that was told to [keep
    /// them](Options::tell_from_the_start); else, as [`subscribe`](Self::subscribe), from now on.
    #[must_use]
    pub fn subscribe_from_start(&self) -> Subscription {
        self.from_start.lock().take().unwrap_or_else(|| self.subscribe())
    }

    /// Every record of the ledger from now on. A subscriber that falls 4,096 records behind loses the oldest, and is told
    /// how many.
    #[must_use]
    pub fn subscribe(&self) -> Subscription {
        self.subscribers.subscribe()
    }

    /// Tells the host to do something, and waits until it is done.
    ///
    /// # Errors
    /// [`HostError`]: the command cannot be carried out, or the control thread has died.
    pub async fn command(&self, command: Command) -> Result<(), HostError> {
        self.control.commander().send(command)?.await.unwrap_or(Err(HostError::ControlThreadDied))
    }

    /// As [`command`](Self::command), from outside of async code.
    ///
    /// # Errors
    /// As [`command`](Self::command).
    ///
    /// # Panics
    /// If called inside async code, where blocking would stop other tasks.
    pub fn command_blocking(&self, command: Command) -> Result<(), HostError> {
        self.control.commander().send(command)?.blocking_recv().unwrap_or(Err(HostError::ControlThreadDied))
    }

    /// What hands commands to the host from other threads.
    pub(crate) fn commander(&self) -> Commander {
        self.control.commander().clone()
    }

    /// Ends the host: no further tick, one last look, the ledger closed. Requests under way go on; what they find does not
    /// count any more.
    ///
    /// # Errors
    /// [`HostError::ShutdownTimedOut`] where the control thread is still busy after `grace`.
    pub async fn shut_down(self, grace: Duration) -> Result<Finished, HostError> {
        let finished = self.control.stop().ok_or(HostError::ControlThreadDied)?;
        match tokio::time::timeout(grace, finished).await {
            Ok(finished) => finished.map_err(|_| HostError::ControlThreadDied),
            Err(_) => Err(HostError::ShutdownTimedOut(grace)),
        }
    }

    /// As [`shut_down`](Self::shut_down), from outside of async code.
    ///
    /// # Errors
    /// As [`shut_down`](Self::shut_down).
    ///
    /// # Panics
    /// If called inside async code, where blocking would stop other tasks.
    pub fn shut_down_blocking(self, grace: Duration) -> Result<Finished, HostError> {
        let executor = Arc::clone(&self.executor);
        executor.block_on(self.shut_down(grace))
    }
}

impl std::fmt::Debug for Host {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Host").field("cache", &self.live.plane.cache).finish_non_exhaustive()
    }
}
