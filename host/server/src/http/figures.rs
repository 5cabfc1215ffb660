//! What is told as JSON: figures, strategies, decisions, settings. The types are those that a client reads, too.

use std::sync::atomic::Ordering;

use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use host_contract::number::ratio;
use host_contract::snapshot::Snapshot;
use host_control::ledger::Record;
use host_runtime::{PrefixError, Tuner};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Server;
use super::answer::{Json, Wrong};
use super::tiers::{Tiers, tiers};
use crate::events::sentence;
use crate::resp::stored;
use crate::server::{Shared, Stage};
use crate::what_if::{Case, NoCases, What, what_if, what_if_of};

/// Decisions in one answer, at most.
const DECISIONS: usize = 1_000;

/// The figures of a server, as `/stats` has them. "Window" means the last tick.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stats {
    /// Version of the host.
    pub version: String,
    /// Name of the profile.
    pub profile: String,
    /// Number of the process.
    pub pid: u32,
    /// Seconds since the server began.
    pub uptime_seconds: u64,
    /// Whether it serves and is not about to end.
    pub ready: bool,
    /// Ticks so far.
    pub ticks: u64,
    /// Clients.
    pub clients: Clients,
    /// Requests that have ended.
    pub requests: u64,
    /// Requests a second in the window.
    pub throughput: f64,
    /// Time of a request.
    pub latency: Latency,
    /// The cache.
    pub cache: Cache,
    /// What is below memory; none where nothing is.
    pub tiers: Option<Tiers>,
    /// The policy at the present size that would have hit most, among those that are followed.
    pub best_shadow: Option<Case>,
    /// Memory.
    pub memory: Memory,
    /// Decisions so far, changes of the prefetch rules among them.
    pub decisions: u64,
    /// CPU time of tuning, seconds.
    pub tuning_cpu_seconds: f64,
}

/// Clients of a server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Clients {
    /// Connected by Redis's protocol.
    pub resp: usize,
    /// Connected by HTTP, the one that asks among them.
    pub http: usize,
    /// Of both together, at most.
    pub most: usize,
}

/// Time of a request, from its arrival to its answer: of the last tick in which there were any; none before.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Latency {
    /// Median, microseconds.
    pub p50_us: Option<f64>,
    /// 99th percentile, microseconds.
    pub p99_us: Option<f64>,
}

/// The cache of a server.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Cache {
    /// The policy in force.
    pub policy: String,
    /// Entries, those included that are over their time and were not removed yet.
    pub entries: u64,
    /// What they count for, bytes.
    pub used_bytes: u64,
    /// What they may count for, bytes.
    pub capacity_bytes: u64,
    /// Requests that found their value.
    pub hits: u64,
    /// Requests that did not.
    pub misses: u64,
    /// Entries that the policy chose to go.
    pub evictions: u64,
    /// Entries removed because their time was over.
    pub expired: u64,
    /// `hits / (hits + misses)` since the start; none without requests.
    pub hit_ratio: Option<f64>,
    /// The same in the window.
    pub window_hit_ratio: Option<f64>,
}

/// Memory of a server, bytes; 0 where it is not known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Memory {
    /// Resident memory of the process.
    pub process_bytes: u64,
    /// In use where the process runs: the machine, or its control group.
    pub used_bytes: u64,
    /// The limit there.
    pub limit_bytes: u64,
}

/// A strategy, as `/strategies` has it; what else there is in it depends on where it stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Strategy {
    /// Its name.
    pub strategy: String,
    /// Where it stands: `loading`, `active`, `backing-off`, `quarantined` or `retired`.
    pub state: String,
    /// How often it failed.
    pub failures: u64,
    /// How often it was started again.
    pub restarts: u64,
    /// What it has asked for and burnt.
    pub cost: Cost,
}

/// What a strategy has asked for and burnt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Cost {
    /// Ticks it was called in.
    pub ticks: u64,
    /// Fuel it burnt.
    pub fuel: u64,
    /// Largest linear memory it held, bytes.
    pub memory_bytes: u64,
    /// Time spent in it, seconds.
    pub seconds: f64,
    /// Proposals accepted as they were.
    pub accepted: u64,
    /// Proposals clamped to the range of their dial.
    pub clamped: u64,
    /// Proposals refused.
    pub refused: u64,
}

