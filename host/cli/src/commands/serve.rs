//! `host serve`: a tuned cache behind the clients of Redis.

mod reload;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Args;
use host_profile::ServeSettings;
use host_runtime::{Finished, Reopened, ServeOptions, Served};
use host_server::{Config, Listening, Password, Server, TlsError, TlsFiles};

use crate::exit::{End, Failure};
use crate::format::thousands;
use crate::interrupt::{Signals, doing, signals};
use crate::layers::Layers;
use crate::out::{self, outln};
use crate::progress::Terminal;
use reload::Reloader;

/// How long connections have at the end to get what they were promised, and how long the control thread has.
const GRACE: Duration = Duration::from_secs(4);

/// How often the end is looked for.
const LOOK: Duration = Duration::from_millis(50);

/// Serve a cache to the clients of Redis, tuned while it serves.
///
/// An application keeps its Redis client and is pointed at this address. The cache chooses its eviction policy by what it
/// sees; every decision is on the ledger, and `HOST.LEDGER` shows the latest. `HOST.WHATIF` says what the hit ratio would be under
/// another policy or size. With an address for HTTP, `host status` and Prometheus see all of it.
///
/// SIGTERM and Ctrl-C end it in order: what has come is answered. SIGHUP, and a change of a file that the settings come from, make
/// it read them again, certificates too; what is wrong is refused, and what stood before stands.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  host serve --profile medium                       on 127.0.0.1:6380
  host serve --resp 127.0.0.1:6400 --unix /tmp/host.sock
  host serve --http 127.0.0.1:8080                  and figures, decisions, events; host status shows them
  host serve --check --profile mine.toml            whether it could start, and where it would listen
  host serve --set cache.capacity=1GB --ledger serve.jsonl
  HOST_SERVE_PASSWORD=... host serve --resp 0.0.0.0:6380 --tls-cert server.pem --tls-key server.key
  redis-cli -p 6380 HOST.WHATIF
  redis-cli -p 6380 HOST.WHATIF policy PREFIX session:
")]
pub(crate) struct Serve {
    /// Address for clients of Redis; the same as `--set serve.resp=ADDRESS`.
    #[arg(long, value_name = "ADDRESS:PORT")]
    resp: Option<String>,

    /// Path of a socket for clients on this machine; the same as `--set serve.unix=PATH`.
    #[arg(long, value_name = "PATH")]
    unix: Option<PathBuf>,

    /// Address for figures, events and values over HTTP; the same as `--set serve.http=ADDRESS`.
    #[arg(long, value_name = "ADDRESS:PORT")]
    http: Option<String>,

    /// Certificate of the server in PEM, and behind it those that signed it: with it, every address speaks TLS; the same as `--set
    /// serve.tls-cert=FILE`.
    #[arg(long, value_name = "FILE")]
    tls_cert: Option<PathBuf>,

    /// Its private key in PEM; the same as `--set serve.tls-key=FILE`.
    #[arg(long, value_name = "FILE")]
    tls_key: Option<PathBuf>,

    /// Certificates in PEM: clients have to show one that one of these signed; the same as `--set serve.tls-client-ca=FILE`.
    #[arg(long, value_name = "FILE")]
    tls_client_ca: Option<PathBuf>,

    /// Check the settings, the strategies, the certificates and the addresses, say where it would listen, and end: with 0 where a server could
    /// start.
    #[arg(long)]
    check: bool,

    /// Seed of the random numbers that strategies get.
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,

    /// Write every proposal, decision and effect to this file, one JSON object a line.
    #[arg(long, value_name = "FILE")]
    ledger: Option<PathBuf>,

    /// Keep what strategies learn in this folder, for the next time. By default what plugins.state-dir says.
    #[arg(long, value_name = "DIR")]
    state_dir: Option<PathBuf>,

    // Last, because their heading holds for what follows.
    #[command(flatten)]
    layers: Layers,
}

