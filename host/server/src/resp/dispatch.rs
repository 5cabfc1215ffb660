//! From the words of a request to its command: what stands in between.

use std::sync::atomic::Ordering;
use std::time::Instant;

use parking_lot::RwLockReadGuard;
use smallvec::SmallVec;

use super::command::{self, Command, Flags};
use super::context::Context;
use super::failure::{Done, Failure};
use super::reply::Version;
use super::session::QUEUED;

/// Answers one request. `begun` is when it began; it is put on to when it ended. `passing` is the gate's: a command on several keys
/// lets go of it and closes the gate while it runs.
pub(super) fn dispatch(
    cx: &mut Context<'_>,
    words: &[&[u8]],
    passing: &mut Option<RwLockReadGuard<'_, ()>>,
    begun: &mut Instant,
) {
    let command = match admit(cx, words) {
        Ok(Admitted::Run(command)) => command,
        Ok(Admitted::Queued) => return,
        Err(failure) => {
            if let Some(transaction) = &mut cx.session.transaction {
                transaction.failed = true;
            }
            return fail(cx, &failure);
        }
    };
    if command.flags.contains(Flags::EXCLUSIVE) {
        *passing = None;
        let closed = cx.shared.gate.close();
        call(cx, command, words, begun);
        drop(closed);
    } else {
        call(cx, command, words, begun);
    }
}

/// Bytes of a request, and of its reply, up to which a call is short.
const SHORT: usize = 4 << 10;

/// Microseconds; see [`call`].
const EXACT: i64 = 1_000;