/// A decision, as `/decisions` has it, with the record of the ledger beside.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Decided {
    /// Its number, from 1.
    pub id: u64,
    /// Milliseconds since the host began.
    pub at_ms: u64,
    /// What was decided, by whom, why, and how it was judged, in one line.
    pub words: String,
}

/// The decisions of an answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Decisions {
    /// The decisions, oldest first.
    pub decisions: Vec<Decided>,
}

/// The figures of this moment.
pub(super) fn figures(shared: &Shared) -> Stats {
    let (host, snapshot, tuning) = (shared.host.stats(), shared.host.snapshot(), shared.host.tuning());
    let latency = |gauge: &str| {
        let last = || snapshot.history(gauge, 1).last().copied();
        snapshot.gauge(gauge).or_else(last)
    };
    Stats {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        profile: shared.settings.load().profile.clone(),
        pid: std::process::id(),
        uptime_seconds: shared.started.elapsed().as_secs(),
        ready: shared.stage() == Stage::Serving,
        ticks: snapshot.tick,
        clients: Clients {
            resp: shared.clients.len(),
            http: shared.http.connected(),
            most: shared.config.clients,
        },
        requests: host.requests,
        throughput: snapshot.throughput(),
        latency: Latency { p50_us: latency("latency-p50"), p99_us: latency("latency-p99") },
        cache: Cache {
            policy: snapshot.cache.policy.clone(),
            entries: host.entries,
            used_bytes: host.used,
            capacity_bytes: host.capacity,
            hits: host.hits,
            misses: host.misses,
            evictions: host.evictions,
            expired: host.expired,
            hit_ratio: ratio(host.hits, host.hits + host.misses),
            window_hit_ratio: snapshot.cache.window_hit_ratio(),
        },
        tiers: tiers(shared),
        best_shadow: best_shadow(&snapshot),
        memory: Memory {
            process_bytes: snapshot.system.process_memory_bytes,
            used_bytes: snapshot.system.memory_used_bytes,
            limit_bytes: snapshot.system.memory_limit_bytes,
        },
        decisions: shared.events.decisions(),
        tuning_cpu_seconds: tuning.cpu.as_secs_f64(),
    }
}

fn best_shadow(snapshot: &Snapshot) -> Option<Case> {
    let cases = what_if(snapshot, What::Policy).into_iter().filter_map(|case| Some((case.hit_ratio?, case)));
    cases.max_by(|(one, _), (other, _)| one.total_cmp(other)).map(|(_, case)| case)
}

pub(super) async fn stats(State(shared): Server) -> Response {
    Json(figures(&shared)).into_response()
}

/// Whether the process lives.
pub(super) async fn healthy() -> Response {
    Json(serde_json::json!({ "status": "alive" })).into_response()
}

/// Whether requests are to be sent here.
pub(super) async fn ready(State(shared): Server) -> Result<Response, Wrong> {
    let not_yet = |error, hint| Err(Wrong::new(StatusCode::SERVICE_UNAVAILABLE, error, hint));
    match shared.stage() {
        Stage::Serving => Ok(Json(serde_json::json!({ "status": "ready" })).into_response()),
        Stage::Starting => not_yet("the server is starting", "ask again in a moment"),
        Stage::Draining | Stage::Ending => not_yet("the server is ending", "send requests to another one"),
    }
}

