//! Figures for Prometheus and OpenMetrics.
//!
//! They are read from the counters that there are, when somebody asks. Names follow the conventions of Prometheus: the prefix
//! `host_`, base units (seconds, bytes, ratios) at the end, `_total` behind what only grows. What a tick measured is a gauge
//! of the last tick, and absent where nothing was measured.

use std::fmt;
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use axum::extract::State;
use axum::http::header::ACCEPT;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::Response;
use host_contract::gauge::{BUILT_IN, GaugeSpec};
use host_contract::number::to_f64;
use host_control::supervisor::State as Standing;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet, prometheus_text, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::exemplar::Exemplar;
use prometheus_client::registry::{Registry, Unit};

use super::Server;
use super::answer::{Wrong, typed};
use super::figures::{connections, figures};
use super::tiers::{Tier, Tiers};
use crate::events::Kind;
use crate::resp::names;
use crate::server::{Shared, Stage};
use crate::what_if::{What, what_if};

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

pub(super) async fn metrics(State(shared): Server, headers: HeaderMap) -> Result<Response, Wrong> {
    let accepts = |kind: &str| {
        headers.get_all(ACCEPT).iter().any(|accept| accept.to_str().is_ok_and(|accept| accept.contains(kind)))
    };
    let open = accepts("application/openmetrics-text");
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Figures(shared)));
    let mut written = String::new();
    let done = if open {
        text::encode(&mut written, &registry)
    } else {
        prometheus_text::encode(&mut written, &registry)
    };
    if done.is_err() {
        let hint = "please report this with the version of the host";
        return Err(Wrong::new(StatusCode::INTERNAL_SERVER_ERROR, "the figures cannot be written", hint));
    }
    let kind = if open { OPEN_METRICS } else { prometheus_text::CONTENT_TYPE };
    Ok(typed(HeaderValue::from_static(kind), written))
}

struct Figures(Arc<Shared>);

impl fmt::Debug for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Figures").finish_non_exhaustive()
    }
}

type Labels = Vec<(&'static str, String)>;

fn label(name: &'static str, value: impl Into<String>) -> Labels {
    vec![(name, value.into())]
}

/// Writes families of figures.
struct Writer<'a>(DescriptorEncoder<'a>);

impl Writer<'_> {
    /// What only grows.
    fn counters(
        &mut self,
        name: &str,
        unit: Option<Unit>,
        help: &str,
        samples: impl IntoIterator<Item = (Labels, f64)>,
    ) -> fmt::Result {
        self.family(MetricType::Counter, name, unit, help, samples)
    }

    /// What goes up and down.
    fn gauges(
        &mut self,
        name: &str,
        unit: Option<Unit>,
        help: &str,
        samples: impl IntoIterator<Item = (Labels, f64)>,
    ) -> fmt::Result {
        self.family(MetricType::Gauge, name, unit, help, samples)
    }

    /// Nothing is written where there is no sample.
    fn family(
        &mut self,
        kind: MetricType,
        name: &str,
        unit: Option<Unit>,
        help: &str,
        samples: impl IntoIterator<Item = (Labels, f64)>,
    ) -> fmt::Result {
        let mut samples = samples.into_iter().peekable();
        if samples.peek().is_none() {
            return Ok(());
        }
        let mut family = self.0.encode_descriptor(name, help, unit.as_ref(), kind)?;
        for (labels, value) in samples {
            let mut sample = family.encode_family(&labels)?;
            match kind {
                MetricType::Counter => sample.encode_counter(&value, None::<&Exemplar<NoLabelSet, f64>>)?,
                _ => sample.encode_gauge(&value)?,
            }
        }
        Ok(())
    }

    fn counter(&mut self, name: &str, help: &str, value: u64) -> fmt::Result {
        self.counters(name, None, help, [(Labels::new(), to_f64(value))])
    }

    fn gauge(&mut self, name: &str, unit: Option<Unit>, help: &str, value: f64) -> fmt::Result {
        self.gauges(name, unit, help, [(Labels::new(), value)])
    }
}

