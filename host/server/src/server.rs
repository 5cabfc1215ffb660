//! A server: listeners and threads in front of a host.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU16, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use host_profile::Settings;
use host_runtime::{FlatLimits, Host, Keyspace};
use parking_lot::Mutex;
use rand::SeedableRng as _;
use rand_pcg::Pcg64;
use tokio::runtime::Runtime;

use crate::config::Config;
use crate::error::ServeError;
use crate::events::Events;
use crate::listener;
use crate::resp::client::Clients;
use crate::resp::pub_sub::PubSub;
use crate::resp::request::Limits;
use crate::resp::slow_log::SlowLog;
use crate::resp::statistics::Statistics;
use crate::resp::watches::Watches;
use crate::resp::{Gate, count};

/// How often clients that have been idle for too long are looked for.
const IDLE: Duration = Duration::from_secs(1);

/// How often entries that are over their time are removed.
const PURGE: Duration = Duration::from_millis(100);

/// What all connections of a server share.
pub struct Shared {
    pub(crate) host: Arc<Host>,
    pub(crate) keys: Keyspace,
    pub(crate) settings: Settings,
    pub(crate) config: Config,
    pub(crate) gate: Gate,
    pub(crate) watches: Watches,
    pub(crate) clients: Clients,
    pub(crate) pub_sub: PubSub,
    pub(crate) slow_log: SlowLog,
    pub(crate) statistics: Statistics,
    pub(crate) events: Events,
    pub(crate) random: Mutex<Pcg64>,
    pub(crate) started: Instant,
    /// Up to what the fields of a value lie flat.
    pub(crate) flat_entries: AtomicUsize,
    pub(crate) flat_bytes: AtomicUsize,
    /// Whether what is over its time is removed before somebody asks for it.
    pub(crate) expires: AtomicBool,
    /// Seconds; 0: clients may be idle for as long as they like.
    idle: AtomicU64,
    /// Whether a database but the first was ever used.
    databases: AtomicBool,
    port: AtomicU16,
}

impl Shared {
    fn new(host: Arc<Host>, settings: Settings, config: Config, seed: u64) -> Self {
        Self {
            keys: host.keyspace(),
            host,
            settings,
            gate: Gate::default(),
            watches: Watches::default(),
            clients: Clients::default(),
            pub_sub: PubSub::default(),
            slow_log: SlowLog::new(config.slow, config.slow_log),
            statistics: Statistics::new(count()),
            events: Events::default(),
            random: Mutex::new(Pcg64::seed_from_u64(seed)),
            started: Instant::now(),
            flat_entries: AtomicUsize::new(FlatLimits::REDIS.fields),
            flat_bytes: AtomicUsize::new(FlatLimits::REDIS.bytes),
            expires: AtomicBool::new(true),
            idle: AtomicU64::new(config.idle.as_secs()),
            databases: AtomicBool::new(false),
            port: AtomicU16::new(0),
            config,
        }
    }

    /// What a request may take.
    pub(crate) fn limits(&self) -> Limits {
        Limits { arguments: self.config.arguments, bulk: self.config.bulk, line: Limits::REDIS.line }
    }

    /// Up to what the fields of a value lie flat.
    pub(crate) fn flat_fields(&self) -> FlatLimits {
        FlatLimits {
            fields: self.flat_entries.load(Ordering::Relaxed),
            bytes: self.flat_bytes.load(Ordering::Relaxed),
        }
    }

    /// Bytes that may wait to be read by one client.
    pub(crate) fn output(&self) -> usize {
        self.config.output
    }

    /// How long a client may be idle; zero: for as long as it likes.
    pub(crate) fn idle(&self) -> Duration {
        Duration::from_secs(self.idle.load(Ordering::Relaxed))
    }

    pub(crate) fn set_idle(&self, idle: Duration) {
        self.idle.store(idle.as_secs(), Ordering::Relaxed);
    }

    /// Whether a database but the first was ever used.
    pub(crate) fn has_databases(&self) -> bool {
        self.databases.load(Ordering::Relaxed)
    }

