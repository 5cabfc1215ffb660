//! The host: what it decided, what it would gain, and what it is told to do.

use std::sync::Arc;

use host_contract::dial::CACHE_POLICY;
use host_contract::{Dial, Value as Setting};
use host_runtime::{Command, PrefixError};

use super::super::context::{Context, stored};
use super::super::failure::{Done, Failure};
use super::super::number::natural_of;
use super::super::reply::Reply;
use super::info::lines;
use super::{arity, is};
use crate::what_if::{NoCases, What, what_if_of};

const NO_SHADOWS: &str =
    "ERR there are no shadows: they need a strategy that takes part, and cache.shadows = true";

const WHAT_IF: &str = "ERR expected HOST.WHATIF [policy|size] [PREFIX prefix] or HOST.WHATIF FORGET prefix";

const BEGUN: &str = "WATCHED the prefix is watched from now on, and what is asked for is counted: ask again after the next tick";

type Words<'w> = &'w [&'w [u8]];

/// Tells the host, and answers `OK` when all was done, or with the first error. The client's next command waits for that; no
/// other client does.
fn tell_later(cx: &mut Context<'_>, commands: Vec<Command>) -> Done {
    let host = Arc::clone(&cx.shared.host);
    let version = cx.reply.version();
    cx.session.later = Some(Box::pin(async move {
        let mut out = Vec::new();
        let mut reply = Reply::new(&mut out, version);
        for command in commands {
            if let Err(error) = host.command(command).await {
                reply.error(&format!("ERR {error}"));
                return out;
            }
        }
        reply.ok();
        out
    }));
    Ok(())
}

/// Sets dials by the operator's word.
pub(super) fn set_later(cx: &mut Context<'_>, dials: Vec<(Dial, Setting)>, by: &str) -> Done {
    if cx.session.executing {
        return Err(Failure::fixed("ERR a setting of the host cannot be changed in a transaction"));
    }
    let by = format!("{by}, client {}", cx.session.client.address);
    let command = |(dial, value)| Command::Set { dial, value, by: by.clone() };
    tell_later(cx, dials.into_iter().map(command).collect())
}

pub(in super::super) fn policy(cx: &mut Context<'_>, words: Words<'_>) -> Done {
    match words {
        [_] => {
            let snapshot = cx.shared.host.snapshot();
            cx.reply.map(2);
            cx.reply.bulk(b"policy");
            cx.reply.bulk(snapshot.cache.policy.as_bytes());
            cx.reply.bulk(b"policies");
            cx.reply.array(snapshot.cache.policies.len());
            snapshot.cache.policies.iter().for_each(|name| cx.reply.bulk(name.as_bytes()));
            Ok(())
        }
        [_, name] => {
            let value = Setting::Name(String::from_utf8_lossy(name).into_owned());
            set_later(cx, vec![(CACHE_POLICY, value)], "HOST.POLICY")
        }
        _ => arity("host.policy"),
    }
}

pub(in super::super) fn tick(cx: &mut Context<'_>, words: Words<'_>) -> Done {
    let reason: Vec<String> =
        words.iter().skip(1).map(|word| String::from_utf8_lossy(word).into_owned()).collect();
    let reason = if reason.is_empty() { "HOST.TICK".to_owned() } else { reason.join(" ") };
    tell_later(cx, vec![Command::Tick { reason }])
}

pub(in super::super) fn profile(cx: &mut Context<'_>, words: Words<'_>) -> Done {
    let [_] = words else { return arity("host.profile") };
    let snapshot = cx.shared.host.snapshot();
    let settings = cx.shared.settings.load();
    let rows = [
        ("profile", settings.profile.clone()),
        ("optimise", format!("{:?}", settings.optimise).to_lowercase()),
        ("memory-cap", settings.memory.cap.get().to_string()),
        ("cache-capacity", snapshot.cache.capacity_bytes.to_string()),
        ("cache-policy", snapshot.cache.policy.clone()),
        ("tick-ms", settings.control.tick.as_millis().to_string()),
    ];
    cx.reply.map(rows.len());
    for (name, value) in rows {
        cx.reply.bulk(name.as_bytes());
        cx.reply.bulk(value.as_bytes());
    }
    Ok(())
}

pub(in super::super) fn ledger(cx: &mut Context<'_>, words: Words<'_>) -> Done {
    let count = match words {
        [_] => 10,
        [_, count] => natural_of(count, Failure::NO_INTEGER)?,
        _ => return arity("host.ledger"),
    };
    let latest = cx.shared.events.latest(usize::try_from(count).unwrap_or(usize::MAX));
    cx.reply.array(latest.len());
    latest.iter().for_each(|event| cx.reply.bulk(event.json.as_bytes()));
    Ok(())
}

/// What a miniature cache says: its policy, its capacity, and the hit ratio that it would have had since the start. With a prefix
/// the same of the keys that begin with it, since somebody asked for it first.
pub(in super::super) fn whatif(cx: &mut Context<'_>, words: Words<'_>) -> Done {
    let (what, prefix) = match words {
        [_, forget, prefix] if is(forget, "forget") => {
            let known = cx.shared.host.forget_prefix(&stored(cx.session.database, prefix));
            cx.reply.integer(known.into());
            return Ok(());
        }
        [_, rest @ .., of, prefix] if is(of, "prefix") => (rest, Some(prefix)),
        [_, rest @ ..] => (rest, None),
        [] => return arity("host.whatif"),
    };
    let what = match what {
        [] => What::Either,
        [what] if is(what, "policy") => What::Policy,
        [what] if is(what, "size") => What::Size,
        _ => return Err(Failure::fixed(WHAT_IF)),
    };
    let stored = prefix.map(|prefix| stored(cx.session.database, prefix));
    let cases = what_if_of(&cx.shared.host, what, stored.as_deref()).map_err(|none| match none {
        NoCases::NoShadows => Failure::fixed(NO_SHADOWS),
        NoCases::Begun => Failure::fixed(BEGUN),
        NoCases::Prefix(error @ PrefixError::TooMany(_)) => {
            Failure::new(format!("ERR {error}: HOST.WHATIF FORGET prefix"))
        }
        NoCases::Prefix(error) => Failure::new(format!("ERR {error}")),
    })?;
    cx.reply.array(cases.len());
    for case in cases {
        cx.reply.map(5);
        cx.reply.bulk(b"policy");
        cx.reply.bulk(case.policy.as_bytes());
        cx.reply.bulk(b"capacity");
        cx.reply.integer(i64::try_from(case.capacity_bytes).unwrap_or(i64::MAX));
        cx.reply.bulk(b"hit-ratio");
        match case.hit_ratio {
            None => cx.reply.null(),
            Some(ratio) => cx.reply.double(ratio),
        }
        cx.reply.bulk(b"requests");
        cx.reply.integer(i64::try_from(case.requests).unwrap_or(i64::MAX));
        cx.reply.bulk(b"sampling-rate");
        cx.reply.double(case.sampling_rate);
    }
    Ok(())
}

/// The part of INFO about the host.
pub(super) fn section(cx: &Context<'_>, text: &mut String) {
    let snapshot = cx.shared.host.snapshot();
    let ratio = snapshot.cache.window_hit_ratio();
    lines(
        text,
        "Host",
        &[
            ("host_profile", cx.shared.settings.load().profile.clone()),
            ("host_ticks", snapshot.tick.to_string()),
            ("host_policy", snapshot.cache.policy.clone()),
            ("host_capacity", snapshot.cache.capacity_bytes.to_string()),
            ("host_hit_ratio", ratio.map_or_else(String::new, |ratio| format!("{ratio:.4}"))),
            ("host_decisions", cx.shared.events.decisions().to_string()),
        ],
    );
}