fn ratio() -> Option<Unit> {
    Some(Unit::Other("ratio".to_owned()))
}

impl Collector for Figures {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut out = Writer(encoder);
        process(&mut out, &self.0)?;
        clients(&mut out, &self.0)?;
        commands(&mut out, &self.0)?;
        cache(&mut out, &self.0)?;
        tiers(&mut out, &self.0)?;
        shadows(&mut out, &self.0)?;
        tuning(&mut out, &self.0)?;
        strategies(&mut out, &self.0)?;
        measured(&mut out, &self.0)
    }
}

fn process(out: &mut Writer<'_>, shared: &Shared) -> fmt::Result {
    let labels = vec![
        ("version", env!("CARGO_PKG_VERSION").to_owned()),
        ("profile", shared.settings.load().profile.clone()),
    ];
    out.gauges(
        "host_build_info",
        None,
        "Version of the host and name of its profile, always 1",
        [(labels, 1.0)],
    )?;
    let started = shared.started_at.duration_since(UNIX_EPOCH).unwrap_or_default();
    out.gauge(
        "host_start_time",
        Some(Unit::Seconds),
        "When the server began, since the UNIX epoch",
        started.as_secs_f64(),
    )?;
    let ready = if shared.stage() == Stage::Serving { 1.0 } else { 0.0 };
    out.gauge("host_ready", None, "1 while requests are to be sent here", ready)
}

fn clients(out: &mut Writer<'_>, shared: &Shared) -> fmt::Result {
    let now = [("resp", shared.clients.len()), ("http", shared.http.connected())];
    let count = |count: usize| to_f64(u64::try_from(count).unwrap_or(u64::MAX));
    let samples = now.map(|(protocol, clients)| (label("protocol", protocol), count(clients)));
    out.gauges("host_clients", None, "Clients that are connected", samples)?;
    out.gauge(
        "host_clients_limit",
        None,
        "Clients that may be connected at once",
        count(shared.config.clients),
    )?;
    let all = connections(shared);
    let samples = all.map(|(protocol, came, _)| (label("protocol", protocol), to_f64(came)));
    out.counters("host_connections", None, "Connections that clients have made", samples)?;
    let samples = all.map(|(protocol, _, refused)| (label("protocol", protocol), to_f64(refused)));
    out.counters(
        "host_connections_refused",
        None,
        "Connections that were turned away, because there were too many",
        samples,
    )?;
    if let Some(tls) = &shared.tls {
        let failed = to_f64(tls.failed.load(std::sync::atomic::Ordering::Relaxed));
        let help = "Connections that were ended because no TLS came about: plain text, no common version, an unknown certificate";
        out.counters("host_tls_handshakes_failed", None, help, [(Vec::new(), failed)])?;
    }
    let requests = shared.http.requests().map(|(method, code, count)| {
        let code = if code == 0 { "other".to_owned() } else { code.to_string() };
        (vec![("method", method.to_owned()), ("code", code)], to_f64(count))
    });
    out.counters("host_http_requests", None, "Requests of HTTP that were answered", requests)
}

