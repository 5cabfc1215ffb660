//! A server: listeners and threads in front of a host.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU16, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime};

use arc_swap::ArcSwap;
use host_profile::Settings;
use host_runtime::{FlatLimits, Host, Keyspace};
use parking_lot::Mutex;
use rand::SeedableRng as _;
use rand_pcg::Pcg64;
use tokio::net::{TcpListener, UnixListener};
use tokio::runtime::Runtime;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinHandle;

use crate::config::Config;
use crate::error::ServeError;
use crate::events::Events;
use crate::http;
use crate::listener::{self, HTTP, RESP};
use crate::resp::client::{Clients, OutputLimit};
use crate::resp::pub_sub::PubSub;
use crate::resp::request::Limits;
use crate::resp::slow_log::SlowLog;
use crate::resp::statistics::Statistics;
use crate::resp::watches::Watches;
use crate::resp::{Gate, count};
use crate::tls::{Tls, TlsError};

/// How often clients that have been idle for too long are looked for.
const IDLE: Duration = Duration::from_secs(1);

/// How exact times of use are.
const ADVANCE: Duration = Duration::from_millis(100);

/// How often entries that are over their time are removed at most.
const PURGE: Duration = Duration::from_millis(100);

/// Places for clients that those of Redis do not take where there is HTTP; fewer of few.
const KEPT_FOR_HTTP: usize = 8;

/// How far a server is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stage {
    /// Not everything listens yet.
    Starting,
    /// It serves.
    Serving,
    /// It accepts no clients of Redis any more, and ends the connections.
    Draining,
    /// The connections of HTTP are ended as well.
    Ending,
}

/// What all connections of a server share.
pub struct Shared {
    pub(crate) host: Arc<Host>,
    pub(crate) keys: Keyspace,
    pub(crate) settings: ArcSwap<Settings>,
    pub(crate) config: Config,
    pub(crate) stage: watch::Sender<Stage>,
    pub(crate) gate: Gate,
    pub(crate) watches: Watches,
    pub(crate) clients: Clients,
    pub(crate) pub_sub: PubSub,
    pub(crate) slow_log: SlowLog,
    pub(crate) statistics: Statistics,
    pub(crate) http: http::Statistics,
    pub(crate) events: Events,
    /// What encrypts the connections of TCP.
    pub(crate) tls: Option<Tls>,
    pub(crate) random: Mutex<Pcg64>,
    pub(crate) started: Instant,
    /// Up to what the fields of a value lie flat.
    pub(crate) flat_entries: AtomicUsize,
    pub(crate) flat_bytes: AtomicUsize,
    /// Whether what is over its time is removed before somebody asks for it.
    pub(crate) expires: AtomicBool,
    pub(crate) started_at: SystemTime,
    /// Places for clients.
    room: Arc<Semaphore>,
    /// Seconds; 0: clients may be idle for as long as they like.
    idle: AtomicU64,
    /// Whether a database but the first was ever used.
    databases: AtomicBool,
    port: AtomicU16,
}

impl Shared {
    fn new(host: Arc<Host>, settings: Settings, config: Config, tls: Option<Tls>, seed: u64) -> Self {
        Self {
            keys: host.keyspace(),
            host,
            settings: ArcSwap::from_pointee(settings),
            stage: watch::Sender::new(Stage::Starting),
            gate: Gate::default(),
            watches: Watches::default(),
            clients: Clients::default(),
            pub_sub: PubSub::default(),
            slow_log: SlowLog::new(config.slow, config.slow_log),
            statistics: Statistics::new(count()),
            http: http::Statistics::default(),
            events: Events::default(),
            tls,
            random: Mutex::new(Pcg64::seed_from_u64(seed)),
            started: Instant::now(),
            flat_entries: AtomicUsize::new(FlatLimits::REDIS.fields),
            flat_bytes: AtomicUsize::new(FlatLimits::REDIS.bytes),
            expires: AtomicBool::new(true),
            started_at: SystemTime::now(),
            room: Arc::new(Semaphore::new(config.clients.min(Semaphore::MAX_PERMITS))),
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

    /// What may wait to be read by one client.
    pub(crate) fn output(&self) -> OutputLimit<'_> {
        OutputLimit { bytes: self.config.output, exceeded: &self.statistics.too_slow }
    }

    /// How long a client may be idle; zero: for as long as it likes.
    pub(crate) fn idle(&self) -> Duration {
        Duration::from_secs(self.idle.load(Ordering::Relaxed))
    }

    pub(crate) fn set_idle(&self, idle: Duration) {
        self.idle.store(idle.as_secs(), Ordering::Relaxed);
    }

    /// A place for one more client of Redis. Some stay free for HTTP, so that who asks whether the server lives is not told that
    /// there are too many clients.
    pub(crate) fn room_beside_http(&self) -> Option<OwnedSemaphorePermit> {
        let kept = if self.config.http.is_some() { (self.config.clients / 64).min(KEPT_FOR_HTTP) } else { 0 };
        if self.room.available_permits() > kept { self.room() } else { None }
    }

    /// A place for one more client; none where all are taken.
    pub(crate) fn room(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.room).try_acquire_owned().ok()
    }

