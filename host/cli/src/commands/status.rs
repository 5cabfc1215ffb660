//! `host status`: what a server does at present, on one screen.

use std::path::PathBuf;

use clap::Args;
use host_profile::Bytes;
use host_server::Trust;
use host_server::http::client::Client;
use host_server::http::figures::{Decided, Decisions, Stats, Strategy};
use host_server::http::tiers::Tier;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::commands::print_json;
use crate::exit::{End, Failure};
use crate::format::{micros, percent, table, thousands};
use crate::layers::Layers;
use crate::out::outln;

/// Decisions shown.
const DECISIONS: usize = 5;

/// Characters of a decision shown.
const WORDS: usize = 180;

/// Show what a server does: clients, hit ratio, latency, memory, strategies, the last decisions.
///
/// The server has to listen for HTTP: `host serve --http 127.0.0.1:8080`, or serve.http in its profile. Its password is that of
/// the settings, as a rule in the environment: HOST_SERVE_PASSWORD. It is asked over TLS where --ca or serve.tls-cert of the
/// settings says what to believe.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  host status --http 127.0.0.1:8080
  host status --http 127.0.0.1:8080 --json
  HOST_SERVE_PASSWORD=... host status --http https://10.0.0.1:8080 --ca ca.pem
")]
pub(crate) struct Status {
    #[command(flatten)]
    asked: Asked,

    /// Print JSON.
    #[arg(long)]
    json: bool,

    // Last, because their heading holds for what follows.
    #[command(flatten)]
    layers: Layers,
}

/// No address is known.
#[derive(Debug, thiserror::Error)]
#[error(
    "which server? give its address with --http ADDRESS:PORT, or set serve.http in a profile (host serve --http 127.0.0.1:8080)"
)]
struct NoAddress;

/// Which server is asked, and how.
#[derive(Debug, Args)]
pub(crate) struct Asked {
    /// Address of the server [default: serve.http of the settings].
    #[arg(long, value_name = "ADDRESS:PORT")]
    http: Option<String>,

    /// Certificates in PEM: ask over TLS, and believe a server that has one of these, or one that they signed [default:
    /// serve.tls-cert of the settings].
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,

    /// Certificate in PEM for a server that wants one (serve.tls-client-ca).
    #[arg(long, value_name = "FILE", requires = "key")]
    cert: Option<PathBuf>,

    /// Its private key in PEM.
    #[arg(long, value_name = "FILE", requires = "cert")]
    key: Option<PathBuf>,
}

#[derive(Deserialize)]
pub(crate) struct Strategies {
    pub(crate) strategies: Vec<Strategy>,
}

impl Asked {
    /// What asks the server that the arguments and the settings name.
    pub(crate) fn client(&self, layers: &Layers) -> Result<Client, Failure> {
        let serve = layers.load_alone()?.serve;
        let address = self.http.clone().or(serve.http).ok_or(NoAddress)?;
        let own = self.cert.as_deref().zip(self.key.as_deref());
        let ca = self.ca.as_ref().or(serve.tls_cert.as_ref());
        // Where the address says that it is not encrypted, the files of the settings are not looked at.
        let ca = ca.filter(|_| self.ca.is_some() || !address.starts_with("http://"));
        let trust = ca.map(|ca| Trust::new(ca, own)).transpose()?;
        Ok(Client::new(&address, &serve.password, trust)?)
    }
}

impl Status {
    pub(crate) fn execute(self) -> Result<End, Failure> {
        let client = self.asked.client(&self.layers)?;
        let stats: Value = client.get("/stats")?;
        let strategies: Value = client.get("/strategies")?;
        let decisions: Value = client.get(&format!("/decisions?latest={DECISIONS}"))?;
        if self.json {
            let (strategies, decisions) = (strategies.get("strategies"), decisions.get("decisions"));
            print_json(&json!({ "stats": stats, "strategies": strategies, "decisions": decisions }))?;
            return Ok(End::Done);
        }
        show(&serde_json::from_value(stats)?)?;
        show_strategies(&serde_json::from_value::<Strategies>(strategies)?.strategies)?;
        show_decisions(&serde_json::from_value::<Decisions>(decisions)?.decisions)?;
        Ok(End::Done)
    }
}

fn show(stats: &Stats) -> Result<(), Failure> {
    for (name, text) in lines(stats) {
        outln!("{name:<12}{text}")?;
    }
    Ok(())
}

