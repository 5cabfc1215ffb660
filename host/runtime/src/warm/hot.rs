//! Which keys a run asks for most, as far as its ticks see.
//!
//! A tick looks at the access log, which keeps the last few thousand requests. Where more come between two ticks the rest are
//! not counted: the counts are those of a sample, and the request path pays nothing for them.

use host_contract::snapshot::Accesses;
use host_workload::hot::HotKeys;

use super::MOST_HOT;

/// Counts the keys of a run.
#[derive(Debug)]
pub(crate) struct Hot {
    keys: HotKeys<u64>,
    /// The first request that was not counted.
    next: u64,
}

impl Hot {
    pub(crate) fn new() -> Self {
        Self { keys: HotKeys::new(MOST_HOT), next: 0 }
    }

    /// Counts what came since the last call.
    pub(crate) fn note(&mut self, accesses: &Accesses) {
        let known = usize::try_from(self.next.saturating_sub(accesses.before)).unwrap_or(usize::MAX);
        accesses.keys.iter().skip(known).for_each(|key| self.keys.add(*key, 1));
        let count = u64::try_from(accesses.keys.len()).unwrap_or(u64::MAX);
        self.next = self.next.max(accesses.before.saturating_add(count));
    }

    /// The hottest keys, with the requests that were counted.
    pub(crate) fn hottest(self) -> Vec<(u64, u64)> {
        self.keys.hottest()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_request_counts_once_however_often_it_is_seen() {
        let seen = |before, keys: &[u64]| Accesses { before, keys: keys.to_vec(), ..Accesses::default() };
        let mut hot = Hot::new();
        hot.note(&seen(0, &[7, 7, 8]));
        hot.note(&seen(1, &[7, 8, 8, 8]));
        // Some were lost.
        hot.note(&seen(10, &[9]));
        hot.note(&seen(10, &[9]));
        assert_eq!(hot.hottest(), [(8, 3), (7, 2), (9, 1)]);
    }
}