    /// How far the server is.
    pub(crate) fn stage(&self) -> Stage {
        *self.stage.borrow()
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
            for client in self.clients.all().into_iter().filter(idle) {
                client.end();
            }
        }
    }
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("config", &self.config).finish_non_exhaustive()
    }
}

/// Somewhere a server listens, or would.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listening {
    /// The address or the path.
    pub at: String,
    /// For whom, in words.
    pub whom: &'static str,
}

const CLIENTS: &str = "clients of Redis";

/// What encrypts the connections, where the configuration says so.
fn tls(config: &Config) -> Result<Option<Tls>, TlsError> {
    config.tls.as_ref().map(Tls::load).transpose()
}

/// The sockets of a server.
struct Bound {
    resp: Option<TcpListener>,
    unix: Option<UnixListener>,
    http: Option<TcpListener>,
}

impl Bound {
    /// Binds everything that the configuration names.
    async fn new(config: &Config) -> Result<Self, ServeError> {
        if config.resp.is_none() && config.unix.is_none() && config.http.is_none() {
            return Err(ServeError::Nowhere);
        }
        let tcp = async |key, address: &Option<String>| match address {
            Some(address) => listener::bind(config, key, address).await.map(Some),
            None => Ok(None),
        };
        Ok(Self {
            http: tcp(HTTP, &config.http).await?,
            resp: tcp(RESP, &config.resp).await?,
            unix: config.unix.as_deref().map(listener::bind_unix).transpose()?,
        })
    }

    fn listening(&self, config: &Config) -> Vec<Listening> {
        let tcp = |listener: &Option<TcpListener>, [plain, encrypted]: [&'static str; 2]| {
            let at = listener.as_ref()?.local_addr().ok()?.to_string();
            Some(Listening { at, whom: if config.tls.is_some() { encrypted } else { plain } })
        };
        let unix =
            config.unix.as_ref().map(|path| Listening { at: path.display().to_string(), whom: CLIENTS });
        let resp = tcp(&self.resp, [CLIENTS, "clients of Redis, over TLS"]);
        let http = tcp(&self.http, ["HTTP", "HTTP, over TLS"]);
        [resp, unix, http].into_iter().flatten().collect()
    }
}

/// A running server. Dropping it ends it at once.
pub struct Server {
    runtime: Runtime,
    shared: Arc<Shared>,
    address: Option<SocketAddr>,
    http: Option<SocketAddr>,
    listening: Vec<Listening>,
    accepting: Vec<JoinHandle<()>>,
    accepting_http: Option<JoinHandle<()>>,
}

impl Server {
    /// Begins to listen. `seed` is for the choice of a random key.
    ///
    /// # Errors
    /// [`ServeError`]: an address cannot be had, a certificate is of no use, or the system refuses threads.
    pub fn start(host: Arc<Host>, settings: Settings, config: Config, seed: u64) -> Result<Self, ServeError> {
        let tls = tls(&config)?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(config.threads.max(1))
            .thread_name("serve")
            .enable_all()
            .build()
            .map_err(ServeError::Threads)?;
        let bound = runtime.block_on(Bound::new(&config))?;
        let listening = bound.listening(&config);
        let address = |listener: &Option<TcpListener>| listener.as_ref().and_then(|of| of.local_addr().ok());
        let (resp, http) = (address(&bound.resp), address(&bound.http));
        let shared = Arc::new(Shared::new(host, settings, config, tls, seed));
        shared.port.store(resp.map_or(0, |address| address.port()), Ordering::Relaxed);
        // Before anybody can ask: nothing that the host has decided is missing then.
        let records = shared.host.subscribe_from_start();
        runtime.spawn(crate::events::listen(Arc::clone(&shared), records));
        let accepting_http =
            bound.http.map(|listener| runtime.spawn(http::listen::accept(listener, Arc::clone(&shared))));
        let mut accepting = Vec::new();
        if let Some(listener) = bound.resp {
            accepting.push(runtime.spawn(listener::accept(listener, Arc::clone(&shared))));
        }
        if let (Some(listener), Some(path)) = (bound.unix, &shared.config.unix) {
            let path = path.display().to_string();
            accepting.push(runtime.spawn(listener::accept_unix(listener, path, Arc::clone(&shared))));
        }
        runtime.spawn(keep_house(Arc::clone(&shared)));
        runtime.spawn(purge(Arc::clone(&shared)));
        shared.stage.send_replace(Stage::Serving);
        for Listening { at, whom } in &listening {
            tracing::info!(at, whom, "listening");
        }
        Ok(Self { runtime, shared, address: resp, http, listening, accepting, accepting_http })
    }

