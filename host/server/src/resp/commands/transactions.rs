//! Transactions: commands that run in one step, if what they were decided from did not change.

use std::sync::atomic::Ordering;
use std::time::Instant;

use super::super::command;
use super::super::context::Context;
use super::super::dispatch;
use super::super::failure::{Done, Failure};
use super::super::session::Transaction;

type Words<'w> = &'w [&'w [u8]];

pub(in super::super) fn multi(cx: &mut Context<'_>, _: Words<'_>) -> Done {
    if cx.session.transaction.is_some() {
        return Err(Failure::fixed("ERR MULTI calls can not be nested"));
    }
    cx.session.transaction = Some(Transaction::default());
    cx.session.client.queued.store(0, Ordering::Relaxed);
    cx.ok()
}

pub(in super::super) fn discard(cx: &mut Context<'_>, _: Words<'_>) -> Done {
    if cx.session.transaction.is_none() {
        return Err(Failure::fixed("ERR DISCARD without MULTI"));
    }
    cx.session.discard(cx.shared);
    cx.ok()
}

pub(in super::super) fn watch(cx: &mut Context<'_>, words: Words<'_>) -> Done {
    if cx.session.transaction.is_some() {
        return Err(Failure::fixed("ERR WATCH inside MULTI is not allowed"));
    }
    for name in words.iter().skip(1) {
        let key = cx.key(name).to_vec();
        if cx.session.watched.iter().all(|(watched, _)| *watched != key) {
            cx.shared.watches.watch(&key, &cx.session.mark);
            // After the mark is set out, so that a change in between is seen.
            let there = cx.keys().contains(&key);
            cx.session.watched.push((key, there));
        }
    }
    cx.session.client.watched.store(cx.session.watched.len(), Ordering::Relaxed);
    cx.ok()
}

pub(in super::super) fn unwatch(cx: &mut Context<'_>, _: Words<'_>) -> Done {
    cx.session.unwatch(cx.shared);
    cx.ok()
}

/// The gate is closed: nobody sees it half done.
pub(in super::super) fn exec(cx: &mut Context<'_>, _: Words<'_>) -> Done {
    let Some(transaction) = cx.session.transaction.take() else {
        return Err(Failure::fixed("ERR EXEC without MULTI"));
    };
    // A value that was there and is over its time, or evicted, has changed as well.
    let gone = cx.session.watched.iter().any(|(key, there)| *there && !cx.keys().contains(key));
    let changed = gone || cx.session.mark.load(Ordering::SeqCst);
    cx.session.discard(cx.shared);
    if transaction.failed {
        return Err(Failure::fixed("EXECABORT Transaction discarded because of previous errors."));
    }
    if changed {
        cx.reply.null_array();
        return Ok(());
    }
    cx.reply.array(transaction.commands.len());
    let mut begun = Instant::now();
    cx.session.executing = true;
    for words in &transaction.commands {
        let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
        // It was found when it was queued.
        if let Some(command) = words.first().and_then(|name| command::find(name)) {
            dispatch::call(cx, command, &words, &mut begun);
        }
    }
    cx.session.run.settle(&cx.shared.statistics, &mut begun);
    cx.session.executing = false;
    Ok(())
}
