//! Values that have fields.

use std::sync::Arc;

use host_cache::{Change, Life};
use host_runtime::{Content, FieldMap, Fields, Value};

use super::super::context::Context;
use super::super::failure::{Done, Failure};
use super::super::glob;
use super::super::number::{integer, integer_of};
use super::keys::{cursor, wanted};
use super::strings::fits;
use super::{arity, sums};

type Words<'w> = &'w [&'w [u8]];

/// The fields of a value.
fn fields(value: &Value) -> Result<&Arc<Fields>, Failure> {
    match value.content() {
        Content::Fields(fields) => Ok(fields),
        Content::Bytes(_) => Err(Failure::WRONG_TYPE),
    }
}

/// Reads the fields of a key; none where there is no such key.
fn read<R>(cx: &Context<'_>, name: &[u8], read: impl FnOnce(&FieldMap) -> R) -> Result<Option<R>, Failure> {
    cx.keys().get_with(&cx.key(name), |value| fields(value).map(|fields| fields.with(|map| read(map)))).transpose()
}

/// Fields while they are changed, and what they count for.
struct Changing<'m> {
    map: &'m mut FieldMap,
    weight: u64,
    changed: bool,
}

impl Changing<'_> {
    /// Sets a field, and says whether there was none.
    fn set(&mut self, field: &[u8], value: &[u8]) -> bool {
        let old = self.map.insert(field.into(), value.into());
        if let Some(old) = &old {
            self.weight = self.weight.saturating_sub(Fields::weight_of(field, old));
        }
        self.weight = self.weight.saturating_add(Fields::weight_of(field, value));
        self.changed = true;
        old.is_none()
    }

    /// Removes a field, and says whether there was one.
    fn remove(&mut self, field: &[u8]) -> bool {
        let Some(old) = self.map.remove(field) else { return false };
        self.weight = self.weight.saturating_sub(Fields::weight_of(field, &old));
        self.changed = true;
        true
    }
}

