//! The server as a whole: its time, its keys, its memory, its slow log.

use super::super::context::{Context, named};
use super::super::failure::{Done, Failure};
use super::super::number::integer_of;
use super::keys::{flush, help};
use super::{arity, is};

type Words<'w> = &'w [&'w [u8]];

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
    // Which database a key below is of is not known without reading it. Those of other databases may be lost with these.
    cx.clear_tiers();
    cx.ok()
}

pub(in super::super) fn flushall(cx: &mut Context<'_>, words: Words<'_>) -> Done {
    flush_mode(words)?;
    cx.shared.watches.all_changed(|key| cx.keys().contains(key));
    cx.keys().clear();
    cx.clear_tiers();
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
