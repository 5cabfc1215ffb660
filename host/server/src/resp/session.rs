//! What one client has told the server, and its requests, one after the other.

use std::collections::BTreeSet;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use smallvec::SmallVec;

use super::client::Client;
use super::context::Context;
use super::dispatch;
use super::pub_sub::To;
use super::reply::{Reply, Version};
use super::request::{Limits, Parsed, Parser};
use super::watches::Mark;
use crate::server::Shared;

/// Bytes of replies after which no further request is answered before they are sent.
const ENOUGH: usize = 256 << 10;

/// Bytes that one transaction may queue.
pub(super) const QUEUED: usize = 64 << 20;

/// Which replies a client wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Replies {
    #[default]
    All,
    None,
    /// All but that of the next command.
    NotTheNext,
    /// All but that of this command.
    NotThis,
}

/// Commands that wait for EXEC.
#[derive(Debug, Default)]
pub(super) struct Transaction {
    pub(super) commands: Vec<Vec<Vec<u8>>>,
    pub(super) bytes: usize,
    /// One of them could not be queued.
    pub(super) failed: bool,
}

/// A reply that is not there yet.
pub(super) type Later = Pin<Box<dyn Future<Output = Vec<u8>> + Send>>;

/// One connection's state.
pub(crate) struct Session {
    parser: Parser,
    pub(super) client: Arc<Client>,
    pub(super) database: u8,
    pub(super) version: Version,
    pub(super) authenticated: bool,
    pub(super) replies: Replies,
    pub(super) transaction: Option<Transaction>,
    /// A transaction's commands are run. None of them may leave its reply for later.
    pub(super) executing: bool,
    /// Keys that are watched, as they are stored, and whether there was a value.
    pub(super) watched: Vec<(Vec<u8>, bool)>,
    pub(super) mark: Mark,
    pub(super) channels: BTreeSet<Vec<u8>>,
    pub(super) patterns: BTreeSet<Vec<u8>>,
    /// The connection is to end when the replies are sent.
    pub(super) closing: bool,
    /// The last command's reply comes later. Nothing is answered before.
    pub(super) later: Option<Later>,
    /// Requests answered since [`take_answered`](Self::take_answered).
    answered: u64,
}

/// Why no further request was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stopped {
    /// The next one is not whole. So many bytes are missing at least.
    Part(usize),
    /// There are replies to be sent first, or one to wait for.
    Replies,
    /// The connection is to end.
    Closing,
}

impl Session {
    pub(crate) fn new(client: Arc<Client>, authenticated: bool) -> Self {
        Self {
            parser: Parser::default(),
            client,
            database: 0,
            version: Version::Two,
            authenticated,
            replies: Replies::All,
            transaction: None,
            executing: false,
            watched: Vec::new(),
            mark: Mark::default(),
            channels: BTreeSet::new(),
            patterns: BTreeSet::new(),
            closing: false,
            later: None,
            answered: 0,
        }
    }

    /// Answers the whole requests that `bytes` begins with, and says how many bytes they took and why it stopped.
    pub(crate) fn answer(&mut self, shared: &Shared, bytes: &[u8], out: &mut Vec<u8>) -> (usize, Stopped) {
        let limits = shared.limits();
        let mut begun = Instant::now();
        let mut passing = shared.gate.pass();
        let mut done = 0;
        loop {
            let rest = bytes.get(done..).unwrap_or_default();
            let limits = if self.authenticated {
                limits
            } else {
                Limits { bulk: limits.bulk.min(Limits::BEFORE_PASSWORD.bulk), ..Limits::BEFORE_PASSWORD }
            };
            let (length, closed) = match self.parser.parse(rest, limits) {
                Ok(Parsed::Part(missing)) => return (done, Stopped::Part(missing)),
                Ok(Parsed::Whole(length)) => {
                    let places = self.parser.places().iter();
                    let words: SmallVec<[&[u8]; 8]> =
                        places.map(|place| rest.get(place.clone()).unwrap_or_default()).collect();
                    (length, self.request(shared, &words, out, &mut passing, &mut begun))
                }
                Ok(Parsed::Words(length, words)) => {
                    let words: SmallVec<[&[u8]; 8]> = words.iter().map(Vec::as_slice).collect();
                    (length, self.request(shared, &words, out, &mut passing, &mut begun))
                }
                Err(wrong) => {
                    shared.statistics.errors.fetch_add(1, Ordering::Relaxed);
                    Reply::new(out, self.version).error(&format!("ERR Protocol error: {wrong}"));
                    return (bytes.len(), Stopped::Closing);
                }
            };
            done += length;
            if closed || self.client.is_ended() {
                return (bytes.len(), Stopped::Closing);
            }
            if self.later.is_some() || out.len() > ENOUGH {
                return (done, Stopped::Replies);
            }
        }
    }

    /// Answers one request, and says whether the connection is to end.
    fn request<'a>(
        &mut self,
        shared: &'a Shared,
        words: &[&[u8]],
        out: &mut Vec<u8>,
        passing: &mut Option<parking_lot::RwLockReadGuard<'a, ()>>,
        begun: &mut Instant,
    ) -> bool {
        if words.is_empty() {
            return false;
        }
        let before = out.len();
        let mut context = Context::new(shared, self, Reply::new(out, self.version));
        dispatch::dispatch(&mut context, words, passing, begun);
        let pushed = context.pushed;
        self.answered += 1;
        let wanted = match self.replies {
            Replies::All => true,
            Replies::None => false,
            Replies::NotThis => {
                self.replies = Replies::All;
                false
            }
            Replies::NotTheNext => {
                self.replies = Replies::NotThis;
                false
            }
        };
        if !wanted && !pushed {
            out.truncate(before);
        }
        self.closing
    }

    /// Requests answered since the last call.
    pub(crate) fn take_answered(&mut self) -> u64 {
        std::mem::take(&mut self.answered)
    }

    /// The reply that the last command waits for.
    pub(crate) fn take_later(&mut self) -> Option<Later> {
        self.later.take()
    }

    /// Forgets the transaction and what it watches.
    pub(super) fn discard(&mut self, shared: &Shared) {
        self.transaction = None;
        self.client.queued.store(-1, Ordering::Relaxed);
        self.unwatch(shared);
    }

    /// Watches nothing any more.
    pub(super) fn unwatch(&mut self, shared: &Shared) {
        if !self.watched.is_empty() {
            shared.watches.unwatch(self.watched.iter().map(|(key, _)| key.as_slice()), &self.mark);
            self.watched.clear();
            self.client.watched.store(0, Ordering::Relaxed);
        }
        self.mark.store(false, Ordering::SeqCst);
    }

    /// Subscribes to nothing any more.
    pub(super) fn unsubscribe_all(&mut self, shared: &Shared) {
        for (to, names) in [(To::Channel, &mut self.channels), (To::Pattern, &mut self.patterns)] {
            for name in std::mem::take(names) {
                shared.pub_sub.unsubscribe(to, &name, &self.client);
            }
        }
        self.client.channels.store(0, Ordering::Relaxed);
        self.client.patterns.store(0, Ordering::Relaxed);
    }

    /// The connection has ended.
    pub(crate) fn end(&mut self, shared: &Shared) {
        self.discard(shared);
        self.unsubscribe_all(shared);
        shared.clients.leave(&self.client);
    }
}
