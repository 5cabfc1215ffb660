//! Refresh-ahead: an entry that is asked for near the end of its life is loaded again before it is over.
//!
//! Whoever asks has the value that is there and waits for nothing. Without it a popular entry is a miss each time that its
//! life ends. What nobody asks for near its end is not loaded.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;

use crate::key::Key;

/// Entries that are loaded again at once: what comes beyond that is loaded at a later request.
const AT_ONCE: usize = 64;

/// Which entries are loaded again, and which of these loads are under way.
#[derive(Debug, Default)]
pub(crate) struct Refresh {
    /// The share of its time to live, as bits of a float.
    share: AtomicU64,
    under_way: Mutex<HashSet<Key>>,
    done: AtomicU64,
}

/// A load that is under way. It ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Refreshing {
    of: Arc<Refresh>,
    key: Key,
}

impl Refresh {
    /// The share of its time to live below which an entry is loaded again; 0 for never.
    #[inline]
    pub(crate) fn share(&self) -> f64 {
        f64::from_bits(self.share.load(Ordering::Relaxed))
    }

    /// Sets the share. Holds from the next request on.
    pub(crate) fn set_share(&self, share: f64) {
        self.share.store(share.to_bits(), Ordering::Relaxed);
    }

    /// Begins to load an entry again that has `left` of its `life`; none where it is too early, or under way.
    pub(crate) fn begin(this: &Arc<Self>, key: &Key, left: Duration, life: Duration) -> Option<Refreshing> {
        if left.as_secs_f64() > this.share() * life.as_secs_f64() {
            return None;
        }
        let mut under_way = this.under_way.lock();
        let begins = under_way.len() < AT_ONCE && under_way.insert(key.clone());
        begins.then(|| Refreshing { of: Arc::clone(this), key: key.clone() })
    }

    /// Entries that were loaded again since the last call.
    pub(crate) fn take_done(&self) -> u64 {
        self.done.swap(0, Ordering::Relaxed)
    }
}

impl Refreshing {
    /// The entry was loaded again.
    pub(crate) fn done(&self) {
        self.of.done.fetch_add(1, Ordering::Relaxed);
    }

    /// Its key.
    pub(crate) fn key(&self) -> &Key {
        &self.key
    }
}

impl Drop for Refreshing {
    fn drop(&mut self) {
        self.of.under_way.lock().remove(&self.key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIFE: Duration = Duration::from_secs(100);

    fn left(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn an_entry_is_loaded_again_near_its_end_and_once_at_a_time() {
        let refresh = Arc::<Refresh>::default();
        assert!(Refresh::begin(&refresh, &Key::Number(1), left(1), LIFE).is_none(), "never, at first");
        refresh.set_share(0.25);
        assert!(Refresh::begin(&refresh, &Key::Number(1), left(26), LIFE).is_none(), "too early");
        let first = Refresh::begin(&refresh, &Key::Number(1), left(25), LIFE).unwrap();
        assert!(Refresh::begin(&refresh, &Key::Number(1), left(5), LIFE).is_none(), "under way");
        assert!(Refresh::begin(&refresh, &Key::Number(2), left(5), LIFE).is_some());
        first.done();
        drop(first);
        assert!(Refresh::begin(&refresh, &Key::Number(1), left(5), LIFE).is_some());
        assert_eq!((refresh.take_done(), refresh.take_done()), (1, 0));
    }

    #[test]
    fn no_more_than_some_are_loaded_at_once() {
        let refresh = Arc::<Refresh>::default();
        refresh.set_share(0.5);
        let begin = |number| Refresh::begin(&refresh, &Key::Number(number), left(1), LIFE);
        let begun: Vec<_> = (0..100).filter_map(begin).collect();
        assert_eq!(begun.len(), AT_ONCE);
        drop(begun);
        assert!(begin(200).is_some());
    }
}
