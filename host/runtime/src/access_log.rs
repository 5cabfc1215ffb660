//! The most recent requests, for strategies that look at keys.
//!
//! A ring of atomics: a request takes the next position, writes its key there, and later adds its size and whether it
//! hit. Nobody waits for anybody. A reader checks the position that every slot carries before and after it reads the
//! key, so that a slot that was overwritten meanwhile counts as lost instead of giving a wrong key. Only a request that
//! stands still between two of its stores while [`KEPT`] others arrive can leave a key under another's position.

use std::sync::atomic::{AtomicU64, Ordering, fence};

use host_contract::snapshot::Accesses;

/// Requests that are kept.
pub(crate) const KEPT: u64 = 4_096;

/// Low 31 bits of the position, above the size and the state of a slot.
const TAG: u32 = 33;
const HIT: u64 = 1 << 32;

/// A request's place in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Position(u64);

#[derive(Debug, Default)]
struct Slot {
    key: AtomicU64,
    /// From the top: 31 bits of the position plus one, so that 0 is an empty slot; one bit for a hit; 32 bits of size, 0
    /// until it is known.
    rest: AtomicU64,
}

/// The ring.
#[derive(Debug)]
pub(crate) struct AccessLog {
    slots: Box<[Slot]>,
    next: AtomicU64,
}

impl Default for AccessLog {
    fn default() -> Self {
        Self { slots: (0..KEPT).map(|_| Slot::default()).collect(), next: AtomicU64::new(0) }
    }
}

/// A request that was served.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Access {
    pub(crate) key: u64,
    pub(crate) size: u32,
    pub(crate) hit: bool,
}

fn tag(position: u64) -> u64 {
    position.wrapping_add(1) << TAG
}

fn state(size: u32, hit: bool) -> u64 {
    u64::from(size) | if hit { HIT } else { 0 }
}

/// The part of `known` from the position `first` on up to a request that was not served yet; with room for the rest.
fn known_since(first: u64, known: &Accesses) -> Accesses {
    let room = usize::try_from(KEPT).unwrap_or(0);
    let mut since = Accesses {
        before: first,
        keys: Vec::with_capacity(room),
        sizes: Vec::with_capacity(room),
        hits: Vec::with_capacity(room),
    };
    let skip = first.checked_sub(known.before).and_then(|skip| usize::try_from(skip).ok());
    let Some(sizes) = skip.and_then(|skip| known.sizes.get(skip..)) else { return since };
    let served = sizes.iter().position(|&size| size == 0).unwrap_or(sizes.len());
    let skip = skip.unwrap_or(0);
    let range = skip..skip + served;
    since.sizes.extend_from_slice(sizes.get(..served).unwrap_or_default());
    since.keys.extend_from_slice(known.keys.get(range.clone()).unwrap_or_default());
    since.hits.extend_from_slice(known.hits.get(range).unwrap_or_default());
    since
}

impl AccessLog {
    fn slot(&self, position: u64) -> Option<&Slot> {
        self.slots.get(usize::try_from(position % KEPT).ok()?)
    }

    /// A request for `key` has arrived.
    pub(crate) fn arrived(&self, key: u64) -> Position {
        let position = self.next.fetch_add(1, Ordering::Relaxed);
        self.enter(position, key, tag(position));
        Position(position)
    }

    #[inline]
    fn enter(&self, position: u64, key: u64, rest: u64) {
        if let Some(slot) = self.slot(position) {
            slot.rest.store(0, Ordering::Relaxed);
            // A reader that sees the new key also sees that the slot was emptied.
            fence(Ordering::Release);
            slot.key.store(key, Ordering::Relaxed);
            slot.rest.store(rest, Ordering::Release);
        }
    }

    /// The request was served.
    pub(crate) fn served(&self, at: Position, size: u32, hit: bool) {
        let Some(slot) = self.slot(at.0) else { return };
        let waiting = tag(at.0);
        let served = waiting | state(size, hit);
        // It fails where the slot has gone to a later request: then nobody can ask for this one any more.
        let _overwritten =
            slot.rest.compare_exchange(waiting, served, Ordering::Release, Ordering::Relaxed).is_err();
    }

    /// A request has arrived and was served: for who does both at once.
    #[inline]
    pub(crate) fn passed(&self, key: u64, size: u32, hit: bool) {
        let position = self.next.fetch_add(1, Ordering::Relaxed);
        self.enter(position, key, tag(position) | state(size, hit));
    }

    /// These requests have arrived and were served: for who serves one at a time and need not tell of each.
    pub(crate) fn append(&self, requests: &[Access]) {
        let count = u64::try_from(requests.len()).unwrap_or(u64::MAX);
        let first = self.next.fetch_add(count, Ordering::Relaxed);
        for (position, &Access { key, size, hit }) in (first..).zip(requests) {
            self.enter(position, key, tag(position) | state(size, hit));
        }
    }