fn lines(stats: &Stats) -> Vec<(&'static str, String)> {
    let up = humantime::format_duration(std::time::Duration::from_secs(stats.uptime_seconds));
    let ready = if stats.ready { "ready" } else { "not ready" };
    let Stats { version, profile, pid, clients, cache, latency, memory, .. } = stats;
    let known = |ratio: Option<f64>| ratio.map_or_else(|| "-".to_owned(), percent);
    let time = |us: Option<f64>| us.map_or_else(|| "-".to_owned(), micros);
    let count = |count: usize| thousands(u64::try_from(count).unwrap_or(u64::MAX));
    let best = stats.best_shadow.as_ref().map_or_else(String::new, |best| {
        format!(
            "; best of the shadows since they are followed: {} with {}",
            best.policy,
            known(best.hit_ratio)
        )
    });
    let limit = match memory.limit_bytes {
        0 => String::new(),
        limit => format!("; {} of {} in use on the machine", Bytes(memory.used_bytes), Bytes(limit)),
    };
    let mut lines = vec![
        ("host", format!("{version}, profile {profile}, process {pid}, {ready}, up {up}")),
        (
            "clients",
            format!(
                "{} of Redis, {} of HTTP, {} at most",
                count(clients.resp),
                count(clients.http),
                count(clients.most)
            ),
        ),
        ("requests", format!("{}, {:.0} /s", thousands(stats.requests), stats.throughput)),
        (
            "hit ratio",
            format!("{}, last tick {}{best}", known(cache.hit_ratio), known(cache.window_hit_ratio)),
        ),
        ("latency", format!("p50 {}, p99 {}", time(latency.p50_us), time(latency.p99_us))),
        (
            "cache",
            format!(
                "{}, {} entries, {} of {}, {} evicted, {} expired",
                cache.policy,
                thousands(cache.entries),
                Bytes(cache.used_bytes),
                Bytes(cache.capacity_bytes),
                thousands(cache.evictions),
                thousands(cache.expired)
            ),
        ),
        ("memory", format!("{} of the process{limit}", Bytes(memory.process_bytes))),
        (
            "tuning",
            format!(
                "{} decisions in {} ticks, {:.2} s of CPU",
                thousands(stats.decisions),
                thousands(stats.ticks),
                stats.tuning_cpu_seconds
            ),
        ),
    ];
    let below = stats.tiers.iter().flat_map(|tiers| &tiers.tiers).map(|tier| ("tier", tier_line(tier)));
    // Behind the cache.
    let behind = lines.len() - 2;
    lines.splice(behind..behind, below);
    lines
}

fn tier_line(tier: &Tier) -> String {
    let mut line = format!(
        "{}, hit ratio {}, {} entries, {}",
        tier.tier,
        tier.hit_ratio.map_or_else(|| "-".to_owned(), percent),
        thousands(tier.entries),
        Bytes(tier.used_bytes)
    );
    if tier.capacity_bytes > 0 {
        line.push_str(&format!(" of {}", Bytes(tier.capacity_bytes)));
    }
    if let Some(p99) = tier.get_p99_us {
        line.push_str(&format!(", p99 {}", micros(p99)));
    }
    if tier.errors > 0 {
        line.push_str(&format!(", {} errors", thousands(tier.errors)));
    }
    if let Some(breaker) = tier.breaker.as_deref().filter(|breaker| *breaker != "closed") {
        line.push_str(&format!(", not asked at present (breaker {breaker})"));
    }
    line
}

fn show_strategies(all: &[Strategy]) -> Result<(), Failure> {
    if all.is_empty() {
        return Ok(());
    }
    outln!()?;
    let mut out = table::bare();
    let mut heading = vec![comfy_table::Cell::new("strategies"), comfy_table::Cell::new("state")];
    heading.extend(
        ["ticks", "accepted", "clamped", "refused", "failures", "restarts", "time"].map(table::figure),
    );
    out.set_header(heading);
    for Strategy { strategy, state, failures, restarts, cost } in all {
        let mut cells = vec![table::text(strategy), table::text(state)];
        let figures = [cost.ticks, cost.accepted, cost.clamped, cost.refused, *failures, *restarts];
        cells.extend(figures.map(|figure| table::figure(thousands(figure))));
        cells.push(table::figure(micros(cost.seconds * 1e6)));
        out.add_row(cells);
    }
    table::print(&out)
}

fn show_decisions(all: &[Decided]) -> Result<(), Failure> {
    outln!()?;
    if all.is_empty() {
        outln!("no decision so far")?;
        return Ok(());
    }
    outln!("last decisions")?;
    for decided in all {
        let at = humantime::format_duration(std::time::Duration::from_secs(decided.at_ms / 1_000));
        let (id, words) = (decided.id, shortened(&decided.words));
        outln!("  {id} at {at}: {words}")?;
    }
    Ok(())
}

/// A text of at most [`WORDS`] characters.
pub(crate) fn shortened(words: &str) -> String {
    if words.chars().count() <= WORDS {
        return words.to_owned();
    }
    words.chars().take(WORDS - 1).chain(['\u{2026}']).collect()
}