impl Serve {
    pub(crate) fn execute(self) -> Result<End, Failure> {
        let terminal = Terminal::new(false);
        outln!("host {}: serving, profile {}", env!("CARGO_PKG_VERSION"), self.layers.profile)?;
        let signals = signals()?;
        doing("starting");
        let (settings, policies) = self.layers.load_with_policies(Path::new("."))?;
        let config = self.config(&settings.serve)?;
        let options = ServeOptions {
            settings: settings.clone(),
            policies,
            seed: self.seed,
            ledger: self.ledger.clone(),
            state_dir: self.state_dir.clone(),
        };
        let served = Served::start(&options, &terminal)?;
        for status in &served.not_started {
            let why = status.events.last().map_or("", |event| &event.text);
            out::say(&format!("{} does not take part: {why}", status.strategy));
        }
        served.notes.iter().for_each(|note| out::say(&format!("note: {note}")));
        if let Some(Reopened { entries, took }) =
            served.host().keyspace().tiers().and_then(|tiers| tiers.reopened())
        {
            let entries = thousands(entries);
            outln!("disk tier: {entries} entries of an earlier run, opened in {:.2} s", took.as_secs_f64())?;
        }
        if self.check {
            say_where("would listen on", &Server::check(&config)?)?;
            served.shut_down(GRACE)?;
            outln!("everything is in order")?;
            return Ok(End::Done);
        }
        let certificates = config.tls.iter().flat_map(TlsFiles::all).cloned().collect();
        let server = Server::start(Arc::clone(served.host()), settings.clone(), config, self.seed)?;
        say_where("listening on", server.listening())?;
        serve(served, server, &signals, Reloader::new(self.layers, settings, certificates))
    }

    fn config(&self, serve: &ServeSettings) -> Result<Config, TlsError> {
        let size = |bytes: host_profile::Bytes| usize::try_from(bytes.get()).unwrap_or(usize::MAX);
        let count = |count: u32| usize::try_from(count).unwrap_or(usize::MAX);
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let file = |flag: &Option<PathBuf>, set: &Option<PathBuf>| flag.clone().or_else(|| set.clone());
        let tls = TlsFiles::new(
            file(&self.tls_cert, &serve.tls_cert),
            file(&self.tls_key, &serve.tls_key),
            file(&self.tls_client_ca, &serve.tls_client_ca),
        )?;
        Ok(Config {
            tls,
            resp: self.resp.clone().or_else(|| serve.resp.clone()),
            unix: self.unix.clone().or_else(|| serve.unix.clone()),
            http: self.http.clone().or_else(|| serve.http.clone()),
            password: Password::new(&serve.password),
            threads: if serve.threads == 0 { cores } else { count(serve.threads) },
            clients: count(serve.max_clients),
            idle: serve.idle_timeout,
            bulk: size(serve.max_bulk),
            arguments: count(serve.max_arguments),
            output: size(serve.max_output),
            slow: Some(serve.slow_log),
            slow_log: count(serve.slow_log_entries),
            debug: serve.debug_commands,
        })
    }
}

fn say_where(how: &str, all: &[Listening]) -> Result<(), Failure> {
    for Listening { at, whom } in all {
        outln!("{how} {at} for {whom}")?;
    }
    Ok(())
}

/// Serves until the first signal.
fn serve(served: Served, server: Server, signals: &Signals, mut reloader: Reloader) -> Result<End, Failure> {
    let started = Instant::now();
    while !signals.stop.asked() {
        std::thread::sleep(LOOK);
        if signals.reload() {
            reloader.reload("SIGHUP", served.host(), &server);
            reloader.reload_certificates("SIGHUP", served.host(), &server);
        } else if reloader.is_due() {
            if let Some(file) = reloader.changed() {
                reloader.reload(&format!("{} changed", file.display()), served.host(), &server);
            }
            if let Some(file) = reloader.changed_certificate() {
                reloader.reload_certificates(&format!("{} changed", file.display()), served.host(), &server);
            }
        }
    }
    doing("ending connections");
    let stats = served.host().stats();
    let busy = server.shut_down(GRACE);
    doing("ending the host");
    let (finished, notes) = served.shut_down(GRACE)?;
    say_what_was(&finished, stats.requests, started.elapsed())?;
    if busy > 0 {
        out::say(&format!("note: {busy} connections were still busy after {} s", GRACE.as_secs()));
    }
    notes.iter().chain(&finished.notes).for_each(|note| out::say(&format!("note: {note}")));
    Ok(End::Done)
}

fn say_what_was(finished: &Finished, requests: u64, took: Duration) -> Result<(), Failure> {
    let last = &finished.last;
    let (hits, misses) = (last.cache.hits, last.cache.misses);
    let took = humantime::format_duration(Duration::from_secs(took.as_secs()));
    outln!("served {requests} requests in {took}")?;
    if let Some(ratio) = host_contract::number::ratio(hits, hits + misses) {
        outln!(
            "hit ratio {:.1} %, {} entries, policy {}",
            ratio * 100.0,
            last.cache.entries,
            last.cache.policy
        )?;
    }
    outln!("{} decisions in {} ticks", finished.decisions.len(), finished.cost.ticks)?;
    Ok(())
}
