//! What one client has told the server, and its requests, one after the other.
//!
//! Requests that come together are read before the first is answered, and the memory of their keys is fetched meanwhile, in two
//! steps. Of the CPU time of `GET -P 16` over 100,000 entries of 128 bytes, lookups took 29 % when only the first step was there,
//! nearly all of it for the entry behind the table's pointer, and 1 % since (`perf record`, beside other work of the machine).

use std::collections::BTreeSet;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use smallvec::SmallVec;

use super::client::Client;
use super::command::Command;
use super::context::Context;
use super::dispatch;
use super::fetch::{Fetch, Fetching};
use super::pub_sub::To;
use super::reply::{Reply, Version};
use super::request::{Limits, Parsed, Parser, Place, ProtocolError};
use super::statistics::Run;
use super::watches::Mark;
use crate::server::Shared;
use host_runtime::{Prefetched, Settling};

/// Bytes of replies after which no further request is answered before they are sent.
const ENOUGH: usize = 256 << 10;

/// Changes that wait for tiers after which no further request is answered.
const SETTLING: usize = 1_024;

/// Words of a request up to which their places lie on the stack.
const FEW: usize = 8;

/// Requests that are read ahead.
const AHEAD: usize = 16;

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
    read: Ahead,
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
    /// What tiers still have to do for changes. The replies are sent when it is done.
    pub(super) settling: Vec<Settling>,
    /// What is to be fetched before the next request is answered.
    fetching: Option<Fetching>,
    /// It was fetched.
    fetched: bool,
    /// The lookups of the request that is answered count already.
    pub(super) counted: bool,
    /// Calls that are not counted yet.
    pub(super) run: Run,
    /// Whether another request was read already.
    pub(super) has_more: bool,
    /// The command that was called last.
    pub(super) last: Option<&'static Command>,
    /// Requests answered since [`take_answered`](Self::take_answered).
    answered: u64,
}

/// Requests that were read and are not answered yet.
#[derive(Debug, Default)]
struct Ahead {
    /// Where their words lie.
    words: Vec<Place>,
    /// Of each, the number of words up to its end, and the byte behind it.
    requests: Vec<(usize, usize)>,
    /// The keys that they name, and whether a value is written there.
    keys: Vec<(Prefetched, bool)>,
}

/// Why no further request was read.
enum Read {
    Part(usize),
    Words(usize, Vec<Vec<u8>>),
    Wrong(ProtocolError),
}

/// Why no further request was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stopped {
    /// The next one is not whole. So many bytes are missing at least.
    Part(usize),
    /// There are replies to be sent first, or one to wait for.
    Replies,
    /// The next one needs what is in the tiers.
    Fetch,
    /// The connection is to end.
    Closing,
}

impl Session {
    pub(crate) fn new(client: Arc<Client>, authenticated: bool) -> Self {
        Self {
            parser: Parser::default(),
            read: Ahead::default(),
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
            settling: Vec::new(),
            fetching: None,
            fetched: false,
            counted: false,
            run: Run::default(),
            has_more: false,
            last: None,
            answered: 0,
        }
    }

    /// Answers the whole requests that `bytes` begins with, and says how many bytes they took and why it stopped. `begun` is when
    /// the bytes came; it is put on to when the last request was answered.
    pub(crate) fn answer(
        &mut self,
        shared: &Shared,
        bytes: &[u8],
        out: &mut Vec<u8>,
        begun: &mut Instant,
    ) -> (usize, Stopped) {
        let answered = self.answer_whole(shared, bytes, out, begun);
        self.run.settle(&shared.statistics, begun);
        answered
    }

