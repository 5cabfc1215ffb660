//! Passes over the entries of a shard, whole or in pieces. Lookups go on meanwhile, changes wait.

use super::super::Present;
use super::super::expiry::Expiry;
use super::super::probation::{Probation, Waiting};
use super::super::scan::{Batch, Passed, below};
use super::super::store::Entry;
use super::Shard;
use host_contract::split_mix::mix;
use host_policy::Slot;

/// How often a place without an entry may be drawn before the next entry is taken that there is.
const DRAWS: u64 = 64;

impl<K, V> Shard<K, V> {
    /// Shows every entry that is not over its time.
    pub(in super::super) fn for_each(&self, expiry: &Expiry, visit: &mut impl FnMut(&K, &V)) {
        let mut guard = self.lock.order();
        let (_, store) = guard.parts();
        let now = if store.has_lifetimes() { expiry.now() } else { 0 };
        for (slot, Entry { key, value }) in store.entries() {
            if !store.is_expired(slot, now) {
                visit(key, value);
            }
        }
        for waiting in store.probation().into_iter().flat_map(Probation::iter) {
            if !is_over(waiting, expiry) {
                visit(&waiting.entry.key, &waiting.entry.value);
            }
        }
    }

    /// Shows the entries from a hash on that are not over their time, those of one group of the table at least and then as far
    /// as `batch` says.
    ///
    /// What waits on probation is shown first of all. It may leave for the table before the scan comes by; nothing goes
    /// the other way.
    pub(in super::super) fn scan(
        &self,
        from: u32,
        batch: Batch,
        expiry: &Expiry,
        visit: &mut impl FnMut(&K, Present<'_, V>),
    ) -> Passed {
        let mut guard = self.lock.order();
        let (_, store) = guard.parts();
        let mut visited = 0;
        if from == 0 {
            for waiting in store.probation().into_iter().flat_map(Probation::iter) {
                if !is_over(waiting, expiry) {
                    visited += 1;
                    visit(&waiting.entry.key, waiting.present());
                }
            }
        }
        let now = if store.has_lifetimes() { expiry.now() } else { 0 };
        let mut passed = Passed { next: Some(from), groups: 0 };
        while let Some(hash) = passed.next
            && passed.groups < batch.groups
            && (passed.groups == 0 || visited < batch.count)
        {
            passed.next = store.visit_group(hash, |slot, Entry { key, value }| {
                if !store.is_expired(slot, now) {
                    visited += 1;
                    visit(key, Present::new(value, store.lifetime(slot)));
                }
            });
            passed.groups += 1;
        }
        passed
    }

    /// Lets `read` see an entry that is not over its time, about each as likely; gives it back where there is none.
    pub(in super::super) fn random<R, F: FnOnce(&K, Present<'_, V>) -> R>(
        &self,
        random: u64,
        expiry: &Expiry,
        read: F,
    ) -> Result<R, F> {
        let mut guard = self.lock.order();
        let (_, store) = guard.parts();
        let now = if store.has_lifetimes() { expiry.now() } else { 0 };
        // Slots have the first numbers, and places of probation the others.
        let slots = u64::from(store.slot_count());
        let waiting = store.probation().map_or(0, Probation::numbers);
        let numbers = slots + u64::try_from(waiting).unwrap_or(0);
        let numbered = |number: u64| {
            let Some(waiting) = number.checked_sub(slots) else {
                let slot = Slot(u32::try_from(number).ok()?);
                let Entry { key, value } = store.entry(slot).filter(|_| !store.is_expired(slot, now))?;
                return Some((key, Present::new(value, store.lifetime(slot))));
            };
            let waiting = store.probation()?.numbered(usize::try_from(waiting).ok()?)?;
            (!is_over(waiting, expiry)).then(|| (&waiting.entry.key, waiting.present()))
        };
        let drawn = (0..DRAWS).map(|draw| below(mix(random.wrapping_add(draw)), numbers));
        let first = below(mix(random), numbers);
        let in_turn = (first..numbers).chain(0..first);
        match drawn.chain(in_turn).find_map(numbered) {
            Some((key, present)) => Ok(read(key, present)),
            None => Err(read),
        }
    }
}

/// The clock is read for an entry with a lifetime alone.
fn is_over<K, V>(waiting: &Waiting<K, V>, expiry: &Expiry) -> bool {
    waiting.lifetime.is_some() && waiting.is_expired(expiry.now())
}
