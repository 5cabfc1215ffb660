//! Entries that left the cache, on their way to the listeners, outside of all locks.

use super::Cause;
use super::store::Entry;
use std::time::Duration;

/// An entry that left the cache, or was refused.
#[derive(Debug)]
pub(super) struct Gone<K, V> {
    pub(super) entry: Entry<K, V>,
    pub(super) cause: Cause,
    /// Of one that was evicted, the end of its time to live.
    pub(super) until: Option<Duration>,
}

/// Entries that left the cache, or were refused, and still have to be reported and dropped.
///
/// The first needs no allocation: an insert into a full cache usually evicts one entry.
#[derive(Debug)]
pub(super) struct Removed<K, V> {
    first: Option<Gone<K, V>>,
    rest: Vec<Gone<K, V>>,
}

impl<K, V> Removed<K, V> {
    pub(super) const fn new() -> Self {
        Self { first: None, rest: Vec::new() }
    }

    #[inline]
    pub(super) fn push(&mut self, entry: Entry<K, V>, cause: Cause) {
        self.add(Gone { entry, cause, until: None });
    }

    /// The policy chose this one, which would have lived until then.
    #[inline]
    pub(super) fn push_evicted(&mut self, entry: Entry<K, V>, until: Option<Duration>) {
        self.add(Gone { entry, cause: Cause::Evicted, until });
    }

    #[inline]
    fn add(&mut self, gone: Gone<K, V>) {
        if self.first.is_none() {
            self.first = Some(gone);
        } else {
            self.rest.push(gone);
        }
    }

    #[inline]
    pub(super) fn extend(&mut self, entry: Option<Entry<K, V>>, cause: Cause) {
        if let Some(entry) = entry {
            self.push(entry, cause);
        }
    }

    pub(super) fn into_iter(self) -> impl Iterator<Item = Gone<K, V>> {
        self.first.into_iter().chain(self.rest)
    }
}
