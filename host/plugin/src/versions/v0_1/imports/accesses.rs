//! The `accesses` interface: the requests since a cursor.
//!
//! A cursor is the number of requests since the start of the run, so that it needs no state here: two calls with one
//! cursor give the same answer within a tick.

use host_contract::snapshot::Accesses;

use super::last;
use crate::store_data::StoreData;
use crate::versions::v0_1::bindings::optimizer::plugin::accesses;

/// Most requests answered at once, as `wit/accesses.wit` says.
const MAX_ACCESSES: usize = 4096;

impl accesses::Host for StoreData {
    fn since(&mut self, cursor: u64, max: u32) -> wasmtime::Result<accesses::AccessBatch> {
        let batch = since(&self.snapshot.accesses, cursor, max);
        self.charge(3 * batch.keys.len())?;
        Ok(batch)
    }

    fn recent(&mut self, max: u32) -> wasmtime::Result<Vec<u64>> {
        let keys = last(&self.snapshot.accesses.keys, max, MAX_ACCESSES);
        self.charge(keys.len())?;
        Ok(keys)
    }
}

fn since(kept: &Accesses, cursor: u64, max: u32) -> accesses::AccessBatch {
    let most = usize::try_from(max).unwrap_or(usize::MAX).min(MAX_ACCESSES);
    let end = kept.before.saturating_add(length(&kept.keys));
    // A cursor beyond the end was not one of ours: it waits there until the run has come as far.
    let lost = kept.before.saturating_sub(cursor);
    let skipped = usize::try_from(cursor.saturating_sub(kept.before)).unwrap_or(usize::MAX);
    let keys: Vec<u64> = kept.keys.iter().skip(skipped).take(most).copied().collect();
    let next = if cursor > end { cursor } else { cursor + lost + length(&keys) };
    accesses::AccessBatch {
        next,
        lost,
        sizes: kept.sizes.iter().skip(skipped).take(most).copied().collect(),
        hits: kept.hits.iter().skip(skipped).take(most).copied().collect(),
        keys,
    }
}

fn length(keys: &[u64]) -> u64 {
    u64::try_from(keys.len()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of requests for the keys 0, 1, 2 and so on, those from 10 to 19 are kept.
    fn kept() -> Accesses {
        let keys: Vec<u64> = (10..20).collect();
        let sizes = (110..120).collect();
        let hits = keys.iter().map(|key| u8::from(key % 2 == 0)).collect();
        Accesses { before: 10, keys, sizes, hits }
    }

    fn answer(cursor: u64, max: u32) -> (u64, u64, Vec<u64>) {
        let batch = since(&kept(), cursor, max);
        assert_eq!((batch.keys.len(), batch.keys.len()), (batch.sizes.len(), batch.hits.len()));
        (batch.next, batch.lost, batch.keys)
    }

    #[test]
    fn a_reader_that_follows_the_cursor_sees_every_request_once() {
        assert_eq!(answer(10, 4), (14, 0, vec![10, 11, 12, 13]));
        assert_eq!(answer(14, 100), (20, 0, vec![14, 15, 16, 17, 18, 19]));
        assert_eq!(answer(20, 100), (20, 0, Vec::new()));
        let batch = since(&kept(), 12, 1);
        assert_eq!((batch.keys, batch.sizes, batch.hits), (vec![12], vec![112], vec![1]));
    }

    #[test]
    fn what_was_not_kept_is_counted() {
        assert_eq!(answer(0, 2), (12, 10, vec![10, 11]));
        assert_eq!(answer(7, 0), (10, 3, Vec::new()));
    }

    #[test]
    fn a_cursor_from_nowhere_gets_nothing() {
        assert_eq!(answer(1_000, 5), (1_000, 0, Vec::new()));
        assert_eq!(answer(u64::MAX, 5), (u64::MAX, 0, Vec::new()));
        assert_eq!(since(&Accesses::default(), 0, 5).next, 0);
    }
}
