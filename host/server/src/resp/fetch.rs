//! What a request needs of the tiers before it is answered.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Waker};

use bytes::Bytes;

use super::command::{self, Command, Flags};
use super::context::{StoredKey, stored};
use super::session::Session;
use crate::server::Shared;

/// Ends when everything was fetched.
pub(crate) type Fetching = Pin<Box<dyn Future<Output = ()> + Send>>;

/// What becomes of the keys of a request that the cache does not hold.
pub(super) struct Fetch {
    /// Its lookups count already, those that were misses as misses.
    pub(super) counted: bool,
    /// What it has to wait for. Nothing where everything is there, or nowhere.
    pub(super) waits: Option<Fetching>,
}

impl Fetch {
    /// Asks the tiers for all keys of a request that the cache does not hold.
    pub(super) fn begin(shared: &Shared, session: &Session, words: &[&[u8]]) -> Self {
        let mut fetch = Self { counted: false, waits: None };
        let Some(command) = words.first().and_then(|name| command::find(name)) else { return fetch };
        if !session.authenticated || !command.takes(words.len()) {
            return fetch;
        }
        let queued = session.transaction.as_ref();
        if command.name == "exec" {
            for words in queued.iter().flat_map(|transaction| &transaction.commands) {
                let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
                if let Some(command) = words.first().and_then(|name| command::find(name)) {
                    // Its lookups count when they are done.
                    let missing = missing(shared, command, &words, session.database);
                    missing.iter().for_each(|key| fetch.ask(shared, key));
                }
            }
        } else if queued.is_none() {
            let missing = missing(shared, command, words, session.database);
            let reads = command.flags.contains(Flags::READ) && !command.flags.contains(Flags::UNCOUNTED);
            if reads && !missing.is_empty() {
                // Before they are there.
                for key in command.keys_of(words) {
                    shared.keys.get_with(&stored(session.database, key), |_| ());
                }
                fetch.counted = true;
            }
            missing.iter().for_each(|key| fetch.ask(shared, key));
        }
        fetch
    }

    fn ask(&mut self, shared: &Shared, key: &[u8]) {
        let keys = shared.keys.clone();
        let mut asked: Fetching = Box::pin(keys.fetch(Bytes::copy_from_slice(key), shared.flat_fields()));
        // Mostly no tier has it, and that is known at once.
        if asked.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending() {
            self.waits = Some(match self.waits.take() {
                None => asked,
                Some(before) => Box::pin(async move {
                    tokio::join!(before, asked);
                }),
            });
        }
    }
}

/// The keys that a command needs and the cache does not hold.
fn missing<'w>(
    shared: &Shared,
    command: &Command,
    words: &'w [&'w [u8]],
    database: u8,
) -> Vec<StoredKey<'w>> {
    if is_blind(command, words) {
        return Vec::new();
    }
    let keys = command.keys_of(words).map(|key| stored(database, key));
    keys.filter(|key| !shared.keys.contains(key)).collect()
}

/// Whether a command does not care what there was.
fn is_blind(command: &Command, words: &[&[u8]]) -> bool {
    if command.name == "set" {
        // SET KEY VALUE, and SET KEY VALUE EX SECONDS.
        let ends = |option: &[u8]| {
            [&b"ex"[..], b"px", b"exat", b"pxat"].iter().any(|end| option.eq_ignore_ascii_case(end))
        };
        return matches!(words, [_, _, _]) || matches!(words, [_, _, _, option, _] if ends(option));
    }
    command.flags.contains(Flags::BLIND)
}
