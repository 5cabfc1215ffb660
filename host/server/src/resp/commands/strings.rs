//! Values that are bytes.

use bytes::{Bytes, BytesMut};
use host_cache::{Change, Life, Outcome};
use host_runtime::{Form, Given, Value};

use super::super::context::{Context, kept, text};
use super::super::failure::{Done, Failure};
use super::super::number::integer_of;
use super::expiry::{self, Unit};
use super::{arity, is};

type Words<'w> = &'w [&'w [u8]];

/// What a value that did not fit is answered with.
pub(super) fn fits(outcome: Option<Outcome>) -> Done {
    if outcome == Some(Outcome::Refused) { Err(Failure::TOO_LARGE) } else { Ok(()) }
}

pub(in super::super) fn get(cx: &mut Context<'_>, words: Words<'_>) -> Done {
    let [_, key] = words else { return arity("get") };
    let (keys, key) = (cx.lookup(), cx.key(key));
    let reply = &mut cx.reply;
    let found = keys.read(&key, |value| text(value).map(|bytes| reply.bulk(bytes)));
    found.unwrap_or_else(|| {
        cx.reply.null();
        Ok(())
    })
}

pub(in super::super) fn strlen(cx: &mut Context<'_>, words: Words<'_>) -> Done {
    let [_, key] = words else { return arity("strlen") };
    let length = cx.lookup().read(&cx.key(key), |value| text(value).map(<[u8]>::len)).transpose()?;
    cx.reply.count(length.unwrap_or(0));
    Ok(())
}

pub(in super::super) fn mget(cx: &mut Context<'_>, words: Words<'_>) -> Done {
    let [_, names @ ..] = words else { return arity("mget") };
    cx.reply.array(names.len());
    let (before, most) = (cx.reply.len(), cx.shared.output().bytes);
    for name in names {
        let (keys, key) = (cx.lookup(), cx.key(name));
        let reply = &mut cx.reply;
        let found = keys.read(&key, |value| match value.bytes() {
            // The first value may be of any length; together they may not.
            Some(bytes) if reply.len() > before && reply.len() - before + bytes.len() > most => Err(
                Failure::fixed("ERR the reply is too long; ask for fewer keys, or raise serve.max-output"),
            ),
            Some(bytes) => {
                reply.bulk(bytes);
                Ok(())
            }
            None => {
                reply.null();
                Ok(())
            }
        });
        match found {
            Some(done) => done?,
            None => cx.reply.null(),
        }
    }
    Ok(())
}

/// When a value is set.
#[derive(Clone, Copy, PartialEq, Eq)]
enum When {
    Always,
    Missing,
    Present,
}

pub(in super::super) fn set(cx: &mut Context<'_>, words: Words<'_>) -> Done {
    let [_, name, bytes, options @ ..] = words else { return arity("set") };
    if options.is_empty() {
        let key = cx.key(name);
        fits(Some(cx.keys().insert(&key, *bytes, Life::Default)))?;
        cx.changed(&key);
        return cx.ok();
    }
    let (mut when, mut life, mut get) = (When::Always, None, false);
    let mut options = options.iter();
    while let Some(option) = options.next() {
        if is(option, "nx") && when != When::Present {
            when = When::Missing;
        } else if is(option, "xx") && when != When::Missing {
            when = When::Present;
        } else if is(option, "get") {
            get = true;
        } else if is(option, "keepttl") && life.is_none() {
            life = Some(Life::Same);
        } else if let (Some(unit), None) = (Unit::of_option(option), life) {
            let time = options.next().ok_or(Failure::SYNTAX)?;
            life = Some(expiry::life(cx, time, unit, "set")?);
        } else {
            return Err(Failure::SYNTAX);
        }
    }
    let (set, old) = store(cx, name, bytes, when, life.unwrap_or(Life::Default), get)?;
    match (get, old, set) {
        (true, Some(old), _) => cx.reply.bulk(&old),
        (true, None, _) | (false, _, false) => cx.reply.null(),
        (false, _, true) => cx.reply.ok(),
    }
    Ok(())
}

/// Sets a value, and says whether it did and, where `get`, what was there.
fn store(
    cx: &mut Context<'_>,
    name: &[u8],
    bytes: &[u8],
    when: When,
    life: Life,
    get: bool,
) -> Result<(bool, Option<Bytes>), Failure> {
    let key = cx.key(name);
    let (done, outcome) = cx.keys().update(&key, |present| {
        let old = match &present {
            Some(present) if get => match kept(present.value) {
                Ok(bytes) => Some(bytes),
                Err(wrong) => return (Change::Keep, Err(wrong)),
            },
            _ => None,
        };
        let wanted = match when {
            When::Always => true,
            When::Missing => present.is_none(),
            When::Present => present.is_some(),
        };
        if wanted {
            (Change::Store(bytes.into(), life), Ok((true, old)))
        } else {
            (Change::Keep, Ok((false, old)))
        }
    });
    fits(outcome)?;
    if matches!(done, Ok((true, _))) {
        cx.changed(&key);
    }
    done
}

pub(in super::super) fn setnx(cx: &mut Context<'_>, words: Words<'_>) -> Done {
    let [_, key, bytes] = words else { return arity("setnx") };
    let (set, _) = store(cx, key, bytes, When::Missing, Life::Default, false)?;
    cx.flag(set)
}

pub(in super::super) fn setex(cx: &mut Context<'_>, words: Words<'_>) -> Done {
    set_living(cx, words, Unit::Seconds, "setex")
}

pub(in super::super) fn psetex(cx: &mut Context<'_>, words: Words<'_>) -> Done {
    set_living(cx, words, Unit::Milliseconds, "psetex")
}

fn set_living(cx: &mut Context<'_>, words: Words<'_>, unit: Unit, command: &str) -> Done {
    let [_, key, time, bytes] = words else { return arity(command) };
    let life = expiry::life(cx, time, unit, command)?;
    store(cx, key, bytes, When::Always, life, false)?;
    cx.ok()
}

pub(in super::super) fn getset(cx: &mut Context<'_>, words: Words<'_>) -> Done {
    let [_, key, bytes] = words else { return arity("getset") };
    let (_, old) = store(cx, key, bytes, When::Always, Life::Default, true)?;
    answer(cx, old)
}

/// Answers with these bytes, or with nothing.
fn answer(cx: &mut Context<'_>, bytes: Option<Bytes>) -> Done {
    match bytes {
        Some(bytes) => cx.reply.bulk(&bytes),
        None => cx.reply.null(),
    }
    Ok(())
}

pub(in super::super) fn getdel(cx: &mut Context<'_>, words: Words<'_>) -> Done {
    let [_, name] = words else { return arity("getdel") };
    let key = cx.key(name);
    let (old, _) = cx.keys().update(&key, |present| match present.map(|present| kept(present.value)) {
        None => (Change::Keep, Ok(None)),
        Some(Ok(bytes)) => (Change::Remove, Ok(Some(bytes))),
        Some(Err(wrong)) => (Change::Keep, Err(wrong)),
    });
    let old = old?;
    if old.is_some() {
        cx.changed(&key);
    }
    answer(cx, old)
}

pub(in super::super) fn getex(cx: &mut Context<'_>, words: Words<'_>) -> Done {
    let [_, name, options @ ..] = words else { return arity("getex") };
    let life = match options {
        [] => None,
        [option] if is(option, "persist") => Some(Life::Endless),
        [option, time] => {
            let unit = Unit::of_option(option).ok_or(Failure::SYNTAX)?;
            Some(expiry::life(cx, time, unit, "getex")?)
        }
        _ => return Err(Failure::SYNTAX),
    };
    let Some(life) = life else { return get(cx, &[&b"get"[..], name]) };
    let now = cx.keys().now();
    let key = cx.key(name);
    let (old, _) = cx.keys().update(&key, |present| match present.map(|present| kept(present.value)) {
        None => (Change::Keep, Ok(None)),
        Some(Ok(bytes)) if expiry::is_over(life, now) => (Change::Remove, Ok(Some(bytes))),
        Some(Ok(bytes)) => (Change::Live(life), Ok(Some(bytes))),
        Some(Err(wrong)) => (Change::Keep, Err(wrong)),
    });
    let old = old?;
    if old.is_some() {
        cx.changed(&key);
    }
    answer(cx, old)
}

pub(in super::super) fn getrange(cx: &mut Context<'_>, words: Words<'_>) -> Done {
    let [_, name, from, to] = words else { return arity("getrange") };
    let (from, to) = (integer_of(from)?, integer_of(to)?);
    let (keys, key) = (cx.lookup(), cx.key(name));
    let reply = &mut cx.reply;
    let found = keys.read(&key, |value| text(value).map(|bytes| reply.bulk(part(bytes, from, to))));
    found.unwrap_or_else(|| {
        cx.reply.bulk(b"");
        Ok(())
    })
}

/// The bytes from one place to another, both included; below zero they count from the end.
fn part(bytes: &[u8], from: i64, to: i64) -> &[u8] {
    let len = i64::try_from(bytes.len()).unwrap_or(i64::MAX);
    if from < 0 && to < 0 && from > to {
        return b"";
    }
    let place = |at: i64| if at < 0 { len.saturating_add(at).max(0) } else { at };
    let (from, to) = (place(from), place(to).min(len - 1));
    if len == 0 || from > to {
        return b"";
    }
    let place = |at: i64| usize::try_from(at).unwrap_or(usize::MAX);
    bytes.get(place(from)..=place(to)).unwrap_or_default()
}

pub(in super::super) fn setrange(cx: &mut Context<'_>, words: Words<'_>) -> Done {
    let [_, name, offset, bytes] = words else { return arity("setrange") };
    let offset = usize::try_from(integer_of(offset)?).map_err(|_| Failure::NO_OFFSET)?;
    let end = offset.saturating_add(bytes.len());
    let most = cx.shared.limits().bulk;
    let len = change(cx, name, |old| {
        if bytes.is_empty() {
            return Ok((None, old.map_or(0, <[u8]>::len)));
        }
        if end > most {
            return Err(Failure::TOO_LONG);
        }
        let mut new = BytesMut::from(old.unwrap_or_default());
        if new.len() < end {
            new.resize(end, 0);
        }
        if let Some(part) = new.get_mut(offset..end) {
            part.copy_from_slice(bytes);
        }
        let len = new.len();
        Ok((Some(Value::made(new.freeze(), Form::Edited).into()), len))
    })?;
    cx.reply.count(len);
    Ok(())
}

pub(in super::super) fn append(cx: &mut Context<'_>, words: Words<'_>) -> Done {
    let [_, name, bytes] = words else { return arity("append") };
    let most = cx.shared.limits().bulk;
    let len = change(cx, name, |old| {
        let Some(old) = old else { return Ok((Some((*bytes).into()), bytes.len())) };
        let len = old.len().saturating_add(bytes.len());
        if len > most {
            return Err(Failure::TOO_LONG);
        }
        let mut new = BytesMut::with_capacity(len);
        new.extend_from_slice(old);
        new.extend_from_slice(bytes);
        Ok((Some(Value::made(new.freeze(), Form::Edited).into()), len))
    })?;
    cx.reply.count(len);
    Ok(())
}

/// Changes the bytes of a key, whose end of life stays. Without a new value they stay as they are.
pub(super) fn change<'v, R>(
    cx: &mut Context<'_>,
    name: &[u8],
    new: impl FnOnce(Option<&[u8]>) -> Result<(Option<Given<'v>>, R), Failure>,
) -> Result<R, Failure> {
    let key = cx.key(name);
    let (done, outcome) = cx.keys().update(&key, |present| {
        let old = present.as_ref().map(|present| text(present.value)).transpose();
        match old.and_then(new) {
            Ok((Some(value), result)) => (Change::Store(value, Life::Same), Ok((true, result))),
            Ok((None, result)) => (Change::Keep, Ok((false, result))),
            Err(wrong) => (Change::Keep, Err(wrong)),
        }
    });
    fits(outcome)?;
    let (changed, result) = done?;
    if changed {
        cx.changed(&key);
    }
    Ok(result)
}

/// A key and its value.
type Pair<'w> = (&'w [u8], &'w [u8]);

/// Keys and values in turn.
fn pairs<'w>(words: &'w [&'w [u8]], command: &str) -> Result<Vec<Pair<'w>>, Failure> {
    let pair = |pair: &'w [&'w [u8]]| match pair {
        [key, value] => Ok((*key, *value)),
        _ => arity(command),
    };
    words.get(1..).unwrap_or_default().chunks(2).map(pair).collect()
}

pub(in super::super) fn mset(cx: &mut Context<'_>, words: Words<'_>) -> Done {
    set_all(cx, &pairs(words, "mset")?)?;
    cx.ok()
}

pub(in super::super) fn msetnx(cx: &mut Context<'_>, words: Words<'_>) -> Done {
    let pairs = pairs(words, "msetnx")?;
    let free = pairs.iter().all(|(key, _)| !cx.keys().contains(&cx.key(key)));
    if free {
        set_all(cx, &pairs)?;
    }
    cx.flag(free)
}

/// Nobody sees it half done: its commands close the gate.
fn set_all(cx: &mut Context<'_>, pairs: &[Pair<'_>]) -> Done {
    let mut done = Ok(());
    for (name, bytes) in pairs {
        let key = cx.key(name);
        done = done.and(fits(Some(cx.keys().insert(&key, *bytes, Life::Default))));
        cx.changed(&key);
    }
    done
}

#[cfg(test)]
mod tests {
    use super::part;

    #[test]
    fn a_part_is_that_of_redis() {
        for (from, to, is) in [
            (0, 3, "Hell"),
            (0, -1, "Hello"),
            (-3, -1, "llo"),
            (5, 9, ""),
            (3, 99, "lo"),
            (-99, 1, "He"),
            (-1, -3, ""),
            (2, 1, ""),
            (0, -99, "H"),
        ] {
            assert_eq!(part(b"Hello", from, to), is.as_bytes(), "{from} {to}");
        }
        assert_eq!(part(b"", 0, -1), b"");
    }
}
