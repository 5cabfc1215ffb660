//! INFO: figures of the server and the host, as text in sections.

use std::fmt::Write as _;
use std::sync::atomic::Ordering;

use super::super::command;
use super::super::context::Context;
use super::super::failure::Done;
use super::host;
use crate::http::tiers::{Tier, tiers};

type Words<'w> = &'w [&'w [u8]];

/// The Redis whose commands and errors these are. Clients choose by it what they may send.
pub(super) const REDIS_VERSION: &str = "7.0.15";

pub(in super::super) fn info(cx: &mut Context<'_>, words: Words<'_>) -> Done {
    let wanted: Vec<String> =
        words.iter().skip(1).map(|word| String::from_utf8_lossy(word).to_lowercase()).collect();
    let all = wanted.iter().any(|name| name == "all" || name == "everything");
    let default = wanted.is_empty() || wanted.iter().any(|name| name == "default");
    let mut text = String::new();
    for (name, by_default, section) in SECTIONS {
        if all || (default && *by_default) || wanted.iter().any(|wanted| wanted == name) {
            if !text.is_empty() {
                text.push_str("\r\n");
            }
            section(cx, &mut text);
        }
    }
    cx.reply.text(&text);
    Ok(())
}

type Section = fn(&Context<'_>, &mut String);

/// Name, whether it is there unless asked for, and what writes it.
const SECTIONS: &[(&str, bool, Section)] = &[
    ("server", true, server_section),
    ("clients", true, clients_section),
    ("memory", true, memory_section),
    ("stats", true, stats_section),
    ("replication", true, replication_section),
    ("cluster", true, cluster_section),
    ("host", true, host::section),
    ("tiers", true, tiers_section),
    ("commandstats", false, commands_section),
    ("keyspace", true, keyspace_section),
];

/// Writes a title and lines of a name and a value.
pub(super) fn lines(text: &mut String, title: &str, rows: &[(&str, String)]) {
    // Writing to a string does not fail.
    let _ = write!(text, "# {title}\r\n");
    for (name, value) in rows {
        let _ = write!(text, "{name}:{value}\r\n");
    }
}

fn server_section(cx: &Context<'_>, text: &mut String) {
    let up = cx.shared.started.elapsed();
    lines(
        text,
        "Server",
        &[
            ("redis_version", REDIS_VERSION.to_owned()),
            ("redis_mode", "standalone".to_owned()),
            ("host_version", env!("CARGO_PKG_VERSION").to_owned()),
            ("os", std::env::consts::OS.to_owned()),
            ("arch_bits", usize::BITS.to_string()),
            ("process_id", std::process::id().to_string()),
            ("tcp_port", cx.shared.port().to_string()),
            ("uptime_in_seconds", up.as_secs().to_string()),
            ("uptime_in_days", (up.as_secs() / 86_400).to_string()),
        ],
    );
}

fn clients_section(cx: &Context<'_>, text: &mut String) {
    let all = cx.shared.clients.all();
    let listen = all.iter().filter(|client| client.subscribes()).count();
    lines(
        text,
        "Clients",
        &[
            ("connected_clients", all.len().to_string()),
            ("maxclients", cx.shared.config.clients.to_string()),
            ("blocked_clients", "0".to_owned()),
            ("pubsub_clients", listen.to_string()),
        ],
    );
}

fn memory_section(cx: &Context<'_>, text: &mut String) {
    let stats = cx.shared.host.stats();
    let snapshot = cx.shared.host.snapshot();
    lines(
        text,
        "Memory",
        &[
            ("used_memory", stats.used.to_string()),
            ("used_memory_rss", snapshot.system.process_memory_bytes.to_string()),
            ("maxmemory", stats.capacity.to_string()),
            ("host_reserved_memory", stats.reserved.to_string()),
            ("maxmemory_policy", snapshot.cache.policy.clone()),
        ],
    );
}

fn tiers_section(cx: &Context<'_>, text: &mut String) {
    let Some(tiers) = tiers(cx.shared) else { return lines(text, "Tiers", &[]) };
    let of = |tier: &Tier| {
        let mut text = format!(
            "hits={},misses={},puts={},evictions={},errors={},entries={},used={},capacity={}",
            tier.hits,
            tier.misses,
            tier.puts,
            tier.evictions,
            tier.errors,
            tier.entries,
            tier.used_bytes,
            tier.capacity_bytes
        );
        for (name, figure) in [("admitted", tier.admitted_bytes), ("written", tier.written_bytes)] {
            if let Some(bytes) = figure {
                let _ = write!(text, ",{name}={bytes}");
            }
        }
        text
    };
    let mut rows: Vec<(&str, String)> = tiers.tiers.iter().map(|tier| (&*tier.tier, of(tier))).collect();
    rows.push(("demoted", tiers.demoted.to_string()));
    rows.push(("demotions_dropped", tiers.dropped.to_string()));
    rows.push(("demotions_queued_bytes", tiers.queued_bytes.to_string()));
    lines(text, "Tiers", &rows);
}

fn stats_section(cx: &Context<'_>, text: &mut String) {
    let shared = cx.shared;
    let host = shared.host.stats();
    let snapshot = shared.host.snapshot();
    let read = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed).to_string();
    let statistics = &shared.statistics;
    lines(
        text,
        "Stats",
        &[
            ("total_connections_received", read(&statistics.connections)),
            ("total_commands_processed", read(&statistics.commands)),
            ("instantaneous_ops_per_sec", format!("{:.0}", snapshot.throughput())),
            ("total_net_input_bytes", read(&statistics.bytes_in)),
            ("total_net_output_bytes", read(&statistics.bytes_out)),
            ("rejected_connections", read(&statistics.turned_away)),
            ("expired_keys", host.expired.to_string()),
            ("evicted_keys", host.evictions.to_string()),
            ("keyspace_hits", host.hits.to_string()),
            ("keyspace_misses", host.misses.to_string()),
            ("pubsub_channels", shared.pub_sub.channels(None).len().to_string()),
            ("pubsub_patterns", shared.pub_sub.patterns().to_string()),
            ("client_output_buffer_limit_disconnections", read(&statistics.too_slow)),
            ("total_error_replies", read(&statistics.errors)),
        ],
    );
}

fn replication_section(_: &Context<'_>, text: &mut String) {
    lines(text, "Replication", &[("role", "master".to_owned()), ("connected_slaves", "0".to_owned())]);
}

fn cluster_section(_: &Context<'_>, text: &mut String) {
    lines(text, "Cluster", &[("cluster_enabled", "0".to_owned())]);
}

fn commands_section(cx: &Context<'_>, text: &mut String) {
    text.push_str("# Commandstats\r\n");
    for (command, calls) in command::commands().iter().zip(&cx.shared.statistics.calls) {
        let (calls, time, rejected, failed) = calls.figures();
        if calls + rejected > 0 {
            let micros = time.as_micros();
            let mean = if calls == 0 {
                0.0
            } else {
                time.as_secs_f64() * 1e6 / host_contract::number::to_f64(calls)
            };
            let _ = write!(
                text,
                "cmdstat_{}:calls={calls},usec={micros},usec_per_call={mean:.2},rejected_calls={rejected},failed_calls={failed}\r\n",
                command.name
            );
        }
    }
}

fn keyspace_section(cx: &Context<'_>, text: &mut String) {
    text.push_str("# Keyspace\r\n");
    let mut databases = [(0_u64, 0_u64); 16];
    if cx.shared.has_databases() {
        count_each(cx, &mut databases);
    } else {
        let [first, ..] = &mut databases;
        *first = (cx.keys().len(), cx.keys().expiring());
    }
    for (number, (keys, expires)) in databases.iter().enumerate().filter(|(_, (keys, _))| *keys > 0) {
        let _ = write!(text, "db{number}:keys={keys},expires={expires},avg_ttl=0\r\n");
    }
}

/// Counts keys and those with an end, by looking at each: the cache knows nothing of databases.
fn count_each(cx: &Context<'_>, databases: &mut [(u64, u64)]) {
    let mut cursor = 0;
    loop {
        cursor = cx.keys().scan(cursor, 512, |key, present| {
            let of = match key {
                [0, database, ..] => usize::from(*database),
                _ => 0,
            };
            if let Some((keys, expires)) = databases.get_mut(of) {
                *keys += 1;
                *expires += u64::from(present.until.is_some());
            }
        });
        if cursor == 0 {
            break;
        }
    }
}
