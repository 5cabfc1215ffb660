//! Values that have fields.

use bytes::Bytes;
use host_runtime::{Fields, FlatLimits};
use rand::RngExt as _;

use super::super::context::Context;
use super::super::failure::{Done, Failure};
use super::super::glob;
use super::super::number::{integer, integer_of};
use super::super::reply::Version;
use super::keys::{cursor, wanted};
use super::{arity, is, parts, sums};

type Words<'w> = &'w [&'w [u8]];

/// Reads the fields of a key; none where there is no such key.
fn read<R>(
    cx: &mut Context<'_>,
    name: &[u8],
    read: impl FnOnce(&mut Context<'_>, &Fields) -> R,
) -> Result<Option<R>, Failure> {
    parts::read(cx, name, read)
}

/// Changes the fields of a key.
fn change<R>(
    cx: &mut Context<'_>,
    name: &[u8],
    work: impl FnOnce(&mut Fields, FlatLimits) -> Result<(R, bool), Failure>,
) -> Result<R, Failure> {
    let limits = cx.shared.flat_fields();
    parts::change(cx, name, |fields| work(fields, limits))
}

/// Sets pairs of fields and values, and says how many fields are new.
fn set_pairs(cx: &mut Context<'_>, words: Words<'_>, command: &str) -> Result<i64, Failure> {
    let [_, name, pairs @ ..] = words else { return arity(command) };
    if pairs.len() % 2 != 0 {
        return arity(command);
    }
    change(cx, name, |fields, limits| {
        let mut new = 0;
        for pair in pairs.chunks(2) {
            if let [field, value] = pair {
                new += i64::from(fields.set(field, value, limits));
            }
        }
        Ok((new, true))
    })
}

pub(in super::super) fn hset(cx: &mut Context<'_>, words: Words<'_>) -> Done {
    let new = set_pairs(cx, words, "hset")?;
    cx.integer(new)
}

pub(in super::super) fn hmset(cx: &mut Context<'_>, words: Words<'_>) -> Done {
    set_pairs(cx, words, "hmset")?;
    cx.ok()
}

pub(in super::super) fn hsetnx(cx: &mut Context<'_>, words: Words<'_>) -> Done {
    let [_, name, field, value] = words else { return arity("hsetnx") };
    let set = change(cx, name, |fields, limits| {
        let set = fields.get(field).is_none() && fields.set(field, value, limits);
        Ok((set, set))
    })?;
    cx.flag(set)
}

/// Writes a value, or nothing.
fn bulk(cx: &mut Context<'_>, value: Option<&[u8]>) {
    match value {
        Some(value) => cx.reply.bulk(value),
        None => cx.reply.null(),
    }
}

pub(in super::super) fn hget(cx: &mut Context<'_>, words: Words<'_>) -> Done {
    let [_, name, field] = words else { return arity("hget") };
    let found = read(cx, name, |cx, fields| bulk(cx, fields.get(field)))?;
    if found.is_none() {
        cx.reply.null();
    }
    Ok(())
}

pub(in super::super) fn hmget(cx: &mut Context<'_>, words: Words<'_>) -> Done {
    let [_, name, wanted @ ..] = words else { return arity("hmget") };
    cx.reply.array(wanted.len());
    let found = read(cx, name, |cx, fields| wanted.iter().for_each(|field| bulk(cx, fields.get(field))))?;
    if found.is_none() {
        wanted.iter().for_each(|_| cx.reply.null());
    }
    Ok(())
}

pub(in super::super) fn hgetall(cx: &mut Context<'_>, words: Words<'_>) -> Done {
    let [_, name] = words else { return arity("hgetall") };
    let found = read(cx, name, |cx, fields| {
        cx.reply.map(fields.len());
        for (field, value) in fields.iter() {
            cx.reply.bulk(field);
            cx.reply.bulk(value);
        }
    })?;
    if found.is_none() {
        cx.reply.map(0);
    }
    Ok(())
}

pub(in super::super) fn hkeys(cx: &mut Context<'_>, words: Words<'_>) -> Done {
    let [_, name] = words else { return arity("hkeys") };
    column(cx, name, |(field, _)| field)
}

pub(in super::super) fn hvals(cx: &mut Context<'_>, words: Words<'_>) -> Done {
    let [_, name] = words else { return arity("hvals") };
    column(cx, name, |(_, value)| value)
}

/// A field and its value.
type Pair<'f> = (&'f [u8], &'f [u8]);

/// Answers with one half of each pair.
fn column(cx: &mut Context<'_>, name: &[u8], half: for<'f> fn(Pair<'f>) -> &'f [u8]) -> Done {
    let found = read(cx, name, |cx, fields| {
        cx.reply.array(fields.len());
        fields.iter().map(half).for_each(|half| cx.reply.bulk(half));
    })?;
    if found.is_none() {
        cx.reply.array(0);
    }
    Ok(())
}

pub(in super::super) fn hdel(cx: &mut Context<'_>, words: Words<'_>) -> Done {
    let [_, name, gone @ ..] = words else { return arity("hdel") };
    let removed = change(cx, name, |fields, _| {
        let removed = gone.iter().filter(|field| fields.remove(field)).count();
        Ok((removed, removed > 0))
    })?;
    cx.reply.count(removed);
    Ok(())
}

pub(in super::super) fn hexists(cx: &mut Context<'_>, words: Words<'_>) -> Done {
    let [_, name, field] = words else { return arity("hexists") };
    let there = read(cx, name, |_, fields| fields.get(field).is_some())?;
    cx.flag(there.unwrap_or(false))
}

pub(in super::super) fn hlen(cx: &mut Context<'_>, words: Words<'_>) -> Done {
    let [_, name] = words else { return arity("hlen") };
    let len = read(cx, name, |_, fields| fields.len())?;
    cx.reply.count(len.unwrap_or(0));
    Ok(())
}

pub(in super::super) fn hstrlen(cx: &mut Context<'_>, words: Words<'_>) -> Done {
    let [_, name, field] = words else { return arity("hstrlen") };
    let len = read(cx, name, |_, fields| fields.get(field).map_or(0, <[u8]>::len))?;
    cx.reply.count(len.unwrap_or(0));
    Ok(())
}

pub(in super::super) fn hincrby(cx: &mut Context<'_>, words: Words<'_>) -> Done {
    let [_, name, field, by] = words else { return arity("hincrby") };
    let by = integer_of(by)?;
    let sum = change(cx, name, |fields, limits| {
        let old = match fields.get(field) {
            None => 0,
            Some(value) => integer(value).ok_or(Failure::fixed("ERR hash value is not an integer"))?,
        };
        let sum = old.checked_add(by).ok_or(Failure::OVERFLOW)?;
        fields.set(field, itoa::Buffer::new().format(sum).as_bytes(), limits);
        Ok((sum, true))
    })?;
    cx.integer(sum)
}

pub(in super::super) fn hincrbyfloat(cx: &mut Context<'_>, words: Words<'_>) -> Done {
    let [_, name, field, by] = words else { return arity("hincrbyfloat") };
    // The argument first: that the field is no number is told only of a number.
    sums::sum(b"0", by).map_err(|failure| {
        if failure == Failure::NOT_FINITE { Failure::fixed("ERR value is NaN or Infinity") } else { failure }
    })?;
    let sum: Bytes = change(cx, name, |fields, limits| {
        let old = fields.get(field).unwrap_or(b"0");
        let sum = sums::sum(old, by).map_err(|failure| {
            if failure == Failure::NO_FLOAT {
                Failure::fixed("ERR hash value is not a float")
            } else {
                failure
            }
        })?;
        fields.set(field, &sum, limits);
        Ok((sum, true))
    })?;
    cx.reply.bulk(&sum);
    Ok(())
}

/// All fields at once, whatever the cursor says: as Redis does with a small hash.
pub(in super::super) fn hscan(cx: &mut Context<'_>, words: Words<'_>) -> Done {
    let [_, name, from, options @ ..] = words else { return arity("hscan") };
    cursor(from)?;
    let wanted = wanted(options, false)?;
    cx.reply.array(2);
    cx.reply.bulk(b"0");
    let found = read(cx, name, |cx, fields| {
        let wanted = |(name, _): &Pair<'_>| wanted.pattern.is_none_or(|pattern| glob::matches(pattern, name));
        let found: Vec<_> = fields.iter().filter(wanted).collect();
        cx.reply.array(found.len() * 2);
        for (field, value) in found {
            cx.reply.bulk(field);
            cx.reply.bulk(value);
        }
    })?;
    if found.is_none() {
        cx.reply.array(0);
    }
    Ok(())
}

pub(in super::super) fn hrandfield(cx: &mut Context<'_>, words: Words<'_>) -> Done {
    let (name, count, values) = match words {
        [_, name] => return any_field(cx, name),
        [_, name, count] => (name, integer_of(count)?, false),
        [_, name, count, option] if is(option, "withvalues") => (name, integer_of(count)?, true),
        _ => return Err(Failure::SYNTAX),
    };
    // Half of the range, since with values there are twice as many replies.
    if count == i64::MIN {
        return Err(Failure::fixed(
            "ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807",
        ));
    }
    if values && !(-i64::MAX / 2..=i64::MAX / 2).contains(&count) {
        return Err(Failure::fixed("ERR value is out of range"));
    }
    let shared = cx.shared;
    let found = read(cx, name, |cx, fields| {
        let mut random = shared.random.lock();
        let few = usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX);
        let mut all: Vec<_> = fields.iter().collect();
        if count >= 0 {
            let (few, len) = (few.min(all.len()), all.len());
            for place in 0..few {
                all.swap(place, random.random_range(place..len));
            }
            all.truncate(few);
            return pairs(cx, few, all.into_iter(), values);
        }
        // Each may come several times: what one reply may take is the limit.
        let largest = all.iter().map(|(name, value)| name.len() + value.len() + 16).max().unwrap_or(16);
        if few.saturating_mul(largest) > shared.output().bytes {
            return Err(Failure::fixed(
                "ERR the reply may be too long; ask for fewer, or raise serve.max-output",
            ));
        }
        let chosen = (0..few).filter_map(|_| all.get(random.random_range(0..all.len())).copied());
        pairs(cx, few, chosen, values)
    })?;
    match found {
        Some(done) => done,
        None => {
            cx.reply.array(0);
            Ok(())
        }
    }
}

fn any_field(cx: &mut Context<'_>, name: &[u8]) -> Done {
    let shared = cx.shared;
    let found = read(cx, name, |cx, fields| {
        let chosen = fields.iter().nth(shared.random.lock().random_range(0..fields.len()));
        bulk(cx, chosen.map(|(name, _)| name));
    })?;
    if found.is_none() {
        cx.reply.null();
    }
    Ok(())
}

/// Answers with so many names, or names and values: pairs in RESP3, one after the other in RESP2.
fn pairs<'f>(cx: &mut Context<'_>, len: usize, fields: impl Iterator<Item = Pair<'f>>, values: bool) -> Done {
    let nested = values && cx.reply.version() == Version::Three;
    cx.reply.array(if values && !nested { len * 2 } else { len });
    for (name, value) in fields {
        if nested {
            cx.reply.array(2);
        }
        cx.reply.bulk(name);
        if values {
            cx.reply.bulk(value);
        }
    }
    Ok(())
}