/// The effective configuration, with the layer that each value comes from.
pub(super) async fn profile(State(shared): Server) -> Response {
    let settings = shared.settings.load();
    let answer = serde_json::json!({
        "profile": settings.profile,
        "summary": settings.summary,
        "settings": settings.rows(),
        "notes": settings.notes,
    });
    Json(answer).into_response()
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct WhatIf {
    of: Option<String>,
    prefix: Option<String>,
}

type Asked<T> = Result<Query<T>, axum::extract::rejection::QueryRejection>;

pub(super) async fn whatif(State(shared): Server, query: Asked<WhatIf>) -> Result<Response, Wrong> {
    let hint = "expected /whatif, /whatif?of=policy or /whatif?of=size, each also with prefix=PREFIX";
    let Query(query) = query.map_err(|error| Wrong::request(error.body_text(), hint))?;
    let what = match query.of.as_deref() {
        None => What::Either,
        Some("policy") => What::Policy,
        Some("size") => What::Size,
        Some(other) => return Err(Wrong::request(format!("of={other}: no such thing"), hint)),
    };
    let prefix = query.prefix.map(|prefix| stored(0, prefix.as_bytes()).to_vec());
    match what_if_of(&shared.host, what, prefix.as_deref()) {
        Ok(cases) => Ok(Json(serde_json::json!({ "cases": cases })).into_response()),
        Err(NoCases::NoShadows) => {
            let hint = "they need a strategy that takes part, and cache.shadows = true";
            Err(Wrong::new(StatusCode::NOT_FOUND, "there are no shadows", hint))
        }
        Err(NoCases::Begun) => {
            let hint = "the prefix is watched from now on, and what is asked for is counted: ask again after the next tick";
            let answer = serde_json::json!({ "cases": [], "hint": hint });
            Ok((StatusCode::ACCEPTED, Json(answer)).into_response())
        }
        Err(NoCases::Prefix(error)) => {
            let hint = match error {
                PrefixError::TooMany(_) => {
                    "HOST.WHATIF FORGET PREFIX, over Redis's protocol, gives a place back"
                }
                _ => hint,
            };
            Err(Wrong::request(error.to_string(), hint))
        }
    }
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct After {
    after: Option<u64>,
    latest: Option<usize>,
}

/// The decisions after a number, or the latest of them, as the ledger has them, each with its words.
pub(super) async fn decisions(State(shared): Server, query: Asked<After>) -> Result<Response, Wrong> {
    let hint = "expected /decisions, /decisions?after=ID or /decisions?latest=COUNT, in whole numbers";
    let Query(query) = query.map_err(|error| Wrong::request(error.body_text(), hint))?;
    let decided = match (query.after, query.latest) {
        (after, None) => shared.events.decided.after(after.unwrap_or(0), DECISIONS),
        (None, Some(latest)) => shared.events.decided.latest(latest.min(DECISIONS)),
        (Some(_), Some(_)) => return Err(Wrong::request("after and latest are two ways to ask", hint)),
    };
    let decisions: Vec<Value> = decided.iter().map(|(_, record)| told(record)).collect();
    Ok(Json(serde_json::json!({ "decisions": decisions })).into_response())
}

/// The record of a decision with its words.
fn told(record: &Record) -> Value {
    let mut value = serde_json::to_value(record).unwrap_or_default();
    if let Value::Object(fields) = &mut value {
        fields.insert("words".to_owned(), sentence(record).into());
    }
    value
}

pub(super) async fn strategies(State(shared): Server) -> Response {
    let tuning = shared.host.tuning();
    let strategies: Vec<Value> = tuning.strategies.iter().map(strategy).collect();
    Json(serde_json::json!({ "strategies": strategies })).into_response()
}

/// Where a strategy stands, with what it has cost.
fn strategy(tuner: &Tuner) -> Value {
    let mut value = serde_json::to_value(&tuner.status).unwrap_or_default();
    if let (Value::Object(fields), Ok(Value::Object(mut cost))) =
        (&mut value, serde_json::to_value(&tuner.cost))
    {
        cost.insert("seconds".to_owned(), tuner.cost.wall.as_secs_f64().into());
        fields.insert("cost".to_owned(), cost.into());
    }
    value
}

/// Connections that were let in and turned away, of both protocols.
pub(super) fn connections(shared: &Shared) -> [(&'static str, u64, u64); 2] {
    let read = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
    [
        ("resp", read(&shared.statistics.connections), read(&shared.statistics.turned_away)),
        ("http", read(&shared.http.connections), read(&shared.http.turned_away)),
    ]
}
