//! The commands that took long.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;

/// Arguments of a command that are kept, and bytes of each.
const ARGUMENTS: usize = 32;
const BYTES: usize = 128;

/// A command that took long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Slow {
    pub(crate) id: u64,
    /// When it was called, seconds since the UNIX epoch.
    pub(crate) at: u64,
    pub(crate) took: Duration,
    pub(crate) arguments: Vec<Vec<u8>>,
    pub(crate) client: String,
    pub(crate) name: String,
}

/// The latest of them.
#[derive(Debug)]
pub(crate) struct SlowLog {
    /// Microseconds; below zero: nothing is kept.
    slower: AtomicI64,
    most: AtomicUsize,
    next: AtomicU64,
    kept: Mutex<VecDeque<Slow>>,
}

impl SlowLog {
    pub(crate) fn new(slower: Option<Duration>, most: usize) -> Self {
        let slower = slower.map_or(-1, |slower| i64::try_from(slower.as_micros()).unwrap_or(i64::MAX));
        Self {
            slower: AtomicI64::new(slower),
            most: AtomicUsize::new(most),
            next: AtomicU64::new(0),
            kept: Mutex::default(),
        }
    }

    /// Microseconds above which a command is kept; below zero: none is.
    pub(crate) fn slower(&self) -> i64 {
        self.slower.load(Ordering::Relaxed)
    }

    pub(crate) fn set_slower(&self, micros: i64) {
        self.slower.store(micros, Ordering::Relaxed);
    }

    /// Entries that are kept.
    pub(crate) fn most(&self) -> usize {
        self.most.load(Ordering::Relaxed)
    }

    pub(crate) fn set_most(&self, most: usize) {
        self.most.store(most, Ordering::Relaxed);
        self.kept.lock().truncate(most);
    }

    /// Whether a command that took so long is to be kept.
    #[inline]
    pub(crate) fn wants(&self, took: Duration) -> bool {
        u128::try_from(self.slower()).is_ok_and(|slower| took.as_micros() >= slower)
    }

    /// Keeps a command that was called at this time.
    pub(crate) fn keep(
        &self,
        at: Duration,
        took: Duration,
        arguments: &[&[u8]],
        (client, name): (String, String),
    ) {
        let entry = Slow {
            id: self.next.fetch_add(1, Ordering::Relaxed),
            at: at.as_secs(),
            took,
            arguments: shortened(arguments),
            client,
            name,
        };
        let mut kept = self.kept.lock();
        kept.push_front(entry);
        kept.truncate(self.most());
    }

    /// The latest, as many as that.
    pub(crate) fn latest(&self, count: usize) -> Vec<Slow> {
        self.kept.lock().iter().take(count).cloned().collect()
    }

    pub(crate) fn len(&self) -> usize {
        self.kept.lock().len()
    }

    pub(crate) fn reset(&self) {
        self.kept.lock().clear();
    }
}

fn shortened(arguments: &[&[u8]]) -> Vec<Vec<u8>> {
    let shown = if arguments.len() > ARGUMENTS { ARGUMENTS - 1 } else { arguments.len() };
    let mut kept: Vec<Vec<u8>> = arguments.iter().take(shown).map(|argument| cut(argument)).collect();
    if shown < arguments.len() {
        kept.push(format!("... ({} more arguments)", arguments.len() - shown).into_bytes());
    }
    kept
}

fn cut(argument: &[u8]) -> Vec<u8> {
    match argument.get(..BYTES) {
        Some(begin) if argument.len() > BYTES => {
            let mut cut = begin.to_vec();
            cut.extend(format!("... ({} more bytes)", argument.len() - BYTES).into_bytes());
            cut
        }
        _ => argument.to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_took_long_is_kept_in_short() {
        let log = SlowLog::new(Some(Duration::from_micros(100)), 2);
        assert!(log.wants(Duration::from_micros(100)) && !log.wants(Duration::from_micros(99)));
        let long = [b'x'; 200];
        let arguments = [&long[..]; 40];
        for _ in 0..3 {
            log.keep(Duration::from_secs(7), Duration::from_secs(1), &arguments, Default::default());
        }
        let kept = log.latest(10);
        assert_eq!((kept.len(), log.len(), kept[0].id, kept[0].at), (2, 2, 2, 7));
        assert_eq!(kept[0].arguments.len(), 32);
        assert!(kept[0].arguments[0].ends_with(b"... (72 more bytes)"));
        assert_eq!(kept[0].arguments[31], b"... (9 more arguments)");
        log.set_slower(-1);
        assert!(!log.wants(Duration::MAX));
        log.reset();
        assert_eq!(log.len(), 0);
    }
}
