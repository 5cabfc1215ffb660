//! Times to live.

use std::time::Duration;

use host_cache::{Change, Life};

use super::super::context::Context;
use super::super::failure::{Done, Failure};
use super::super::number::{integer, integer_of};
use super::{arity, is};

type Words<'w> = &'w [&'w [u8]];

/// How a time is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    Seconds,
    Milliseconds,
    /// Since the UNIX epoch.
    AtSeconds,
    AtMilliseconds,
}

impl Unit {
    /// The unit of an option of SET.
    pub(super) fn of_option(option: &[u8]) -> Option<Self> {
        let units = [
            ("ex", Self::Seconds),
            ("px", Self::Milliseconds),
            ("exat", Self::AtSeconds),
            ("pxat", Self::AtMilliseconds),
        ];
        units.into_iter().find(|(name, _)| is(option, name)).map(|(_, unit)| unit)
    }
}

/// The moment that a number stands for, milliseconds since the UNIX epoch; none where no clock gets there. It may be over.
fn moment(cx: &Context<'_>, number: i64, unit: Unit) -> Option<i64> {
    let millis = match unit {
        Unit::Seconds | Unit::AtSeconds => number.checked_mul(1_000)?,
        Unit::Milliseconds | Unit::AtMilliseconds => number,
    };
    match unit {
        Unit::AtSeconds | Unit::AtMilliseconds => Some(millis),
        Unit::Seconds | Unit::Milliseconds => {
            millis.checked_add(i64::try_from(cx.keys().now().as_millis()).unwrap_or(i64::MAX))
        }
    }
}

/// A life until that moment.
fn until(millis: i64) -> Life {
    Life::Until(Duration::from_millis(u64::try_from(millis).unwrap_or(0)))
}

/// The life that an option with a time gives, which has to be above zero.
pub(super) fn life(cx: &Context<'_>, time: &[u8], unit: Unit, command: &str) -> Result<Life, Failure> {
    let number = integer_of(time)?;
    let moment = (number > 0).then(|| moment(cx, number, unit)).flatten();
    moment.map(until).ok_or_else(|| Failure::expire(command))
}

/// Whether a life has ended by now.
pub(super) fn is_over(life: Life, now: Duration) -> bool {
    matches!(life, Life::Until(end) if end <= now)
}

/// When an end of life is set.
#[derive(Default)]
struct When {
    missing: bool,
    present: bool,
    later: bool,
    earlier: bool,
}

fn when(options: &[&[u8]]) -> Result<When, Failure> {
    let mut when = When::default();
    for option in options {
        let set = match () {
            () if is(option, "nx") => &mut when.missing,
            () if is(option, "xx") => &mut when.present,
            () if is(option, "gt") => &mut when.later,
            () if is(option, "lt") => &mut when.earlier,
            () => {
                let option = String::from_utf8_lossy(option);
                return Err(Failure::new(format!("ERR Unsupported option {option}")));
            }
        };
        *set = true;
    }
    if when.missing && (when.present || when.later || when.earlier) {
        return Err(Failure::fixed("ERR NX and XX, GT or LT options at the same time are not compatible"));
    }
    if when.later && when.earlier {
        return Err(Failure::fixed("ERR GT and LT options at the same time are not compatible"));
    }
    Ok(when)
}

pub(in super::super) fn expire(cx: &mut Context<'_>, words: Words<'_>) -> Done {
    end_at(cx, words, Unit::Seconds, "expire")
}

pub(in super::super) fn pexpire(cx: &mut Context<'_>, words: Words<'_>) -> Done {
    end_at(cx, words, Unit::Milliseconds, "pexpire")
}

pub(in super::super) fn expireat(cx: &mut Context<'_>, words: Words<'_>) -> Done {
    end_at(cx, words, Unit::AtSeconds, "expireat")
}

pub(in super::super) fn pexpireat(cx: &mut Context<'_>, words: Words<'_>) -> Done {
    end_at(cx, words, Unit::AtMilliseconds, "pexpireat")
}

fn end_at(cx: &mut Context<'_>, words: Words<'_>, unit: Unit, command: &str) -> Done {
    let [_, name, time, options @ ..] = words else { return arity(command) };
    let when = when(options)?;
    let number = integer(time).ok_or(Failure::NO_INTEGER)?;
    let millis = moment(cx, number, unit).ok_or_else(|| Failure::expire(command))?;
    let now = cx.keys().now();
    let key = cx.key(name);
    let (set, _) = cx.keys().update(&key, |present| {
        let Some(present) = present else { return (Change::Keep, false) };
        let had = present.until.map(|end| i64::try_from(end.as_millis()).unwrap_or(i64::MAX));
        // What has no end ends later than everything.
        let refused = (when.missing && had.is_some())
            || (when.present && had.is_none())
            || (when.later && had.is_none_or(|had| millis <= had))
            || (when.earlier && had.is_some_and(|had| millis >= had));
        match until(millis) {
            _ if refused => (Change::Keep, false),
            life if is_over(life, now) => (Change::Remove, true),
            life => (Change::Live(life), true),
        }
    });
    if set {
        cx.changed(&key);
    }
    cx.flag(set)
}

pub(in super::super) fn persist(cx: &mut Context<'_>, words: Words<'_>) -> Done {
    let [_, name] = words else { return arity("persist") };
    let key = cx.key(name);
    let (set, _) = cx.keys().update(&key, |present| match present {
        Some(present) if present.until.is_some() => (Change::Live(Life::Endless), true),
        _ => (Change::Keep, false),
    });
    if set {
        cx.changed(&key);
    }
    cx.flag(set)
}

/// What is told of a key's end of life.
fn tell(cx: &mut Context<'_>, words: Words<'_>, say: impl FnOnce(i64, i64) -> i64) -> Done {
    let [_, name] = words else { return arity("ttl") };
    let millis = |time: Duration| i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
    let now = millis(cx.keys().now());
    let number = match cx.keys().peek_with(&cx.key(name), |present| present.until) {
        None => -2,
        Some(None) => -1,
        Some(Some(end)) => say(millis(end), now),
    };
    cx.integer(number)
}

pub(in super::super) fn ttl(cx: &mut Context<'_>, words: Words<'_>) -> Done {
    tell(cx, words, |end, now| (end - now).max(0).saturating_add(500) / 1_000)
}

pub(in super::super) fn pttl(cx: &mut Context<'_>, words: Words<'_>) -> Done {
    tell(cx, words, |end, now| (end - now).max(0))
}

pub(in super::super) fn expiretime(cx: &mut Context<'_>, words: Words<'_>) -> Done {
    tell(cx, words, |end, _| end.saturating_add(500) / 1_000)
}

pub(in super::super) fn pexpiretime(cx: &mut Context<'_>, words: Words<'_>) -> Done {
    tell(cx, words, |end, _| end)
}
