//! Messages.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;

use super::super::context::Context;
use super::super::failure::{Done, Failure};
use super::super::pub_sub::To;
use super::keys::help;
use super::{arity, is};

type Words<'w> = &'w [&'w [u8]];

pub(in super::super) fn subscribe(cx: &mut Context<'_>, words: Words<'_>) -> Done {
    listen(cx, words, To::Channel, b"subscribe")
}

pub(in super::super) fn psubscribe(cx: &mut Context<'_>, words: Words<'_>) -> Done {
    listen(cx, words, To::Pattern, b"psubscribe")
}

pub(in super::super) fn unsubscribe(cx: &mut Context<'_>, words: Words<'_>) -> Done {
    leave(cx, words, To::Channel, b"unsubscribe")
}

pub(in super::super) fn punsubscribe(cx: &mut Context<'_>, words: Words<'_>) -> Done {
    leave(cx, words, To::Pattern, b"punsubscribe")
}

fn names<'c>(cx: &'c mut Context<'_>, to: To) -> &'c mut BTreeSet<Vec<u8>> {
    match to {
        To::Channel => &mut cx.session.channels,
        To::Pattern => &mut cx.session.patterns,
    }
}

/// Counts the client's subscriptions anew, and gives their number.
fn count(cx: &Context<'_>) -> usize {
    let (channels, patterns) = (cx.session.channels.len(), cx.session.patterns.len());
    cx.session.client.channels.store(channels, Ordering::Relaxed);
    cx.session.client.patterns.store(patterns, Ordering::Relaxed);
    channels + patterns
}

fn listen(cx: &mut Context<'_>, words: Words<'_>, to: To, command: &[u8]) -> Done {
    for name in words.iter().skip(1) {
        if names(cx, to).insert(name.to_vec()) {
            cx.shared.pub_sub.subscribe(to, name, &cx.session.client);
        }
        let all = count(cx);
        tell(cx, command, Some(name), all);
    }
    Ok(())
}

fn leave(cx: &mut Context<'_>, words: Words<'_>, to: To, command: &[u8]) -> Done {
    let mut gone: Vec<Vec<u8>> = words.iter().skip(1).map(|name| name.to_vec()).collect();
    if gone.is_empty() {
        gone = names(cx, to).iter().cloned().collect();
    }
    if gone.is_empty() {
        let all = count(cx);
        tell(cx, command, None, all);
    }
    for name in gone {
        if names(cx, to).remove(&name) {
            cx.shared.pub_sub.unsubscribe(to, &name, &cx.session.client);
        }
        let all = count(cx);
        tell(cx, command, Some(&name), all);
    }
    Ok(())
}

fn tell(cx: &mut Context<'_>, command: &[u8], name: Option<&[u8]>, all: usize) {
    cx.pushed = true;
    cx.reply.push(3);
    cx.reply.bulk(command);
    match name {
        Some(name) => cx.reply.bulk(name),
        None => cx.reply.null(),
    }
    cx.reply.count(all);
}

pub(in super::super) fn publish(cx: &mut Context<'_>, words: Words<'_>) -> Done {
    let [_, channel, message] = words else { return arity("publish") };
    let heard = cx.shared.pub_sub.publish(channel, message, cx.shared.output());
    cx.reply.count(heard);
    Ok(())
}

pub(in super::super) fn pubsub(cx: &mut Context<'_>, words: Words<'_>) -> Done {
    match words {
        [_, part, pattern @ ..] if is(part, "channels") && pattern.len() < 2 => {
            let channels = cx.shared.pub_sub.channels(pattern.first().copied());
            cx.reply.array(channels.len());
            channels.iter().for_each(|name| cx.reply.bulk(name));
        }
        [_, part, channels @ ..] if is(part, "numsub") => {
            cx.reply.array(channels.len() * 2);
            for channel in channels {
                cx.reply.bulk(channel);
                cx.reply.count(cx.shared.pub_sub.subscribers(channel));
            }
        }
        [_, part] if is(part, "numpat") => cx.reply.count(cx.shared.pub_sub.patterns()),
        [_, part] if is(part, "help") => help(
            cx,
            "PUBSUB",
            &[
                (
                    "CHANNELS [<pattern>]",
                    "Return the currently active channels matching a <pattern> (default: '*').",
                ),
                ("NUMPAT", "Return number of subscriptions to patterns."),
                ("NUMSUB [<channel> ...]", "Return the number of subscribers for the specified channels."),
            ],
        ),
        [_, part, ..] => return Err(Failure::subcommand("pubsub", part)),
        _ => return arity("pubsub"),
    }
    Ok(())
}