    /// The last [`KEPT`] requests, oldest first. A request that is just arriving ends the list. What was served when
    /// `known` was read is taken from there.
    pub(crate) fn recent(&self, known: &Accesses) -> Accesses {
        let next = self.next.load(Ordering::Acquire);
        let first = next.saturating_sub(KEPT);
        let mut recent = known_since(first, known);
        let known = u64::try_from(recent.keys.len()).unwrap_or(0);
        for position in first.saturating_add(known)..next {
            match self.read(position) {
                Some((key, size, hit)) => {
                    recent.keys.push(key);
                    recent.sizes.push(size);
                    recent.hits.push(u8::from(hit));
                }
                // Overwritten while we were reading: what came before it was, too.
                None if recent.keys.is_empty() => recent.before = position + 1,
                None => break,
            }
        }
        recent
    }

    fn read(&self, position: u64) -> Option<(u64, u32, bool)> {
        let slot = self.slot(position)?;
        let before = slot.rest.load(Ordering::Acquire);
        let key = slot.key.load(Ordering::Relaxed);
        fence(Ordering::Acquire);
        let after = slot.rest.load(Ordering::Relaxed);
        let ours = |rest: u64| rest >> TAG == tag(position) >> TAG && rest != 0;
        if !ours(before) || !ours(after) {
            return None;
        }
        Some((key, u32::try_from(after & u64::from(u32::MAX)).ok()?, after & HIT != 0))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn the_last_requests_come_back_oldest_first() {
        let log = AccessLog::default();
        let none = Accesses::default();
        assert!(log.recent(&none).keys.is_empty());
        for key in 0..5_000 {
            let at = log.arrived(key);
            log.served(at, u32::try_from(key).unwrap() + 1, key % 2 == 0);
        }
        let recent = log.recent(&none);
        assert_eq!((recent.before, recent.keys.len()), (904, 4_096));
        assert_eq!((recent.keys[0], recent.sizes[0], recent.hits[0]), (904, 905, 1));
        assert_eq!((recent.keys[4_095], recent.hits[4_095]), (4_999, 0));
    }

    #[test]
    fn a_request_under_way_has_no_size_yet_and_a_late_answer_harms_no_other() {
        let log = AccessLog::default();
        let late = log.arrived(7);
        let known = log.recent(&Accesses::default());
        assert_eq!((&known.keys, &known.sizes), (&vec![7], &vec![0]));
        for key in 0..KEPT {
            log.arrived(100 + key);
        }
        log.served(late, 9, true);
        let recent = log.recent(&known);
        assert_eq!((recent.before, recent.keys[4_095], recent.sizes[4_095]), (1, 100 + KEPT - 1, 0));
    }

    #[test]
    fn what_was_known_and_what_was_not_make_one_list() {
        let log = AccessLog::default();
        let mut known = Accesses::default();
        let mut late = None;
        for round in 0..40_u64 {
            let some: Vec<Access> =
                (0..500).map(|n| Access { key: round * 1_000 + n, size: 3, hit: n % 3 == 0 }).collect();
            if round % 2 == 0 {
                log.append(&some);
            } else {
                some.iter().for_each(|access| log.passed(access.key, access.size, access.hit));
            }
            if round == 20 {
                late = Some(log.arrived(77));
            }
            if let Some(late) = late.filter(|_| round == 23) {
                log.served(late, 5, true);
            }
            let fresh = log.recent(&Accesses::default());
            let recent = log.recent(&known);
            assert_eq!((recent.before, &recent.keys), (fresh.before, &fresh.keys));
            assert_eq!((&recent.sizes, &recent.hits), (&fresh.sizes, &fresh.hits));
            known = recent;
        }
        assert_eq!((known.keys[4_095], known.sizes[4_095], known.hits[4_095]), (39_499, 3, 0));
    }

    #[test]
    fn threads_never_give_a_key_that_nobody_asked_for() {
        let log = Arc::new(AccessLog::default());
        let writers: Vec<_> = (1..=2_u64)
            .map(|thread| {
                let log = Arc::clone(&log);
                std::thread::spawn(move || {
                    for n in 0..50_000 {
                        let at = log.arrived(thread << 32 | n);
                        log.served(at, u32::try_from(thread).unwrap(), true);
                    }
                })
            })
            .collect();
        let mut known = Accesses::default();
        while !writers.iter().all(std::thread::JoinHandle::is_finished) {
            let recent = log.recent(&known);
            for (key, size) in recent.keys.iter().zip(&recent.sizes) {
                assert!(matches!(key >> 32, 1 | 2), "{key:x}");
                assert!(*size == 0 || u64::from(*size) == key >> 32, "{key:x} with size {size}");
            }
            known = recent;
        }
        for writer in writers {
            writer.join().unwrap();
        }
        assert_eq!(log.recent(&known).keys, log.recent(&Accesses::default()).keys);
        assert_eq!(log.recent(&known).keys.len(), 4_096);
    }
}
