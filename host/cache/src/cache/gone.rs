//! Entries on their way in and out, outside of all locks.

use super::Cause;
use super::expiry::Lifetime;
use super::store::Entry;

/// An entry to be stored.
#[derive(Debug)]
pub(super) struct Incoming<K, V> {
    pub(super) hash: u64,
    pub(super) weight: u64,
    /// `None` where it has no end.
    pub(super) lifetime: Option<Lifetime>,
    pub(super) entry: Entry<K, V>,
}

/// Entries that left the cache and still have to be reported and dropped.
///
/// The first needs no allocation: an insert into a full cache usually evicts one entry.
#[derive(Debug)]
pub(super) struct Gone<K, V> {
    first: Option<(Entry<K, V>, Cause)>,
    rest: Vec<(Entry<K, V>, Cause)>,
}

impl<K, V> Gone<K, V> {
    pub(super) const fn new() -> Self {
        Self { first: None, rest: Vec::new() }
    }

    #[inline]
    pub(super) fn push(&mut self, entry: Entry<K, V>, cause: Cause) {
        if self.first.is_none() {
            self.first = Some((entry, cause));
        } else {
            self.rest.push((entry, cause));
        }
    }

    #[inline]
    pub(super) fn extend(&mut self, entry: Option<Entry<K, V>>, cause: Cause) {
        if let Some(entry) = entry {
            self.push(entry, cause);
        }
    }

    pub(super) fn into_iter(self) -> impl Iterator<Item = (Entry<K, V>, Cause)> {
        self.first.into_iter().chain(self.rest)
    }
}