fn commands(out: &mut Writer<'_>, shared: &Shared) -> fmt::Result {
    let all: Vec<_> = names().zip(shared.statistics.calls.iter().map(|calls| calls.figures())).collect();
    let called = || all.iter().filter(|(_, (calls, _, rejected, _))| *calls + *rejected > 0);
    let of = |name: &str| label("command", name);
    let samples = called().map(|(name, (calls, ..))| (of(name), to_f64(*calls)));
    out.counters("host_commands", None, "Commands of Redis's protocol that were run", samples)?;
    let samples = called().map(|(name, (_, time, ..))| (of(name), time.as_secs_f64()));
    out.counters("host_commands_time", Some(Unit::Seconds), "Time that commands took", samples)?;
    let samples = called().map(|(name, (_, _, rejected, _))| (of(name), to_f64(*rejected)));
    out.counters("host_commands_rejected", None, "Commands that were refused before they ran", samples)?;
    let samples = called().map(|(name, (_, _, _, failed))| (of(name), to_f64(*failed)));
    out.counters("host_commands_failed", None, "Commands that were answered by an error", samples)?;
    let read =
        |counter: &std::sync::atomic::AtomicU64| to_f64(counter.load(std::sync::atomic::Ordering::Relaxed));
    let bytes = || Some(Unit::Bytes);
    let none = Labels::new;
    let statistics = &shared.statistics;
    out.counters(
        "host_received",
        bytes(),
        "Bytes that clients of Redis sent",
        [(none(), read(&statistics.bytes_in))],
    )?;
    out.counters(
        "host_sent",
        bytes(),
        "Bytes that clients of Redis were sent",
        [(none(), read(&statistics.bytes_out))],
    )?;
    let help = "Clients that were turned away, because they let too much wait to be read";
    out.counters("host_clients_too_slow", None, help, [(none(), read(&statistics.too_slow))])
}

fn cache(out: &mut Writer<'_>, shared: &Shared) -> fmt::Result {
    let stats = figures(shared);
    let cache = &stats.cache;
    out.counter("host_requests", "Requests to the cache that have ended", stats.requests)?;
    out.counter("host_cache_hits", "Requests that found their value", cache.hits)?;
    out.counter("host_cache_misses", "Requests that did not find their value", cache.misses)?;
    out.counter("host_cache_evictions", "Entries that the policy chose to go", cache.evictions)?;
    out.counter("host_cache_expired", "Entries removed because their time was over", cache.expired)?;
    let help = "How often a policy failed and another one took over";
    out.counter("host_cache_fallbacks", help, shared.host.stats().fallbacks)?;
    out.gauge("host_cache_entries", None, "Entries of the cache", to_f64(cache.entries))?;
    let bytes = || Some(Unit::Bytes);
    out.gauge("host_cache_used", bytes(), "What the entries count for", to_f64(cache.used_bytes))?;
    out.gauge(
        "host_cache_capacity",
        bytes(),
        "What the entries may count for",
        to_f64(cache.capacity_bytes),
    )?;
    let snapshot = shared.host.snapshot();
    let samples = snapshot.cache.policies.iter().map(|policy| {
        let is = if *policy == cache.policy { 1.0 } else { 0.0 };
        (label("policy", policy), is)
    });
    out.gauges("host_cache_policy", None, "1 for the eviction policy in force, 0 for the others", samples)
}

