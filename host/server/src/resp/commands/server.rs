//! The server: figures, settings, everything at once.

use std::fmt::Write as _;
use std::sync::atomic::Ordering;
use std::time::Duration;

use host_contract::dial::{CACHE_CAPACITY, CACHE_POLICY};
use host_contract::{Dial, Value as Setting};

use super::super::command;
use super::super::context::{Context, DATABASES, named};
use super::super::failure::{Done, Failure};
use super::super::glob;
use super::super::number::{integer, integer_of};
use super::keys::{flush, help};
use super::{arity, host, is};

type Words<'w> = &'w [&'w [u8]];

/// The Redis whose commands and errors these are. Clients choose by it what they may send.
pub(super) const REDIS_VERSION: &str = "7.0.15";

pub(in super::super) fn function(cx: &mut Context<'_>, words: Words<'_>) -> Done {
    match words {
        [_, part] if is(part, "flush") => cx.ok(),
        [_, part, mode] if is(part, "flush") && (is(mode, "sync") || is(mode, "async")) => cx.ok(),
        [_, part, ..] => Err(Failure::subcommand("function", part)),
        _ => arity("function"),
    }
}

pub(in super::super) fn time(cx: &mut Context<'_>, _: Words<'_>) -> Done {
    let now = cx.keys().now();
    cx.reply.array(2);
    cx.reply.bulk(itoa::Buffer::new().format(now.as_secs()).as_bytes());
    cx.reply.bulk(itoa::Buffer::new().format(now.subsec_micros()).as_bytes());
    Ok(())
}

/// Entries of a database; all others are counted by looking at each.
fn size(cx: &Context<'_>, database: u8) -> u64 {
    let (mut count, mut cursor) = (0, 0);
    loop {
        cursor = cx.keys().scan(cursor, 512, |key, _| count += u64::from(named(database, key).is_some()));
        if cursor == 0 {
            return count;
        }
    }
}

pub(in super::super) fn dbsize(cx: &mut Context<'_>, _: Words<'_>) -> Done {
    let entries = if cx.shared.has_databases() { size(cx, cx.session.database) } else { cx.keys().len() };
    cx.integer(i64::try_from(entries).unwrap_or(i64::MAX))
}

fn flush_mode(words: Words<'_>) -> Done {
    match words {
        [_] => Ok(()),
        [_, mode] if is(mode, "sync") || is(mode, "async") => Ok(()),
        _ => Err(Failure::SYNTAX),
    }
}

pub(in super::super) fn flushdb(cx: &mut Context<'_>, words: Words<'_>) -> Done {
    flush_mode(words)?;
    if cx.shared.has_databases() {
        flush(cx, cx.session.database);
    } else {
        cx.shared.watches.all_changed(|key| cx.keys().contains(key));
        cx.keys().clear();
    }
    cx.ok()
}

pub(in super::super) fn flushall(cx: &mut Context<'_>, words: Words<'_>) -> Done {
    flush_mode(words)?;
    cx.shared.watches.all_changed(|key| cx.keys().contains(key));
    cx.keys().clear();
    cx.ok()
}

pub(in super::super) fn memory(cx: &mut Context<'_>, words: Words<'_>) -> Done {
    match words {
        [_, part, name, options @ ..] if is(part, "usage") => {
            match options {
                [] => {}
                [option, samples] if is(option, "samples") => drop(integer_of(samples)?),
                _ => return Err(Failure::SYNTAX),
            }
            let key = cx.key(name);
            match cx.keys().peek_with(&key, |present| cx.keys().weight_of(&key, present.value)) {
                Some(bytes) => cx.reply.integer(i64::try_from(bytes).unwrap_or(i64::MAX)),
                None => cx.reply.null(),
            }
            Ok(())
        }
        [_, part] if is(part, "help") => {
            help(
                cx,
                "MEMORY",
                &[("USAGE <key> [SAMPLES <count>]", "What the entry counts for against maxmemory, bytes.")],
            );
            Ok(())
        }
        [_, part, ..] => Err(Failure::subcommand("memory", part)),
        _ => arity("memory"),
    }
}

pub(in super::super) fn slowlog(cx: &mut Context<'_>, words: Words<'_>) -> Done {
    let log = &cx.shared.slow_log;
    match words {
        [_, part] if is(part, "len") => cx.reply.count(log.len()),
        [_, part] if is(part, "reset") => {
            log.reset();
            cx.reply.ok();
        }
        [_, part, count @ ..] if is(part, "get") && count.len() < 2 => {
            let count = match count.first() {
                None => 10,
                Some(word) => match integer_of(word)? {
                    -1 => usize::MAX,
                    count => usize::try_from(count)
                        .map_err(|_| Failure::fixed("ERR count should be greater than or equal to -1"))?,
                },
            };
            let entries = log.latest(count);
            cx.reply.array(entries.len());
            for entry in entries {
                cx.reply.array(6);
                cx.reply.integer(i64::try_from(entry.id).unwrap_or(i64::MAX));
                cx.reply.integer(i64::try_from(entry.at).unwrap_or(i64::MAX));
                cx.reply.integer(i64::try_from(entry.took.as_micros()).unwrap_or(i64::MAX));
                cx.reply.array(entry.arguments.len());
                entry.arguments.iter().for_each(|argument| cx.reply.bulk(argument));
                cx.reply.bulk(entry.client.as_bytes());
                cx.reply.bulk(entry.name.as_bytes());
            }
        }
        [_, part] if is(part, "help") => help(
            cx,
            "SLOWLOG",
            &[
                ("GET [<count>]", "Return top <count> entries from the slowlog (default: 10, -1 mean all)."),
                ("LEN", "Return the length of the slowlog."),
                ("RESET", "Reset the slowlog."),
            ],
        ),
        [_, part, ..] => return Err(Failure::subcommand("slowlog", part)),
        _ => return arity("slowlog"),
    }
    Ok(())
}

/// The settings that clients of Redis ask for, with their values.
fn settings(cx: &Context<'_>) -> Vec<(&'static str, String)> {
    let shared = cx.shared;
    let stats = shared.host.stats();
    let config = &shared.config;
    vec![
        ("maxmemory", stats.capacity.to_string()),
        ("maxmemory-policy", shared.host.snapshot().cache.policy.clone()),
        ("timeout", (shared.idle().as_secs()).to_string()),
        ("maxclients", config.clients.to_string()),
        ("databases", DATABASES.to_string()),
        ("proto-max-bulk-len", config.bulk.to_string()),
        ("hash-max-listpack-entries", shared.flat_fields().fields.to_string()),
        ("hash-max-ziplist-entries", shared.flat_fields().fields.to_string()),
        ("hash-max-listpack-value", shared.flat_fields().bytes.to_string()),
        ("hash-max-ziplist-value", shared.flat_fields().bytes.to_string()),
        ("slowlog-log-slower-than", shared.slow_log.slower().to_string()),
        ("slowlog-max-len", shared.slow_log.most().to_string()),
        // What clients look for to see that nothing is written to disk.
        ("save", String::new()),
        ("appendonly", "no".to_owned()),
    ]
}

pub(in super::super) fn config(cx: &mut Context<'_>, words: Words<'_>) -> Done {
    match words {
        [_, part, patterns @ ..] if is(part, "get") && !patterns.is_empty() => {
            let wanted = |name: &str| {
                patterns.iter().any(|pattern| glob::matches(&pattern.to_ascii_lowercase(), name.as_bytes()))
            };
            let found: Vec<_> = settings(cx).into_iter().filter(|(name, _)| wanted(name)).collect();
            cx.reply.map(found.len());
            for (name, value) in found {
                cx.reply.bulk(name.as_bytes());
                cx.reply.bulk(value.as_bytes());
            }
            Ok(())
        }
        [_, part, pairs @ ..] if is(part, "set") && !pairs.is_empty() && pairs.len() % 2 == 0 => {
            set(cx, pairs)
        }
        [_, part] if is(part, "resetstat") => {
            cx.shared.statistics.reset();
            cx.shared.slow_log.reset();
            cx.ok()
        }
        [_, part] if is(part, "help") => {
            help(
                cx,
                "CONFIG",
                &[
                    ("GET <pattern>", "Return parameters matching the glob-like <pattern> and their values."),
                    ("SET <directive> <value>", "Set the configuration <directive> to <value>."),
                    ("RESETSTAT", "Reset statistics reported by the INFO command."),
                ],
            );
            Ok(())
        }
        [_, part, ..] if is(part, "get") || is(part, "set") || is(part, "resetstat") => {
            Err(Failure::arity(&format!("config|{}", String::from_utf8_lossy(part).to_lowercase())))
        }
        [_, part, ..] => Err(Failure::subcommand("config", part)),
        _ => arity("config"),
    }
}

/// A setting that was understood.
enum Set {
    Idle(Duration),
    FlatEntries(usize),
    FlatBytes(usize),
    Slower(i64),
    SlowEntries(usize),
    /// It has this value always.
    Is,
    /// The host has to be told.
    Host(Dial, Setting),
}

/// Sets all of them, or none where one cannot be set.
fn set(cx: &mut Context<'_>, pairs: &[&[u8]]) -> Done {
    let all: Vec<Set> = pairs
        .chunks(2)
        .filter_map(|pair| if let [name, value] = pair { Some(understood(name, value)) } else { None })
        .collect::<Result<_, _>>()?;
    let mut later = Vec::new();
    for set in all {
        let shared = cx.shared;
        match set {
            Set::Idle(idle) => shared.set_idle(idle),
            Set::FlatEntries(entries) => shared.flat_entries.store(entries, Ordering::Relaxed),
            Set::FlatBytes(bytes) => shared.flat_bytes.store(bytes, Ordering::Relaxed),
            Set::Slower(micros) => shared.slow_log.set_slower(micros),
            Set::SlowEntries(most) => shared.slow_log.set_most(most),
            Set::Is => {}
            Set::Host(dial, value) => later.push((dial, value)),
        }
    }
    if later.is_empty() { cx.ok() } else { host::set_later(cx, later, "CONFIG SET") }
}

fn understood(name: &[u8], value: &[u8]) -> Result<Set, Failure> {
    let name = String::from_utf8_lossy(name).to_lowercase();
    let refused = |why: &str| {
        Failure::new(format!("ERR CONFIG SET failed (possibly related to argument '{name}') - {why}"))
    };
    let whole = || integer(value).ok_or_else(|| refused("argument couldn't be parsed into an integer"));
    let count = || usize::try_from(whole()?).map_err(|_| refused("expected a number from 0 up"));
    let size = || bytes(value).ok_or_else(|| refused("argument must be a memory value"));
    Ok(match name.as_str() {
        "maxmemory" => {
            let limit = "expected bytes, such as 100mb; the host always has a limit, so that 0 is none";
            let bytes = bytes(value).filter(|bytes| *bytes > 0).ok_or_else(|| refused(limit))?;
            Set::Host(CACHE_CAPACITY, Setting::Count(bytes))
        }
        "maxmemory-policy" => {
            Set::Host(CACHE_POLICY, Setting::Name(String::from_utf8_lossy(value).into_owned()))
        }
        "timeout" => {
            let seconds = u64::try_from(whole()?).map_err(|_| refused("expected seconds, from 0 up"))?;
            Set::Idle(Duration::from_secs(seconds))
        }
        "hash-max-listpack-entries" | "hash-max-ziplist-entries" => Set::FlatEntries(count()?),
        "hash-max-listpack-value" | "hash-max-ziplist-value" => {
            Set::FlatBytes(usize::try_from(size()?).unwrap_or(usize::MAX))
        }
        "slowlog-log-slower-than" => Set::Slower(whole()?),
        "slowlog-max-len" => Set::SlowEntries(count()?),
        "save" if value.is_empty() => Set::Is,
        "appendonly" if is(value, "no") => Set::Is,
        "save" | "appendonly" => return Err(refused("the host keeps no log of writes")),
        "databases" | "maxclients" | "proto-max-bulk-len" => {
            return Err(refused("can't set immutable config"));
        }
        _ => {
            return Err(Failure::new(format!(
                "ERR Unknown option or number of arguments for CONFIG SET - '{name}'"
            )));
        }
    })
}

/// A size in Redis's words: a number, `kb` or `k`, `mb`, `gb`. With a `b` it counts by 1,024.
fn bytes(text: &[u8]) -> Option<u64> {
    let lower = text.to_ascii_lowercase();
    let units: [(&[u8], u64); 7] = [
        (b"kb", 1 << 10),
        (b"mb", 1 << 20),
        (b"gb", 1 << 30),
        (b"k", 1_000),
        (b"m", 1_000_000),
        (b"g", 1_000_000_000),
        (b"b", 1),
    ];
    let (digits, unit) =
        units.iter().find_map(|(end, unit)| Some((lower.strip_suffix(*end)?, *unit))).unwrap_or((&lower, 1));
    u64::try_from(integer(digits)?).ok()?.checked_mul(unit)
}

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
            ("maxmemory_policy", snapshot.cache.policy.clone()),
        ],
    );
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
            ("client_output_buffer_limit_disconnections", read(&shared.pub_sub.too_slow)),
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
    for (number, (keys, expires)) in databases.iter().enumerate().filter(|(_, (keys, _))| *keys > 0) {
        let _ = write!(text, "db{number}:keys={keys},expires={expires},avg_ttl=0\r\n");
    }
}

#[cfg(test)]
mod tests {
    use super::bytes;

    #[test]
    fn a_size_is_read_as_redis_reads_it() {
        for (text, size) in [
            ("100", Some(100)),
            ("1kb", Some(1_024)),
            ("1k", Some(1_000)),
            ("2MB", Some(2 << 20)),
            ("1gb", Some(1 << 30)),
            ("7b", Some(7)),
            ("-1", None),
            ("x", None),
            ("9223372036854775807gb", None),
        ] {
            assert_eq!(bytes(text.as_bytes()), size, "{text}");
        }
    }
}