    /// A database but the first is used.
    pub(crate) fn use_databases(&self) {
        self.databases.store(true, Ordering::Relaxed);
    }

    /// The TCP port, 0 without one.
    pub(crate) fn port(&self) -> u16 {
        self.port.load(Ordering::Relaxed)
    }

    /// Ends the clients that have been idle for too long.
    fn end_idle(&self) {
        let (most, now) = (self.idle(), Instant::now());
        if !most.is_zero() {
            // Who listens to messages has nothing to say.
            let idle =
                |client: &Arc<crate::resp::client::Client>| client.idle(now) > most && !client.subscribes();
            self.clients.all().into_iter().filter(idle).for_each(|client| client.end());
        }
    }
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("config", &self.config).finish_non_exhaustive()
    }
}

/// A running server. Dropping it ends it at once.
pub struct Server {
    runtime: Runtime,
    shared: Arc<Shared>,
    address: Option<SocketAddr>,
    accepting: Vec<tokio::task::JoinHandle<()>>,
}

impl Server {
    /// Begins to listen. `seed` is for the choice of a random key.
    ///
    /// # Errors
    /// [`ServeError`]: an address cannot be had, or the system refuses threads.
    pub fn start(host: Arc<Host>, settings: Settings, config: Config, seed: u64) -> Result<Self, ServeError> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(config.threads.max(1))
            .thread_name("serve")
            .enable_all()
            .build()
            .map_err(ServeError::Threads)?;
        if config.resp.is_none() && config.unix.is_none() {
            return Err(ServeError::Nowhere);
        }
        let shared = Arc::new(Shared::new(host, settings, config, seed));
        let mut accepting = Vec::new();
        let mut address = None;
        {
            let _inside = runtime.enter();
            if let Some(resp) = &shared.config.resp {
                let listener = runtime.block_on(listener::bind(&shared.config, resp))?;
                address = listener.local_addr().ok();
                shared.port.store(address.map_or(0, |address| address.port()), Ordering::Relaxed);
                accepting.push(runtime.spawn(listener::accept(listener, Arc::clone(&shared))));
            }
            if let Some(path) = &shared.config.unix {
                let listener = listener::bind_unix(path)?;
                let path = path.display().to_string();
                accepting.push(runtime.spawn(listener::accept_unix(listener, path, Arc::clone(&shared))));
            }
        }
        runtime.spawn(crate::events::listen(Arc::clone(&shared)));
        runtime.spawn(keep_house(Arc::clone(&shared)));
        Ok(Self { runtime, shared, address, accepting })
    }

    /// Where it listens for clients of Redis over TCP.
    #[must_use]
    pub fn address(&self) -> Option<SocketAddr> {
        self.address
    }

    /// Clients that are connected.
    #[must_use]
    pub fn clients(&self) -> usize {
        self.shared.clients.len()
    }

    /// Ends the server: no further client, what has come is answered, every connection ended. Waits `grace` at most, and says
    /// how many connections were still busy then.
    pub fn shut_down(self, grace: Duration) -> usize {
        self.accepting.iter().for_each(tokio::task::JoinHandle::abort);
        if let Some(path) = &self.shared.config.unix {
            // Another server would take its place in any case.
            drop(std::fs::remove_file(path));
        }
        let until = Instant::now() + grace;
        self.shared.clients.all().iter().for_each(|client| client.end());
        while self.shared.clients.len() > 0 && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(1));
        }
        let busy = self.shared.clients.len();
        self.runtime.shutdown_timeout(Duration::from_millis(100));
        busy
    }
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server").field("address", &self.address).finish_non_exhaustive()
    }
}

/// What has to be done from time to time.
async fn keep_house(shared: Arc<Shared>) {
    let mut purge = tokio::time::interval(PURGE);
    purge.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut looked = Instant::now();
    loop {
        purge.tick().await;
        shared.keys.advance();
        if shared.expires.load(Ordering::Relaxed) {
            shared.keys.purge_expired();
        }
        if looked.elapsed() >= IDLE {
            looked = Instant::now();
            shared.end_idle();
        }
    }
}
