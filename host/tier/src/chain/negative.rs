//! Keys that no tier had, remembered for a while, so that none is asked for them again.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use parking_lot::Mutex;

#[derive(Debug, Default)]
struct Hashes {
    /// By hash, until when.
    until: HashMap<u64, Duration>,
    /// Oldest first; those that are gone stay until their turn.
    order: VecDeque<u64>,
}

#[derive(Debug)]
pub(super) struct Negative {
    hashes: Mutex<Hashes>,
    keys: usize,
    lifetime: Duration,
}

impl Negative {
    pub(super) fn new(keys: usize, lifetime: Duration) -> Self {
        Self { hashes: Mutex::default(), keys, lifetime }
    }

    /// Notes that no tier has it, unless `changed` says that this is old already; it is asked under the lock that [`forget`](Self::forget) takes.
    pub(super) fn add(&self, hash: u64, now: Duration, changed: impl FnOnce() -> bool) {
        let mut hashes = self.hashes.lock();
        if changed() {
            return;
        }
        hashes.until.insert(hash, now.saturating_add(self.lifetime));
        hashes.order.push_back(hash);
        while hashes.order.len() > self.keys {
            if let Some(oldest) = hashes.order.pop_front() {
                hashes.until.remove(&oldest);
            }
        }
    }

    pub(super) fn forget(&self, hash: u64) {
        self.hashes.lock().until.remove(&hash);
    }

    pub(super) fn clear(&self) {
        *self.hashes.lock() = Hashes::default();
    }

    pub(super) fn has(&self, hash: u64, now: Duration) -> bool {
        self.hashes.lock().until.get(&hash).is_some_and(|until| *until > now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_remembered_for_its_time_within_the_number_of_keys() {
        let at = Duration::from_secs;
        let negative = Negative::new(2, at(5));
        negative.add(1, at(0), || false);
        negative.add(9, at(0), || true);
        assert_eq!(
            (negative.has(1, at(4)), negative.has(1, at(5)), negative.has(9, at(0))),
            (true, false, false)
        );
        negative.add(2, at(1), || false);
        negative.add(3, at(1), || false);
        assert_eq!([1, 2, 3].map(|hash| negative.has(hash, at(2))), [false, true, true]);
        negative.forget(2);
        assert!(!negative.has(2, at(2)));
        negative.clear();
        assert!(!negative.has(3, at(2)));
    }
}
