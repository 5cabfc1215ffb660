//! Keys that transactions watch.
//!
//! Whoever changes a key tells; where nobody watches, that costs one look at a counter.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use parking_lot::Mutex;

/// Set once a watched key was changed.
pub(crate) type Mark = Arc<AtomicBool>;

/// All keys that are watched, and by whom.
#[derive(Debug, Default)]
pub(crate) struct Watches {
    watched: AtomicUsize,
    marks: Mutex<HashMap<Box<[u8]>, Vec<Mark>>>,
}

impl Watches {
    /// `mark` is set when `key` is changed from here on.
    pub(crate) fn watch(&self, key: &[u8], mark: &Mark) {
        let mut marks = self.marks.lock();
        marks.entry(key.into()).or_default().push(Arc::clone(mark));
        self.watched.store(marks.len(), Ordering::SeqCst);
    }

    /// `mark` has nothing to do with these keys any more.
    pub(crate) fn unwatch<'a>(&self, keys: impl IntoIterator<Item = &'a [u8]>, mark: &Mark) {
        let mut marks = self.marks.lock();
        for key in keys {
            if let Some(of_key) = marks.get_mut(key) {
                of_key.retain(|other| !Arc::ptr_eq(other, mark));
                if of_key.is_empty() {
                    marks.remove(key);
                }
            }
        }
        self.watched.store(marks.len(), Ordering::SeqCst);
    }

    /// `key` was changed.
    #[inline]
    pub(crate) fn changed(&self, key: &[u8]) {
        if self.watched.load(Ordering::SeqCst) > 0 {
            self.mark(key);
        }
    }

    #[cold]
    fn mark(&self, key: &[u8]) {
        for mark in self.marks.lock().get(key).into_iter().flatten() {
            mark.store(true, Ordering::SeqCst);
        }
    }

    /// Every key for which `was` holds was changed.
    pub(crate) fn all_changed(&self, was: impl Fn(&[u8]) -> bool) {
        if self.watched.load(Ordering::SeqCst) > 0 {
            for (_, marks) in self.marks.lock().iter().filter(|(key, _)| was(key)) {
                marks.iter().for_each(|mark| mark.store(true, Ordering::SeqCst));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_watches_is_told_and_who_does_not_is_not() {
        let watches = Watches::default();
        let (one, other) = (Mark::default(), Mark::default());
        watches.watch(b"a", &one);
        watches.watch(b"a", &other);
        watches.unwatch([&b"a"[..], b"never"], &other);
        watches.changed(b"b");
        assert!(!one.load(Ordering::SeqCst));
        watches.changed(b"a");
        assert!(one.load(Ordering::SeqCst) && !other.load(Ordering::SeqCst));
        watches.unwatch([&b"a"[..]], &one);
        assert_eq!(watches.watched.load(Ordering::SeqCst), 0);
    }
}
