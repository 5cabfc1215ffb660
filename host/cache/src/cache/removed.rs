//! Entries that left the cache, on their way to the listener, outside of all locks.

use super::Cause;
use super::store::Entry;

/// Entries that left the cache, or were refused, and still have to be reported and dropped.
///
/// The first needs no allocation: an insert into a full cache usually evicts one entry.
#[derive(Debug)]
pub(super) struct Removed<K, V> {
    first: Option<(Entry<K, V>, Cause)>,
    rest: Vec<(Entry<K, V>, Cause)>,
}

impl<K, V> Removed<K, V> {
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
