//! The requests that a tick shows, as far as they are others than those that the tick before showed.

use host_contract::snapshot::Accesses;
use serde::{Deserialize, Serialize};

/// The requests of a tick: those of the tick before from `kept` on, up to `from`, and then these.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Requests {
    /// The tick.
    pub tick: u64,
    /// Position of the oldest request that is shown, from 0 at the start of the run.
    pub kept: u64,
    /// Position of the first request listed here.
    pub from: u64,
    /// Keys.
    pub keys: Vec<u64>,
    /// Sizes in the unit of the capacity; 0 where it is not known.
    pub sizes: Vec<u32>,
    /// 1 for a request that caused no load of its own, 0 for one that had to load.
    pub hits: Vec<u8>,
}

impl Requests {
    /// What leads from what the tick before showed to what this one shows.
    #[must_use]
    pub fn between(before: &Accesses, now: &Accesses, tick: u64) -> Self {
        let position = |at: u64| usize::try_from(at).unwrap_or(usize::MAX);
        let skipped = position(now.before.saturating_sub(before.before));
        let known = rows(before).skip(skipped);
        // A hole at the begin cannot be told from what was not kept.
        let same = if now.before < before.before {
            0
        } else {
            rows(now).zip(known).take_while(|(a, b)| a == b).count()
        };
        Self {
            tick,
            kept: now.before,
            from: now.before.saturating_add(u64::try_from(same).unwrap_or(u64::MAX)),
            keys: now.keys.iter().skip(same).copied().collect(),
            sizes: now.sizes.iter().skip(same).copied().collect(),
            hits: now.hits.iter().skip(same).copied().collect(),
        }
    }

    /// What this tick shows, from what the one before showed.
    ///
    /// # Errors
    /// What of it cannot be: it does not go on from there, or its lists are of different lengths.
    pub fn after(&self, before: &Accesses) -> Result<Accesses, String> {
        let Self { kept, from, keys, sizes, hits, .. } = self;
        if keys.len() != sizes.len() || keys.len() != hits.len() {
            return Err(format!("{} `keys`, {} `sizes` and {} `hits`", keys.len(), sizes.len(), hits.len()));
        }
        let taken = from.checked_sub(*kept).and_then(|taken| usize::try_from(taken).ok());
        let skipped = kept.checked_sub(before.before).and_then(|skipped| usize::try_from(skipped).ok());
        let mut now = Accesses { before: *kept, ..Accesses::default() };
        if let (Some(taken @ 1..), Some(skipped)) = (taken, skipped) {
            now.keys.extend(before.keys.iter().skip(skipped).take(taken));
            now.sizes.extend(before.sizes.iter().skip(skipped).take(taken));
            now.hits.extend(before.hits.iter().skip(skipped).take(taken));
        }
        if taken != Some(now.keys.len()) {
            return Err(format!("`from` {from} does not go on from the requests of the record before"));
        }
        now.keys.extend(keys);
        now.sizes.extend(sizes);
        now.hits.extend(hits);
        Ok(now)
    }
}

/// Request by request.
fn rows(of: &Accesses) -> impl Iterator<Item = (&u64, &u32, &u8)> {
    of.keys.iter().zip(&of.sizes).zip(&of.hits).map(|((key, size), hit)| (key, size, hit))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The requests from one position to another, of which the last is not served yet.
    fn shown(first: u64, end: u64) -> Accesses {
        let keys: Vec<u64> = (first..end).map(|at| at * at % 97).collect();
        let mut sizes = vec![10; keys.len()];
        if let Some(last) = sizes.last_mut() {
            *last = 0;
        }
        Accesses { before: first, hits: vec![1; keys.len()], keys, sizes }
    }

    #[test]
    fn what_leads_from_tick_to_tick_gives_back_what_each_showed() {
        let mut before = Accesses::default();
        for (tick, (first, end)) in (1..).zip([(0, 3), (0, 8), (5, 12), (20, 24), (20, 24), (24, 24)]) {
            let now = shown(first, end);
            let requests = Requests::between(&before, &now, tick);
            let read = requests.after(&before).unwrap();
            assert_eq!(format!("{read:?}"), format!("{now:?}"), "tick {tick}");
            before = read;
        }
        let requests = Requests::between(&shown(0, 8), &shown(2, 9), 1);
        assert_eq!(
            (requests.from, requests.keys.len()),
            (7, 2),
            "what was served in between, and what is new"
        );
    }

    #[test]
    fn what_cannot_be_is_told() {
        let before = shown(0, 4);
        let requests = Requests::between(&before, &shown(1, 6), 2);
        let error = Requests { from: 9, ..requests.clone() }.after(&before).unwrap_err();
        assert!(error.contains("`from` 9 does not go on"), "{error}");
        let error = Requests { sizes: vec![1], ..requests.clone() }.after(&before).unwrap_err();
        assert!(error.contains("3 `keys`, 1 `sizes` and 3 `hits`"), "{error}");
        assert!(requests.after(&Accesses::default()).is_err());
        // A position that no list could have.
        let far = Requests { from: u64::MAX, kept: 0, ..requests };
        assert!(far.after(&before).is_err());
    }
}
