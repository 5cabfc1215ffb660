//! Values that are lists.

use std::ops::Range;

use host_runtime::{List, Side};

use super::super::context::Context;
use super::super::failure::{Done, Failure};
use super::super::number::integer_of;
use super::{arity, parts};

type Words<'w> = &'w [&'w [u8]];

pub(in super::super) fn lpush(cx: &mut Context<'_>, words: Words<'_>) -> Done {
    push(cx, words, Side::Left)
}

pub(in super::super) fn rpush(cx: &mut Context<'_>, words: Words<'_>) -> Done {
    push(cx, words, Side::Right)
}

fn push(cx: &mut Context<'_>, words: Words<'_>, side: Side) -> Done {
    let [_, name, items @ ..] = words else { return arity("push") };
    let len = parts::change(cx, name, |list: &mut List| {
        items.iter().for_each(|item| list.push(side, item));
        Ok((list.len(), true))
    })?;
    cx.reply.count(len);
    Ok(())
}

pub(in super::super) fn lpop(cx: &mut Context<'_>, words: Words<'_>) -> Done {
    pop(cx, words, Side::Left, "lpop")
}

pub(in super::super) fn rpop(cx: &mut Context<'_>, words: Words<'_>) -> Done {
    pop(cx, words, Side::Right, "rpop")
}

fn pop(cx: &mut Context<'_>, words: Words<'_>, side: Side, command: &str) -> Done {
    let (name, count) = match words {
        [_, name] => (name, None),
        [_, name, count] => {
            let count = usize::try_from(integer_of(count)?);
            (name, Some(count.map_err(|_| Failure::fixed("ERR value is out of range, must be positive"))?))
        }
        _ => return arity(command),
    };
    let popped = parts::change(cx, name, |list: &mut List| {
        let there = !list.is_empty();
        let popped: Vec<_> = (0..count.unwrap_or(1)).map_while(|_| list.pop(side)).collect();
        let changed = !popped.is_empty();
        Ok((there.then_some(popped), changed))
    })?;
    match (popped, count) {
        (None, None) => cx.reply.null(),
        (None, Some(_)) => cx.reply.null_array(),
        (Some(popped), None) => popped.iter().for_each(|item| cx.reply.bulk(item)),
        (Some(popped), Some(_)) => {
            cx.reply.array(popped.len());
            popped.iter().for_each(|item| cx.reply.bulk(item));
        }
    }
    Ok(())
}

pub(in super::super) fn llen(cx: &mut Context<'_>, words: Words<'_>) -> Done {
    let [_, name] = words else { return arity("llen") };
    let len = parts::read(cx, name, |_, list: &List| list.len())?;
    cx.reply.count(len.unwrap_or(0));
    Ok(())
}

pub(in super::super) fn lrange(cx: &mut Context<'_>, words: Words<'_>) -> Done {
    let [_, name, from, to] = words else { return arity("lrange") };
    let (from, to) = (integer_of(from)?, integer_of(to)?);
    let found = parts::read(cx, name, |cx, list: &List| {
        let span = span(list.len(), from, to);
        let items = list.range(span.start, span.len());
        cx.reply.array(items.len());
        items.for_each(|item| cx.reply.bulk(item));
    })?;
    if found.is_none() {
        cx.reply.array(0);
    }
    Ok(())
}

/// The places from one to another, both included; below zero they count from the end.
fn span(len: usize, from: i64, to: i64) -> Range<usize> {
    let end = i64::try_from(len).unwrap_or(i64::MAX);
    let place = |at: i64| if at < 0 { end.saturating_add(at) } else { at };
    let (from, behind) = (place(from).max(0), place(to).saturating_add(1).min(end));
    let place = |at: i64| usize::try_from(at).unwrap_or(0);
    if from < behind { place(from)..place(behind) } else { 0..0 }
}

#[cfg(test)]
mod tests {
    use super::span;

    #[test]
    fn a_span_is_that_of_redis() {
        for (from, to, is) in
            [(0, -1, 0..5), (1, 2, 1..3), (-2, -1, 3..5), (-99, 1, 0..2), (3, 99, 3..5), (0, i64::MAX, 0..5)]
        {
            assert_eq!(span(5, from, to), is, "{from} {to}");
        }
        for (from, to) in [(5, 9), (2, 1), (-1, -3), (0, -99), (i64::MIN, i64::MIN)] {
            assert!(span(5, from, to).is_empty(), "{from} {to}");
        }
        assert!(span(0, 0, -1).is_empty());
    }
}
