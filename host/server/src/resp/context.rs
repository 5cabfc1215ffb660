//! What a command works with.

use bytes::Bytes;
use smallvec::SmallVec;

use super::failure::{Done, Failure};
use super::reply::Reply;
use super::session::Session;
use crate::server::Shared;
use host_runtime::{Found, Keyspace};

/// A key as it is stored.
///
/// The keys of database 0 are stored as they are. A key of another one, and the rare one of database 0 that begins with a
/// zero byte, is stored behind a zero byte and the number of its database.
pub(crate) enum StoredKey<'a> {
    Plain(&'a [u8]),
    Marked(SmallVec<[u8; 64]>),
}

impl std::ops::Deref for StoredKey<'_> {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        match self {
            Self::Plain(key) => key,
            Self::Marked(key) => key,
        }
    }
}

/// Databases of a server, as Redis has by default.
pub(super) const DATABASES: u8 = 16;

/// A key of a database, as it is stored.
#[inline]
pub(crate) fn stored(database: u8, key: &[u8]) -> StoredKey<'_> {
    if database == 0 && key.first() != Some(&0) {
        return StoredKey::Plain(key);
    }
    let mut marked = SmallVec::from_slice(&[0, database]);
    marked.extend_from_slice(key);
    StoredKey::Marked(marked)
}

/// The key of a stored one, where it is of that database.
pub(super) fn named(database: u8, stored: &[u8]) -> Option<&[u8]> {
    match stored {
        [0, of, key @ ..] => (*of == database).then_some(key),
        key => (database == 0).then_some(key),
    }
}

/// Lookups of a command that reads.
#[derive(Clone, Copy)]
pub(super) struct Lookup<'a> {
    keys: &'a Keyspace,
    /// They count already, as what they were when the tiers were asked.
    counted: bool,
}

impl Lookup<'_> {
    /// Reads the value of a stored key where it lies, within a lock: `read` must be short and not use the keyspace.
    #[inline]
    pub(super) fn read<R>(self, key: &[u8], read: impl FnOnce(Found<'_>) -> R) -> Option<R> {
        if self.counted {
            self.keys.peek_with(key, |present| read(present.value))
        } else {
            self.keys.get_with(key, read)
        }
    }
}

/// What a command works with: the server, the client, and where its reply goes.
pub(super) struct Context<'a> {
    pub(super) shared: &'a Shared,
    pub(super) session: &'a mut Session,
    pub(super) reply: Reply<'a>,
    /// What was written are messages, which come also where no replies are wanted.
    pub(super) pushed: bool,
}

impl<'a> Context<'a> {
    pub(super) fn new(shared: &'a Shared, session: &'a mut Session, reply: Reply<'a>) -> Self {
        Self { shared, session, reply, pushed: false }
    }

    /// The keys and values of the host.
    #[inline]
    pub(super) fn keys(&self) -> &'a Keyspace {
        &self.shared.keys
    }

    /// A key of the client's database, as it is stored.
    #[inline]
    pub(super) fn key<'k>(&self, key: &'k [u8]) -> StoredKey<'k> {
        stored(self.session.database, key)
    }

    /// Looks keys up for a command that reads.
    #[inline]
    pub(super) fn lookup(&self) -> Lookup<'a> {
        Lookup { keys: &self.shared.keys, counted: self.session.counted }
    }

    /// A stored key was changed.
    #[inline]
    pub(super) fn changed(&mut self, key: &[u8]) {
        self.shared.watches.changed(key);
        self.tell_tiers(key);
    }

    /// A stored key has the value in the tiers from now on that it has in the cache, or none. The reply is sent when they have it.
    #[inline]
    pub(super) fn tell_tiers(&mut self, key: &[u8]) {
        if let Some(settling) = self.shared.keys.changed(key) {
            self.session.settling.push(settling);
        }
    }

    /// The tiers have no key any more.
    pub(super) fn clear_tiers(&mut self) {
        self.session.settling.extend(self.shared.keys.clear_tiers());
    }

    /// Writes `OK`.
    pub(super) fn ok(&mut self) -> Done {
        self.reply.ok();
        Ok(())
    }

    /// Writes a whole number.
    pub(super) fn integer(&mut self, number: i64) -> Done {
        self.reply.integer(number);
        Ok(())
    }

    /// Writes 1 or 0.
    pub(super) fn flag(&mut self, is: bool) -> Done {
        self.integer(i64::from(is))
    }
}

/// The bytes of a value, where they lie.
///
/// # Errors
/// It has parts.
#[inline]
pub(super) fn text(value: Found<'_>) -> Result<&[u8], Failure> {
    value.bytes().ok_or(Failure::WRONG_TYPE)
}

/// The bytes of a value, to be kept.
///
/// # Errors
/// It has parts.
pub(super) fn kept(value: Found<'_>) -> Result<Bytes, Failure> {
    value.to_bytes().ok_or(Failure::WRONG_TYPE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_of_every_database_is_stored_under_a_name_of_its_own() {
        for (database, key, as_stored) in [
            (0, &b"a"[..], &b"a"[..]),
            (0, b"", b""),
            (0, b"\0a", b"\0\0\0a"),
            (3, b"a", b"\0\x03a"),
            (3, b"\0", b"\0\x03\0"),
        ] {
            assert_eq!(&*stored(database, key), as_stored);
            assert_eq!(named(database, as_stored), Some(key));
            assert_eq!(named(database + 1, as_stored), None);
        }
    }
}