enum Admitted {
    Run(&'static Command),
    Queued,
}

/// Whether a command may run now.
fn admit(cx: &mut Context<'_>, words: &[&[u8]]) -> Result<Admitted, Failure> {
    let name = words.first().copied().unwrap_or_default();
    let command = match cx.session.last {
        // Most clients call the same command again and again.
        Some(last) if last.name.as_bytes().eq_ignore_ascii_case(name) => last,
        _ => command::find(name).ok_or_else(|| unknown(name, words))?,
    };
    cx.session.last = Some(command);
    let rejected = |failure| {
        cx.shared.statistics.calls.get(command.number()).inspect(|calls| calls.rejected());
        Err(failure)
    };
    if !command.takes(words.len()) {
        return rejected(Failure::arity(command.name));
    }
    if !cx.session.authenticated && !command.flags.contains(Flags::NO_PASSWORD) {
        return rejected(Failure::NO_PASSWORD_GIVEN);
    }
    let listens = cx.session.version == Version::Two && cx.session.client.subscribes();
    if listens && !command.flags.contains(Flags::WHILE_SUBSCRIBED) {
        let text = format!(
            "ERR Can't execute '{}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context",
            command.name
        );
        return rejected(Failure::new(text));
    }
    if cx.session.transaction.is_some() && !command.flags.contains(Flags::NOT_QUEUED) {
        if command.flags.contains(Flags::NO_TRANSACTION) {
            return rejected(Failure::new(format!(
                "ERR {} is not allowed in transactions",
                command.name.to_uppercase()
            )));
        }
        return queue(cx, words).map(|()| Admitted::Queued);
    }
    Ok(Admitted::Run(command))
}

fn queue(cx: &mut Context<'_>, words: &[&[u8]]) -> Result<(), Failure> {
    let Some(transaction) = &mut cx.session.transaction else { return Ok(()) };
    transaction.bytes = words.iter().fold(transaction.bytes, |sum, word| sum.saturating_add(word.len() + 32));
    if transaction.bytes > QUEUED {
        return Err(Failure::new(format!("ERR a transaction of more than {} MB", QUEUED >> 20)));
    }
    transaction.commands.push(words.iter().map(|word| word.to_vec()).collect());
    let queued = i64::try_from(transaction.commands.len()).unwrap_or(i64::MAX);
    cx.session.client.queued.store(queued, Ordering::Relaxed);
    cx.reply.simple("QUEUED");
    Ok(())
}

/// Runs a command that may run, and counts it.
///
/// Short calls of one command in a row, of a client that has sent several requests at once, are counted together: they share a
/// look at the clock and the steps on counters that all threads share. A slow log that keeps what takes less than
/// [`EXACT`] tells of each, so then every call is timed by itself. Where a row takes as long as the slow log wants, its last call
/// stands for it.
pub(super) fn call(cx: &mut Context<'_>, command: &'static Command, words: &[&[u8]], begun: &mut Instant) {
    let number = command.number();
    let statistics = &cx.shared.statistics;
    let shares = cx.session.has_more
        && command.flags.contains(Flags::BRIEF)
        && words.iter().map(|word| word.len()).sum::<usize>() <= SHORT
        && !(0..EXACT).contains(&cx.shared.slow_log.slower());
    if !shares || cx.session.run.is_of_others(number) {
        cx.session.run.settle(statistics, begun);
    }
    cx.session.client.command.store(u32::try_from(number).unwrap_or(u32::MAX), Ordering::Relaxed);
    if cx.shared.clients.has_monitors() && !command.flags.contains(Flags::UNSEEN) {
        show(cx, words);
    }
    let before = cx.reply.len();
    // The tiers see changes of a key in the order of the cache.
    let ordered = cx.keys().tiers().is_some() && command.flags.contains(Flags::WRITE);
    let locked = ordered.then(|| {
        let keys: SmallVec<[_; 2]> = command.keys_of(words).map(|key| cx.key(key)).collect();
        cx.keys().lock(keys.iter().map(|key| &**key))
    });
    let done: Done = (command.run)(cx, words);
    drop(locked);
    if let Err(failure) = &done {
        // Of a reply that was begun, nothing is sent.
        cx.reply.truncate(before);
        fail(cx, failure);
    }
    cx.session.run.add(number);
    if shares && done.is_ok() && cx.reply.len() <= before + SHORT {
        return;
    }
    let took = cx.session.run.settle(statistics, begun);
    if done.is_err()
        && let Some(calls) = statistics.calls.get(number)
    {
        calls.failed();
    }
    if cx.shared.slow_log.wants(took) && !command.flags.contains(Flags::UNSEEN) {
        let client = &cx.session.client;
        let by = (client.address.clone(), client.names.lock().own.clone());
        cx.shared.slow_log.keep(cx.keys().now(), took, words, by);
    }
}

fn fail(cx: &mut Context<'_>, failure: &Failure) {
    cx.shared.statistics.errors.fetch_add(1, Ordering::Relaxed);
    cx.reply.error(failure.text());
}

/// There is no such command.
fn unknown(name: &[u8], words: &[&[u8]]) -> Failure {
    let cut =
        |word: &[u8], most: usize| -> String { String::from_utf8_lossy(word).chars().take(most).collect() };
    let mut arguments = String::new();
    for word in words.iter().skip(1) {
        if arguments.len() >= 128 {
            break;
        }
        arguments.push_str(&format!("'{}' ", cut(word, 128 - arguments.len())));
    }
    Failure::new(format!("ERR unknown command '{}', with args beginning with: {arguments}", cut(name, 128)))
}

/// Shows a command to those who see all of them, as Redis does.
fn show(cx: &Context<'_>, words: &[&[u8]]) {
    use std::fmt::Write as _;
    let now = cx.keys().now();
    let client = &cx.session.client;
    let mut line =
        format!("+{}.{:06} [{} {}]", now.as_secs(), now.subsec_micros(), cx.session.database, client.address);
    for word in words {
        // Writing to a string does not fail.
        let _ = write!(line, " \"{}\"", word.escape_ascii());
    }
    line.push_str("\r\n");
    cx.shared.clients.show(line.as_bytes(), cx.shared.output());
}