    fn answer_whole(
        &mut self,
        shared: &Shared,
        bytes: &[u8],
        out: &mut Vec<u8>,
        begun: &mut Instant,
    ) -> (usize, Stopped) {
        let mut passing = shared.gate.pass();
        let mut done = 0;
        loop {
            let stopped = self.read(shared, bytes, done);
            let mut from = 0;
            for at in 0..self.read.requests.len() {
                let Some(&(to, end)) = self.read.requests.get(at) else { break };
                let places = self.read.words.get(from..to).unwrap_or_default();
                let (mut few, mut many) = ([&[][..]; FEW], Vec::new());
                let words = match few.get_mut(..places.len()) {
                    Some(words) => words,
                    None => {
                        many.resize(places.len(), &[][..]);
                        &mut *many
                    }
                };
                for (word, place) in words.iter_mut().zip(places) {
                    *word = bytes.get(place.clone()).unwrap_or_default();
                }
                if self.fetch(shared, words) {
                    return (done, Stopped::Fetch);
                }
                from = to;
                done = end;
                self.has_more = at + 1 < self.read.requests.len();
                let closed = self.request(shared, words, out, &mut passing, begun);
                if let Some(stopped) = self.stops(closed, out) {
                    return (if stopped == Stopped::Closing { bytes.len() } else { done }, stopped);
                }
            }
            match stopped {
                None => {}
                Some(Read::Part(missing)) => return (done, Stopped::Part(missing)),
                Some(Read::Words(length, words)) => {
                    self.has_more = false;
                    let words: SmallVec<[&[u8]; 8]> = words.iter().map(Vec::as_slice).collect();
                    if self.fetch(shared, &words) {
                        return (done, Stopped::Fetch);
                    }
                    done += length;
                    let closed = self.request(shared, &words, out, &mut passing, begun);
                    if let Some(stopped) = self.stops(closed, out) {
                        return (if stopped == Stopped::Closing { bytes.len() } else { done }, stopped);
                    }
                }
                Some(Read::Wrong(wrong)) => {
                    shared.statistics.errors.fetch_add(1, Ordering::Relaxed);
                    Reply::new(out, self.version).error(&format!("ERR Protocol error: {wrong}"));
                    return (bytes.len(), Stopped::Closing);
                }
            }
        }
    }

    /// Reads some requests ahead, from `done` on, and begins to fetch the memory of the keys that they name, in two steps: where
    /// the entries are noted, and then the entries. So the memory works for all of them at once, and by the time that one is
    /// answered, what it needs is there. None where there may be more.
    fn read(&mut self, shared: &Shared, bytes: &[u8], done: usize) -> Option<Read> {
        let stopped = self.parse(shared, bytes, done);
        // With one alone there is nothing to do in between.
        if self.read.keys.len() > 1 {
            for &(key, replaces) in &self.read.keys {
                shared.keys.prefetch_entry(key, replaces);
            }
        }
        stopped
    }

    fn parse(&mut self, shared: &Shared, bytes: &[u8], done: usize) -> Option<Read> {
        self.read.words.clear();
        self.read.requests.clear();
        self.read.keys.clear();
        let mut at = done;
        while self.read.requests.len() < AHEAD {
            // A request that gives the password changes what the next one may take.
            let limits = if self.authenticated { shared.limits() } else { Limits::BEFORE_PASSWORD };
            match self.parser.parse(bytes.get(at..).unwrap_or_default(), limits) {
                Ok(Parsed::Whole(length)) => {
                    let places = self.parser.places();
                    if let Some(key) = places.get(1).and_then(|key| bytes.get(at + key.start..at + key.end)) {
                        // Two words only name what is to be read.
                        self.read.keys.push((shared.keys.prefetch(key), places.len() > 2));
                    }
                    self.read.words.extend(places.iter().map(|place| at + place.start..at + place.end));
                    at += length;
                    self.read.requests.push((self.read.words.len(), at));
                    if !self.authenticated {
                        return None;
                    }
                }
                Ok(Parsed::Part(missing)) => return Some(Read::Part(missing)),
                Ok(Parsed::Words(length, words)) => return Some(Read::Words(length, words)),
                Err(wrong) => return Some(Read::Wrong(wrong)),
            }
        }
        None
    }

    /// Why no further request is answered now, if none is.
    fn stops(&mut self, closed: bool, out: &[u8]) -> Option<Stopped> {
        let stopped = if closed || self.client.is_ended() {
            Stopped::Closing
        } else if self.later.is_some() || out.len() > ENOUGH || self.settling.len() >= SETTLING {
            Stopped::Replies
        } else {
            return None;
        };
        // What was read ahead is read again.
        self.parser = Parser::default();
        Some(stopped)
    }

    /// Whether the next request has to wait for what is to be fetched from tiers. What needs no waiting is fetched here.
    #[inline]
    fn fetch(&mut self, shared: &Shared, words: &[&[u8]]) -> bool {
        if shared.keys.tiers().is_none() || std::mem::take(&mut self.fetched) {
            return false;
        }
        let Fetch { counted, waits } = Fetch::begin(shared, self, words);
        self.counted = counted;
        self.fetched = waits.is_some();
        self.fetching = waits;
        if self.fetched {
            // What was read ahead is read again.
            self.parser = Parser::default();
        }
        self.fetched
    }

    /// What is to be fetched before the next request is answered.
    pub(crate) fn take_fetching(&mut self) -> Option<Fetching> {
        self.fetching.take()
    }

    /// What is to be done before the replies are sent.
    pub(crate) fn take_settling(&mut self) -> Vec<Settling> {
        std::mem::take(&mut self.settling)
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
        self.counted = false;
        // A command on several keys has let go of it.
        if passing.is_none() {
            *passing = shared.gate.pass();
        }
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