    /// Where a server of this configuration would listen. Everything is bound for a moment, and nobody is served.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn check(config: &Config) -> Result<Vec<Listening>, ServeError> {
        tls(config)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let bound = runtime.map_err(ServeError::Threads)?.block_on(Bound::new(config))?;
        let listening = bound.listening(config);
        drop(bound);
        remove_unix(config);
        Ok(listening)
    }

    /// Where it listens for clients of Redis over TCP.
    #[must_use]
    pub fn address(&self) -> Option<SocketAddr> {
        self.address
    }

    /// Where it listens for HTTP.
    #[must_use]
    pub fn http(&self) -> Option<SocketAddr> {
        self.http
    }

    /// Everywhere it listens.
    #[must_use]
    pub fn listening(&self) -> &[Listening] {
        &self.listening
    }

    /// Clients that are connected.
    #[must_use]
    pub fn clients(&self) -> usize {
        self.shared.clients.len() + self.shared.http.connected()
    }

    /// Shows these settings to who asks from here on. The host itself is [told](host_runtime::Command::Reload) apart.
    pub fn reloaded(&self, settings: Settings) {
        self.shared.settings.store(Arc::new(settings));
    }

    /// Reads certificate and key again, for the connections to come. False where the server has none.
    ///
    /// # Errors
    /// [`TlsError`]; those before stand then.
    pub fn reload_certificates(&self) -> Result<bool, TlsError> {
        self.shared.tls.as_ref().map_or(Ok(false), |tls| tls.reload().map(|()| true))
    }

    /// Ends the server: it is not ready any more and lets no client in, what has come is answered, every connection ended.
    /// Those of HTTP last, so that who asks whether it is ready is told for as long as others are answered. Waits `grace` at
    /// most, and says how many connections were still busy then.
    pub fn shut_down(self, grace: Duration) -> usize {
        let until = Instant::now() + grace;
        tracing::info!(clients = self.clients(), "draining");
        self.shared.stage.send_replace(Stage::Draining);
        self.accepting.iter().for_each(JoinHandle::abort);
        remove_unix(&self.shared.config);
        for client in self.shared.clients.all() {
            client.end();
        }
        // Some of the time is for those of HTTP.
        wait(until.checked_sub(grace / 4).unwrap_or(until), || self.shared.clients.len() == 0);
        self.shared.stage.send_replace(Stage::Ending);
        self.accepting_http.iter().for_each(JoinHandle::abort);
        wait(until, || self.shared.http.connected() == 0);
        let busy = self.clients();
        tracing::info!(busy, "drained");
        self.runtime.shutdown_timeout(Duration::from_millis(100));
        busy
    }
}

/// Another server would take the place of the socket in any case.
fn remove_unix(config: &Config) {
    if let Some(path) = &config.unix {
        drop(std::fs::remove_file(path));
    }
}

fn wait(until: Instant, done: impl Fn() -> bool) {
    while !done() && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(1));
    }
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server").field("listening", &self.listening).finish_non_exhaustive()
    }
}

/// What has to be done from time to time and takes no time.
async fn keep_house(shared: Arc<Shared>) {
    let mut advance = tokio::time::interval(ADVANCE);
    advance.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut looked = Instant::now();
    loop {
        advance.tick().await;
        shared.keys.advance();
        if looked.elapsed() >= IDLE {
            looked = Instant::now();
            shared.end_idle();
        }
    }
}

/// Removes what is over its time. That looks at every entry with a lifetime, so it is done beside the threads that serve, and takes
/// a twentieth of a core at most.
async fn purge(shared: Arc<Shared>) {
    let mut pause = PURGE;
    loop {
        tokio::time::sleep(pause).await;
        if shared.expires.load(Ordering::Relaxed) {
            let keys = shared.keys.clone();
            let began = Instant::now();
            if let Err(error) = tokio::task::spawn_blocking(move || keys.purge_expired()).await {
                tracing::error!(%error, "removing what is over its time failed");
            }
            pause = PURGE.max(began.elapsed() * 20);
        }
    }
}
