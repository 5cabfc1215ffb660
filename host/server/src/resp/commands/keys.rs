//! Keys, whatever their values are.

use host_cache::{Change, Life};
use host_runtime::{ContentRef, Form, Found, InPlace, Value};
use rand::RngExt as _;
use std::sync::Arc;

use super::super::context::{Context, DATABASES, named, stored};
use super::super::failure::{Done, Failure};
use super::super::glob;
use super::super::number::{integer, integer_of};
use super::strings::fits;
use super::{arity, is};

type Words<'w> = &'w [&'w [u8]];

pub(in super::super) fn del(cx: &mut Context<'_>, words: Words<'_>) -> Done {
    let mut removed = 0;
    for name in words.iter().skip(1) {
        let key = cx.key(name);
        if cx.keys().remove(&key) {
            removed += 1;
            cx.changed(&key);
        } else {
            // It may have left the cache since it was fetched.
            cx.tell_tiers(&key);
        }
    }
    cx.integer(removed)
}

pub(in super::super) fn exists(cx: &mut Context<'_>, words: Words<'_>) -> Done {
    let there = words.iter().skip(1).filter(|name| cx.keys().contains(&cx.key(name))).count();
    cx.reply.count(there);
    Ok(())
}

pub(in super::super) fn touch(cx: &mut Context<'_>, words: Words<'_>) -> Done {
    let there = words.iter().skip(1).filter(|name| cx.lookup().read(&cx.key(name), |_| ()).is_some()).count();
    cx.reply.count(there);
    Ok(())
}

/// A value that shares nothing with another.
fn copied(value: Found<'_>) -> Value {
    match value.content() {
        ContentRef::Bytes(_) => value.to_value(),
        ContentRef::Fields(fields) => {
            Value::in_place(Arc::new(InPlace::new(fields.with(|fields| fields.clone()))))
        }
        ContentRef::List(list) => Value::in_place(Arc::new(InPlace::new(list.with(|list| list.clone())))),
    }
}

/// The number of a database.
pub(super) fn database(word: &[u8]) -> Result<u8, Failure> {
    let number = integer(word).ok_or(Failure::fixed("ERR invalid DB index"))?;
    u8::try_from(number).ok().filter(|number| *number < DATABASES).ok_or(Failure::NO_DATABASE)
}

pub(in super::super) fn copy(cx: &mut Context<'_>, words: Words<'_>) -> Done {
    let [_, from, to, options @ ..] = words else { return arity("copy") };
    let (mut into, mut replace) = (cx.session.database, false);
    let mut options = options.iter();
    while let Some(option) = options.next() {
        if is(option, "replace") {
            replace = true;
        } else if is(option, "db") {
            let word = options.next().ok_or(Failure::SYNTAX)?;
            into = integer_of(word).and_then(|_| database(word))?;
        } else {
            return Err(Failure::SYNTAX);
        }
    }
    let (from, to) = (cx.key(from), stored(into, to));
    if *from == *to {
        return Err(Failure::fixed("ERR source and destination objects are the same"));
    }
    let found = cx.keys().peek_with(&from, |present| (copied(present.value), present.until));
    let done = match found {
        Some((value, until)) if replace || !cx.keys().contains(&to) => {
            fits(Some(cx.keys().insert(&to, value, until.map_or(Life::Endless, Life::Until))))?;
            cx.changed(&to);
            true
        }
        _ => false,
    };
    cx.flag(done)
}

/// Gives the value of a key to another one, and says whether it did. Both are stored names.
fn rename_to(cx: &mut Context<'_>, (from, to): (&[u8], &[u8]), replace: bool) -> Result<bool, Failure> {
    let found = cx.keys().peek_with(from, |present| (present.value.to_value(), present.until));
    let (value, until) = found.ok_or(Failure::NO_SUCH_KEY)?;
    if !replace && cx.keys().contains(to) {
        return Ok(false);
    }
    if from != to {
        cx.keys().remove(from);
        cx.changed(from);
        let outcome = cx.keys().insert(to, value, until.map_or(Life::Endless, Life::Until));
        cx.changed(to);
        fits(Some(outcome))?;
    }
    Ok(true)
}

pub(in super::super) fn rename(cx: &mut Context<'_>, words: Words<'_>) -> Done {
    let [_, from, to] = words else { return arity("rename") };
    rename_to(cx, (&cx.key(from), &cx.key(to)), true)?;
    cx.ok()
}

pub(in super::super) fn renamenx(cx: &mut Context<'_>, words: Words<'_>) -> Done {
    let [_, from, to] = words else { return arity("renamenx") };
    let done = rename_to(cx, (&cx.key(from), &cx.key(to)), false)?;
    cx.flag(done)
}

pub(in super::super) fn move_(cx: &mut Context<'_>, words: Words<'_>) -> Done {
    let [_, name, into] = words else { return arity("move") };
    let into = integer_of(into).and_then(|_| database(words.get(2).copied().unwrap_or_default()))?;
    if into == cx.session.database {
        return Err(Failure::fixed("ERR source and destination objects are the same"));
    }
    let done = match rename_to(cx, (&cx.key(name), &stored(into, name)), false) {
        Err(failure) if failure == Failure::NO_SUCH_KEY => false,
        done => done?,
    };
    cx.flag(done)
}

/// What kind of value it is, in Redis's word.
fn kind(value: Found<'_>) -> &'static str {
    match value.content() {
        ContentRef::Bytes(_) => "string",
        ContentRef::Fields(_) => "hash",
        ContentRef::List(_) => "list",
    }
}

pub(in super::super) fn type_(cx: &mut Context<'_>, words: Words<'_>) -> Done {
    let [_, name] = words else { return arity("type") };
    let kind = cx.keys().peek_with(&cx.key(name), |present| kind(present.value));
    cx.reply.simple(kind.unwrap_or("none"));
    Ok(())
}

/// How a value is kept, in Redis's words: a number, a short text, a longer or edited one; few short fields, or a table of
/// fields; a list, for which Redis 7.0 has one word.
fn encoding(value: Found<'_>) -> &'static str {
    match value.content() {
        ContentRef::Fields(fields) => {
            fields.with(|fields| if fields.is_flat() { "listpack" } else { "hashtable" })
        }
        ContentRef::List(_) => "quicklist",
        ContentRef::Bytes(_) if value.form() == Form::Edited => "raw",
        ContentRef::Bytes(bytes)
            if value.form() == Form::Given && bytes.len() <= 20 && integer(bytes).is_some() =>
        {
            "int"
        }
        ContentRef::Bytes(bytes) if bytes.len() <= 44 => "embstr",
        ContentRef::Bytes(_) => "raw",
    }
}

pub(in super::super) fn object(cx: &mut Context<'_>, words: Words<'_>) -> Done {
    match words {
        [_, part] if is(part, "help") => {
            help(
                cx,
                "OBJECT",
                &[
                    ("ENCODING <key>", "How the value is kept."),
                    ("FREQ <key>", "An error: the host does not tell what its policies count."),
                    ("IDLETIME <key>", "Seconds since the value was last read or changed."),
                    ("REFCOUNT <key>", "1."),
                ],
            );
            Ok(())
        }
        [_, part, name] if is(part, "encoding") => {
            match cx.keys().peek_with(&cx.key(name), |present| encoding(present.value)) {
                Some(encoding) => cx.reply.bulk(encoding.as_bytes()),
                None => cx.reply.null(),
            }
            Ok(())
        }
        [_, part, name] if is(part, "refcount") => {
            match cx.keys().contains(&cx.key(name)) {
                true => cx.reply.integer(1),
                false => cx.reply.null(),
            }
            Ok(())
        }
        [_, part, name] if is(part, "idletime") => {
            match cx.keys().idle(&cx.key(name)) {
                Some(idle) => cx.reply.integer(i64::try_from(idle.as_secs()).unwrap_or(i64::MAX)),
                None => cx.reply.null(),
            }
            Ok(())
        }
        [_, part, name] if is(part, "freq") => {
            if cx.keys().contains(&cx.key(name)) {
                let counts = cx.shared.host.snapshot().cache.policy.contains("lfu");
                return Err(Failure::fixed(if counts {
                    "ERR The policy counts uses, and does not tell how many. OBJECT IDLETIME tells when a key was used last."
                } else {
                    "ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note that when \
                     switching between policies at runtime LRU and LFU data will take some time to adjust."
                }));
            }
            cx.reply.null();
            Ok(())
        }
        [_, part, ..] => Err(Failure::subcommand("object", part)),
        _ => arity("object"),
    }
}

/// Answers with what the parts of a command do.
pub(super) fn help(cx: &mut Context<'_>, command: &str, parts: &[(&str, &str)]) {
    cx.reply.array(parts.len() * 2 + 3);
    cx.reply.simple(&format!("{command} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:"));
    for (part, does) in parts.iter().chain(&[("HELP", "Print this help.")]) {
        cx.reply.simple(part);
        cx.reply.simple(&format!("    {does}"));
    }
}

/// How many entries a scan looks at before it lets others write.
const PIECE: usize = 512;

pub(in super::super) fn keys(cx: &mut Context<'_>, words: Words<'_>) -> Done {
    let [_, pattern] = words else { return arity("keys") };
    let (mut found, mut cursor, mut bytes) = (Vec::new(), 0, 0);
    loop {
        cursor = cx.keys().scan(cursor, PIECE, |key, _| {
            if let Some(name) = named(cx.session.database, key)
                && glob::matches(pattern, name)
            {
                bytes += name.len();
                found.push(Vec::from(name));
            }
        });
        if bytes > cx.shared.output().bytes {
            return Err(Failure::fixed("ERR the reply is too long; use SCAN, or raise serve.max-output"));
        }
        if cursor == 0 {
            break;
        }
    }
    cx.reply.array(found.len());
    found.iter().for_each(|name| cx.reply.bulk(name));
    Ok(())
}

/// What a scan is to find.
pub(super) struct Wanted<'w> {
    pub(super) pattern: Option<&'w [u8]>,
    pub(super) count: usize,
    kind: Option<&'w [u8]>,
}

/// The options of a scan.
pub(super) fn wanted<'w>(options: &'w [&'w [u8]], has_kind: bool) -> Result<Wanted<'w>, Failure> {
    let mut wanted = Wanted { pattern: None, count: 10, kind: None };
    for option in options.chunks(2) {
        match option {
            [name, value] if is(name, "match") => wanted.pattern = Some(value),
            [name, value] if is(name, "count") => {
                let count = integer_of(value)?;
                let count = usize::try_from(count).ok().filter(|count| *count > 0);
                wanted.count = count.ok_or(Failure::SYNTAX)?;
            }
            [name, value] if has_kind && is(name, "type") => wanted.kind = Some(value),
            _ => return Err(Failure::SYNTAX),
        }
    }
    Ok(wanted)
}

/// A cursor, as a client sends it.
pub(super) fn cursor(word: &[u8]) -> Result<u64, Failure> {
    let text = std::str::from_utf8(word).ok();
    text.and_then(|text| text.parse().ok()).ok_or(Failure::fixed("ERR invalid cursor"))
}

/// Most entries that one call of SCAN looks at.
const MOST: usize = 100_000;

pub(in super::super) fn scan(cx: &mut Context<'_>, words: Words<'_>) -> Done {
    let [_, from, options @ ..] = words else { return arity("scan") };
    let from = cursor(from)?;
    let wanted = wanted(options, true)?;
    let mut found = Vec::new();
    let next = cx.keys().scan(from, wanted.count.min(MOST), |key, present| {
        let Some(name) = named(cx.session.database, key) else { return };
        if wanted.pattern.is_none_or(|pattern| glob::matches(pattern, name))
            && wanted.kind.is_none_or(|wanted| is(wanted, kind(present.value)))
        {
            found.push(Vec::from(name));
        }
    });
    cx.reply.array(2);
    cx.reply.bulk(itoa::Buffer::new().format(next).as_bytes());
    cx.reply.array(found.len());
    found.iter().for_each(|name| cx.reply.bulk(name));
    Ok(())
}

/// How often a random key may be of another database before all are looked at.
const TRIES: u32 = 100;

pub(in super::super) fn randomkey(cx: &mut Context<'_>, _: Words<'_>) -> Done {
    let database = cx.session.database;
    for _ in 0..TRIES {
        let random = cx.shared.random.lock().random();
        let key = cx.keys().random_with(random, |key, _| named(database, key).map(Vec::from));
        match key {
            Some(Some(name)) => {
                cx.reply.bulk(&name);
                return Ok(());
            }
            Some(None) => {}
            None => break,
        }
    }
    let (mut first, mut cursor) = (None, 0);
    loop {
        cursor = cx.keys().scan(cursor, PIECE, |key, _| {
            first = first.take().or_else(|| named(database, key).map(Vec::from));
        });
        if cursor == 0 || first.is_some() {
            break;
        }
    }
    match first {
        Some(name) => cx.reply.bulk(&name),
        None => cx.reply.null(),
    }
    Ok(())
}

/// Removes every key of a database.
pub(super) fn flush(cx: &mut Context<'_>, database: u8) {
    let (mut found, mut cursor) = (Vec::new(), 0);
    loop {
        cursor = cx.keys().scan(cursor, PIECE, |key, _| {
            if named(database, key).is_some() {
                found.push(Vec::from(key));
            }
        });
        for key in found.drain(..) {
            // Two ways lead here; the change is the same.
            cx.keys().update(&key, |_| (Change::Remove, ()));
        }
        if cursor == 0 {
            break;
        }
    }
    cx.shared.watches.all_changed(|key| named(database, key).is_some());
}
