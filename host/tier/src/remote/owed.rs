//! What the server still has to be told: keys whose put or removal did not reach it for certain.
//!
//! It may have an older value of each, which must not be found again. So a key is here from the moment that its change sets out
//! ([`Change`]); one whose change did not arrive becomes due, and is a miss until the server has deleted it. There are so many of them at most; one more, and instead everything counts as older that was written up to then.

use std::collections::HashMap;

use bytes::Bytes;
use parking_lot::Mutex;

/// Keys and their bytes, at most.
const KEYS: usize = 10_000;
const BYTES: usize = 4 << 20;

#[derive(Debug, Clone, Copy)]
struct Debt {
    /// Which change of all it was.
    number: u64,
    /// Whether the server has to be told; else somebody is telling it.
    due: bool,
}

#[derive(Debug, Default)]
struct Debts {
    keys: HashMap<Bytes, Debt>,
    bytes: usize,
    next: u64,
    /// Values that were written up to here do not count, in microseconds since the UNIX epoch.
    distrusted: u64,
}

#[derive(Debug, Default)]
pub(super) struct Owed(Mutex<Debts>);

/// A change of a key that is on its way. Dropped without having arrived, it is due.
#[derive(Debug)]
pub(super) struct Change<'a> {
    owed: &'a Owed,
    key: &'a [u8],
    number: u64,
}

impl Change<'_> {
    /// The server has carried it out.
    pub(super) fn arrived(self) {
        self.owed.settle(self.key, self.number);
    }
}

impl Drop for Change<'_> {
    fn drop(&mut self) {
        if let Some(debt) =
            self.owed.0.lock().keys.get_mut(self.key).filter(|debt| debt.number == self.number)
        {
            debt.due = true;
        }
    }
}

impl Owed {
    /// A change of a key sets out, at `now` in microseconds.
    pub(super) fn begin<'a>(&'a self, key: &'a [u8], now: u64) -> Change<'a> {
        let mut debts = self.0.lock();
        let number = debts.next;
        debts.next += 1;
        if debts.keys.insert(Bytes::copy_from_slice(key), Debt { number, due: false }).is_none() {
            debts.bytes += key.len();
        }
        if debts.keys.len() > KEYS || debts.bytes > BYTES {
            debts.forget_all(now);
        }
        Change { owed: self, key, number }
    }

    /// From `now` on, in microseconds, nothing counts that was written before.
    pub(super) fn distrust(&self, now: u64) {
        self.0.lock().forget_all(now);
    }

    /// Whether a value of this key, written then, counts.
    pub(super) fn allows(&self, key: &[u8], written: u64) -> bool {
        let debts = self.0.lock();
        written > debts.distrusted && !debts.keys.contains_key(key)
    }

    pub(super) fn has(&self, key: &[u8]) -> bool {
        self.0.lock().keys.contains_key(key)
    }

    /// Up to so many keys that are due, with their numbers.
    pub(super) fn due(&self, count: usize) -> Vec<(Bytes, u64)> {
        let debts = self.0.lock();
        let due = debts.keys.iter().filter(|(_, debt)| debt.due);
        due.take(count).map(|(key, debt)| (key.clone(), debt.number)).collect()
    }

    /// The server was told of a key, unless it has changed since it had this number.
    pub(super) fn settle(&self, key: &[u8], number: u64) {
        let mut debts = self.0.lock();
        if debts.keys.get(key).is_some_and(|debt| debt.number == number) {
            debts.keys.remove(key);
            debts.bytes = debts.bytes.saturating_sub(key.len());
        }
    }

    pub(super) fn len(&self) -> usize {
        self.0.lock().keys.len()
    }
}

impl Debts {
    fn forget_all(&mut self, now: u64) {
        self.keys = HashMap::new();
        self.bytes = 0;
        self.distrusted = self.distrusted.max(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_owed_until_the_server_was_told_of_what_came_last() {
        let owed = Owed::default();
        let change = owed.begin(b"key", 5);
        assert!(!owed.allows(b"key", 9) && owed.allows(b"other", 1));
        assert!(owed.due(9).is_empty(), "it is on its way");
        drop(change);
        let due = owed.due(9);
        assert_eq!(due.len(), 1);
        drop(owed.begin(b"key", 6));
        owed.settle(b"key", due[0].1);
        assert!(owed.has(b"key"), "it has changed since");
        owed.settle(b"key", owed.due(9)[0].1);
        assert!(owed.allows(b"key", 9));
        owed.begin(b"key", 7).arrived();
        assert_eq!((owed.len(), owed.0.lock().bytes), (0, 0));
    }

    #[test]
    fn too_many_keys_make_everything_old() {
        let owed = Owed::default();
        for key in 0..=KEYS {
            drop(owed.begin(&key.to_le_bytes(), 77));
        }
        assert_eq!(owed.len(), 0);
        assert!(!owed.allows(b"any", 77) && owed.allows(b"any", 78));
    }
}