fn tiers(out: &mut Writer<'_>, shared: &Shared) -> fmt::Result {
    let Some(Tiers { tiers, queued_bytes, demoted, dropped, .. }) = super::tiers::tiers(shared) else {
        return Ok(());
    };
    let bytes = || Some(Unit::Bytes);
    let of = |tier: &Tier| label("tier", &tier.tier);
    let mut counter = |name: &str, help: &str, figure: &dyn Fn(&Tier) -> u64| {
        out.counters(name, None, help, tiers.iter().map(|tier| (of(tier), to_f64(figure(tier)))))
    };
    counter("host_tier_hits", "Lookups in a tier that found their value", &|tier| tier.hits)?;
    counter("host_tier_misses", "Lookups in a tier that did not find their value", &|tier| tier.misses)?;
    counter("host_tier_puts", "Values that a tier has taken", &|tier| tier.puts)?;
    counter("host_tier_evictions", "Values that went from a tier for want of room", &|tier| tier.evictions)?;
    let help = "Operations of a tier that failed, and damage that was found";
    counter("host_tier_errors", help, &|tier| tier.errors)?;
    let all = || tiers.iter();
    let written = all().filter_map(|tier| Some((of(tier), to_f64(tier.written_bytes?))));
    out.counters("host_tier_written", bytes(), "Bytes that a tier has written to its files", written)?;
    let admitted = all().filter_map(|tier| Some((of(tier), to_f64(tier.admitted_bytes?))));
    out.counters("host_tier_admitted", bytes(), "Of these, bytes of values that it took", admitted)?;
    let entries = all().map(|tier| (of(tier), to_f64(tier.entries)));
    out.gauges("host_tier_entries", None, "Values that a tier holds", entries)?;
    let used = all().map(|tier| (of(tier), to_f64(tier.used_bytes)));
    out.gauges("host_tier_used", bytes(), "What a tier takes", used)?;
    let capacity = all().map(|tier| (of(tier), to_f64(tier.capacity_bytes)));
    out.gauges("host_tier_capacity", bytes(), "What a tier may take; 0 of a server", capacity)?;
    let times = all().flat_map(|tier| {
        [("0.5", tier.get_p50_us), ("0.99", tier.get_p99_us)].into_iter().filter_map(|(quantile, us)| {
            Some((vec![("tier", tier.tier.clone()), ("quantile", quantile.to_owned())], us? * 1e-6))
        })
    });
    let help = "Time of a lookup in a tier, since the start";
    out.gauges("host_tier_lookup", Some(Unit::Seconds), help, times)?;
    let open = all().filter_map(|tier| {
        let asked = tier.breaker.as_deref()? == "closed";
        Some((of(tier), if asked { 0.0 } else { 1.0 }))
    });
    out.gauges("host_tier_breaker_open", None, "1 while a server is not asked, because it failed", open)?;
    out.counter("host_tier_demotions", "Values that have left memory for a tier", demoted)?;
    let help = "Values that were dropped on their way to a tier, because too many were";
    out.counter("host_tier_dropped", help, dropped)?;
    out.gauge("host_tier_queue", bytes(), "What is on its way from memory to a tier", to_f64(queued_bytes))
}

fn shadows(out: &mut Writer<'_>, shared: &Shared) -> fmt::Result {
    let snapshot = shared.host.snapshot();
    let cases = what_if(&snapshot, What::Either);
    let of = |case: &crate::what_if::Case| {
        vec![("policy", case.policy.clone()), ("size", format!("{}", case.capacity_factor))]
    };
    let samples = cases.iter().filter_map(|case| Some((of(case), case.hit_ratio?)));
    let help =
        "What the hit ratio would have been under a policy, at a multiple of the size, since it is followed";
    out.gauges("host_shadow_hit", ratio(), help, samples)
}

fn tuning(out: &mut Writer<'_>, shared: &Shared) -> fmt::Result {
    out.counter("host_ticks", "Ticks that were held", shared.host.snapshot().tick)?;
    let cpu = shared.host.tuning().cpu.as_secs_f64();
    let help = "CPU time of tuning: sampling, shadows, strategies, arbitration";
    out.counters("host_tuning_cpu", Some(Unit::Seconds), help, [(Labels::new(), cpu)])?;
    let samples = Kind::ALL.map(|kind| (label("type", kind.name()), to_f64(shared.events.count(kind))));
    out.counters("host_events", None, "What was decided, judged, told and warned of", samples)
}

