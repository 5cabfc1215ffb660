//! CONFIG: settings in Redis's words.

use std::sync::atomic::Ordering;
use std::time::Duration;

use host_contract::dial::{CACHE_CAPACITY, CACHE_POLICY};
use host_contract::{Dial, Value as Setting};

use super::super::context::{Context, DATABASES};
use super::super::failure::{Done, Failure};
use super::super::glob;
use super::super::number::integer;
use super::keys::help;
use super::{arity, host, is};

type Words<'w> = &'w [&'w [u8]];

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