/// Changes the fields of a key. Without any, there is no key.
fn change<R>(
    cx: &Context<'_>,
    name: &[u8],
    work: impl FnOnce(&mut Changing<'_>) -> Result<R, Failure>,
) -> Result<R, Failure> {
    let key = cx.key(name);
    let (done, outcome) = cx.keys().update(&key, |present| {
        let (fields, weight) = match &present {
            None => (Arc::new(Fields::default()), 0),
            Some(present) => match fields(present.value) {
                Ok(fields) => (Arc::clone(fields), present.value.weight()),
                Err(wrong) => return (Change::Keep, Err(wrong)),
            },
        };
        let (result, weight, changed, empty) = fields.with(|map| {
            let mut changing = Changing { map, weight, changed: false };
            let result = work(&mut changing);
            let (weight, changed) = (changing.weight, changing.changed);
            (result, weight, changed, map.is_empty())
        });
        let change = match (changed, empty) {
            (false, _) => Change::Keep,
            (true, true) => Change::Remove,
            (true, false) => Change::Store(Value::fields(fields, weight), Life::Same),
        };
        (change, result.map(|result| (result, changed)))
    });
    fits(outcome)?;
    let (result, changed) = done?;
    if changed {
        cx.changed(&key);
    }
    Ok(result)
}

/// Sets pairs of fields and values, and says how many fields are new.
fn set_pairs(cx: &Context<'_>, words: Words<'_>, command: &str) -> Result<i64, Failure> {
    let [_, name, pairs @ ..] = words else { return arity(command) };
    if pairs.len() % 2 != 0 {
        return arity(command);
    }
    change(cx, name, |fields| {
        let mut new = 0;
        for pair in pairs.chunks(2) {
            if let [field, value] = pair {
                new += i64::from(fields.set(field, value));
            }
        }
        Ok(new)
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
    let set = change(cx, name, |fields| Ok(!fields.map.contains_key(*field) && fields.set(field, value)))?;
    cx.flag(set)
}

/// Writes a value, or nothing.
fn bulk(cx: &mut Context<'_>, value: Option<Box<[u8]>>) {
    match value {
        Some(value) => cx.reply.bulk(&value),
        None => cx.reply.null(),
    }
}

pub(in super::super) fn hget(cx: &mut Context<'_>, words: Words<'_>) -> Done {
    let [_, name, field] = words else { return arity("hget") };
    let value = read(cx, name, |fields| fields.get(*field).cloned())?;
    bulk(cx, value.flatten());
    Ok(())
}

pub(in super::super) fn hmget(cx: &mut Context<'_>, words: Words<'_>) -> Done {
    let [_, name, wanted @ ..] = words else { return arity("hmget") };
    let values: Option<Vec<_>> =
        read(cx, name, |fields| wanted.iter().map(|field| fields.get(*field).cloned()).collect())?;
    cx.reply.array(wanted.len());
    let values = values.unwrap_or_else(|| vec![None; wanted.len()]);
    values.into_iter().for_each(|value| bulk(cx, value));
    Ok(())
}

/// Copies of all fields and their values.
fn all(cx: &Context<'_>, name: &[u8]) -> Result<Vec<(Box<[u8]>, Box<[u8]>)>, Failure> {
    let copy = |fields: &FieldMap| fields.iter().map(|(field, value)| (field.clone(), value.clone())).collect();
    Ok(read(cx, name, copy)?.unwrap_or_default())
}

pub(in super::super) fn hgetall(cx: &mut Context<'_>, words: Words<'_>) -> Done {
    let [_, name] = words else { return arity("hgetall") };
    let all = all(cx, name)?;
    cx.reply.map(all.len());
    for (field, value) in all {
        cx.reply.bulk(&field);
        cx.reply.bulk(&value);
    }
    Ok(())
}

pub(in super::super) fn hkeys(cx: &mut Context<'_>, words: Words<'_>) -> Done {
    let [_, name] = words else { return arity("hkeys") };
    let all = all(cx, name)?;
    cx.reply.array(all.len());
    all.iter().for_each(|(field, _)| cx.reply.bulk(field));
    Ok(())
}

pub(in super::super) fn hvals(cx: &mut Context<'_>, words: Words<'_>) -> Done {
    let [_, name] = words else { return arity("hvals") };
    let all = all(cx, name)?;
    cx.reply.array(all.len());
    all.iter().for_each(|(_, value)| cx.reply.bulk(value));
    Ok(())
}

pub(in super::super) fn hdel(cx: &mut Context<'_>, words: Words<'_>) -> Done {
    let [_, name, gone @ ..] = words else { return arity("hdel") };
    let removed =
        change(cx, name, |fields| Ok(gone.iter().filter(|field| fields.remove(field)).count()))?;
    cx.reply.count(removed);
    Ok(())
}

pub(in super::super) fn hexists(cx: &mut Context<'_>, words: Words<'_>) -> Done {
    let [_, name, field] = words else { return arity("hexists") };
    let there = read(cx, name, |fields| fields.contains_key(*field))?;
    cx.flag(there.unwrap_or(false))
}

pub(in super::super) fn hlen(cx: &mut Context<'_>, words: Words<'_>) -> Done {
    let [_, name] = words else { return arity("hlen") };
    let len = read(cx, name, FieldMap::len)?;
    cx.reply.count(len.unwrap_or(0));
    Ok(())
}

pub(in super::super) fn hstrlen(cx: &mut Context<'_>, words: Words<'_>) -> Done {
    let [_, name, field] = words else { return arity("hstrlen") };
    let len = read(cx, name, |fields| fields.get(*field).map_or(0, |value| value.len()))?;
    cx.reply.count(len.unwrap_or(0));
    Ok(())
}

pub(in super::super) fn hincrby(cx: &mut Context<'_>, words: Words<'_>) -> Done {
    let [_, name, field, by] = words else { return arity("hincrby") };
    let by = integer_of(by)?;
    let sum = change(cx, name, |fields| {
        let old = match fields.map.get(*field) {
            None => 0,
            Some(value) => integer(value).ok_or(Failure::fixed("ERR hash value is not an integer"))?,
        };
        let sum = old.checked_add(by).ok_or(Failure::OVERFLOW)?;
        fields.set(field, itoa::Buffer::new().format(sum).as_bytes());
        Ok(sum)
    })?;
    cx.integer(sum)
}

pub(in super::super) fn hincrbyfloat(cx: &mut Context<'_>, words: Words<'_>) -> Done {
    let [_, name, field, by] = words else { return arity("hincrbyfloat") };
    // The argument first: that the field is no number is told only of a number.
    sums::sum(b"0", by)?;
    let sum = change(cx, name, |fields| {
        let old = fields.map.get(*field).map_or(&b"0"[..], |value| value);
        let sum = sums::sum(old, by).map_err(|failure| {
            if failure == Failure::NO_FLOAT { Failure::fixed("ERR hash value is not a float") } else { failure }
        })?;
        fields.set(field, &sum);
        Ok(sum)
    })?;
    cx.reply.bulk(&sum);
    Ok(())
}

/// All fields at once, whatever the cursor says: as Redis does with a small hash.
pub(in super::super) fn hscan(cx: &mut Context<'_>, words: Words<'_>) -> Done {
    let [_, name, from, options @ ..] = words else { return arity("hscan") };
    cursor(from)?;
    let wanted = wanted(options, false)?;
    let mut all = all(cx, name)?;
    all.retain(|(field, _)| wanted.pattern.is_none_or(|pattern| glob::matches(pattern, field)));
    cx.reply.array(2);
    cx.reply.bulk(b"0");
    cx.reply.array(all.len() * 2);
    for (field, value) in all {
        cx.reply.bulk(&field);
        cx.reply.bulk(&value);
    }
    Ok(())
}