fn strategies(out: &mut Writer<'_>, shared: &Shared) -> fmt::Result {
    let tuning = shared.host.tuning();
    let all = || tuning.strategies.iter();
    let of = |tuner: &host_runtime::Tuner| label("plugin", &tuner.status.strategy);
    let states = [
        Standing::Loading,
        Standing::Active,
        Standing::BackingOff { until: 0 },
        Standing::Quarantined,
        Standing::Retired,
    ];
    let samples = all().flat_map(|tuner| {
        states.map(|state| {
            let is = if state.name() == tuner.status.state.name() { 1.0 } else { 0.0 };
            (vec![("plugin", tuner.status.strategy.clone()), ("state", state.name().to_owned())], is)
        })
    });
    out.gauges(
        "host_strategy_state",
        None,
        "1 for the state in which a strategy is, 0 for the others",
        samples,
    )?;
    let mut counter = |name: &str, unit, help: &str, figure: &dyn Fn(&host_runtime::Tuner) -> f64| {
        out.counters(name, unit, help, all().map(|tuner| (of(tuner), figure(tuner))))
    };
    counter("host_strategy_failures", None, "How often a strategy failed", &|of| to_f64(of.status.failures))?;
    counter("host_strategy_restarts", None, "How often a strategy was started again", &|of| {
        to_f64(of.status.restarts)
    })?;
    counter("host_strategy_ticks", None, "Ticks in which a strategy was called", &|of| {
        to_f64(of.cost.ticks)
    })?;
    counter("host_strategy_fuel", None, "Fuel that a strategy burnt", &|of| to_f64(of.cost.fuel))?;
    let seconds = Some(Unit::Seconds);
    counter("host_strategy_time", seconds, "Time spent in a strategy", &|of| of.cost.wall.as_secs_f64())?;
    let answers = all().flat_map(|tuner| {
        let cost = &tuner.cost;
        [("accepted", cost.accepted), ("clamped", cost.clamped), ("refused", cost.refused)].map(
            |(answer, count)| {
                (
                    vec![("plugin", tuner.status.strategy.clone()), ("answer", answer.to_owned())],
                    to_f64(count),
                )
            },
        )
    });
    out.counters(
        "host_strategy_proposals",
        None,
        "Proposals of a strategy, by the answer that they got",
        answers,
    )?;
    let left = all().map(|tuner| (of(tuner), f64::from(tuner.status.restarts_left)));
    out.gauges("host_strategy_restarts_left", None, "Restarts that a strategy has left", left)?;
    let memory = all().map(|tuner| (of(tuner), to_f64(tuner.cost.memory_bytes)));
    out.gauges(
        "host_strategy_memory",
        Some(Unit::Bytes),
        "Largest linear memory that a strategy held",
        memory,
    )
}

/// The gauges of the last tick: each is a row of the table that strategies read.
fn measured(out: &mut Writer<'_>, shared: &Shared) -> fmt::Result {
    let snapshot = shared.host.snapshot();
    for spec in BUILT_IN {
        let Some(value) = snapshot.gauge(spec.name) else { continue };
        let (name, unit, factor) = named(spec);
        out.gauge(&name, unit, spec.meaning, value * factor)?;
    }
    Ok(())
}

/// The name of a gauge, its base unit, and by what its value is multiplied for that.
fn named(spec: &GaugeSpec) -> (String, Option<Unit>, f64) {
    let name = format!("host_{}", spec.name.replace('-', "_"));
    // Where the name says it already, it is not said twice.
    let of = |unit: &str| name.strip_suffix(unit).unwrap_or(&name).to_owned();
    match spec.unit {
        "bytes" => (of("_bytes"), Some(Unit::Bytes), 1.0),
        "seconds" => (of("_seconds"), Some(Unit::Seconds), 1.0),
        "microseconds" => (of("_seconds"), Some(Unit::Seconds), 1e-6),
        "ratio" => (of("_ratio"), ratio(), 1.0),
        "per-second" => (format!("{name}_per_second"), None, 1.0),
        _ => (name, None, 1.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_gauge_has_a_name_of_its_own_that_ends_in_its_base_unit_once() {
        let names: Vec<String> = BUILT_IN
            .iter()
            .map(|spec| match named(spec) {
                (name, Some(unit), _) => format!("{name}_{}", unit.as_str()),
                (name, None, _) => name,
            })
            .collect();
        for name in &names {
            let words: Vec<&str> = name.split('_').collect();
            for unit in ["bytes", "seconds", "ratio"] {
                let at: Vec<usize> = (0..words.len()).filter(|at| words[*at] == unit).collect();
                assert!(at.is_empty() || at == [words.len() - 1], "{name}");
            }
        }
        assert_eq!(names.iter().collect::<std::collections::BTreeSet<_>>().len(), names.len(), "{names:?}");
        for name in
            ["host_latency_p99_seconds", "host_missed_bytes", "host_hit_ratio", "host_throughput_per_second"]
        {
            assert!(names.iter().any(|of| of == name), "no {name} in {names:?}");
        }
    }
}
