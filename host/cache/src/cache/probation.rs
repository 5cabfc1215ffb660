//! Where entries wait that were loaded ahead of need, until somebody asks for them.
//!
//! No policy knows them. A policy orders entries by their use, and these have none: taken for newcomers they push out what
//! is used (SIEVE), or leave before their time (LIRS, which gives newcomers 1 %). So they wait here, first in first out, up
//! to a share of the capacity. What is asked for leaves for the store, and the policy is told of it as of any miss that was
//! loaded. What is not leaves when younger ones need its place. To the policy the cache is smaller by what waits, and it
//! sees the requests that it would see without any loading ahead.
//!
//! The queue keeps a line for an entry that has left otherwise, until that line is the oldest or such lines are the most.

use super::expiry::Lifetime;
use super::store::Entry;
use hashbrown::{Equivalent, HashTable};
use std::collections::VecDeque;

/// An entry that waits.
#[derive(Debug)]
pub(super) struct Waiting<K, V> {
    pub(super) hash: u64,
    pub(super) weight: u64,
    /// `None` where it has no end.
    pub(super) lifetime: Option<Lifetime>,
    pub(super) entry: Entry<K, V>,
    /// Tells this entry from an earlier one of its key.
    ticket: u64,
}

impl<K, V> Waiting<K, V> {
    pub(super) fn is_expired(&self, now: u64) -> bool {
        self.lifetime.as_ref().is_some_and(|lifetime| lifetime.is_expired(now))
    }
}

/// The entries of a shard that wait.
#[derive(Debug)]
pub(super) struct Probation<K, V> {
    table: HashTable<Waiting<K, V>>,
    /// Hash and ticket, oldest first.
    queue: VecDeque<(u64, u64)>,
    weight: u64,
    tickets: u64,
}

impl<K, V> Probation<K, V> {
    pub(super) const fn new() -> Self {
        Self { table: HashTable::new(), queue: VecDeque::new(), weight: 0, tickets: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.table.len()
    }

    /// Sum of the weights.
    pub(super) const fn weight(&self) -> u64 {
        self.weight
    }

    pub(super) fn find<Q: Equivalent<K> + ?Sized>(&self, hash: u64, key: &Q) -> Option<&Waiting<K, V>> {
        self.table.find(hash, |waiting| waiting.hash == hash && key.equivalent(&waiting.entry.key))
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Waiting<K, V>> {
        self.table.iter()
    }

    /// Adds an entry whose key does not wait.
    pub(super) fn push(&mut self, hash: u64, weight: u64, lifetime: Option<Lifetime>, entry: Entry<K, V>) {
        let ticket = self.tickets;
        self.tickets += 1;
        self.weight += weight;
        let waiting = Waiting { hash, weight, lifetime, entry, ticket };
        self.table.insert_unique(hash, waiting, |waiting| waiting.hash);
        self.queue.push_back((hash, ticket));
        if self.queue.len() / 2 > self.table.len() + 16 {
            let table = &self.table;
            self.queue.retain(|&(hash, ticket)| table.find(hash, |w| w.ticket == ticket).is_some());
        }
    }

    pub(super) fn take<Q: Equivalent<K> + ?Sized>(&mut self, hash: u64, key: &Q) -> Option<Waiting<K, V>> {
        self.remove(hash, |waiting| waiting.hash == hash && key.equivalent(&waiting.entry.key))
    }

    /// Takes the one that has waited longest.
    pub(super) fn take_oldest(&mut self) -> Option<Waiting<K, V>> {
        while let Some((hash, ticket)) = self.queue.pop_front() {
            if let Some(waiting) = self.remove(hash, |waiting| waiting.ticket == ticket) {
                return Some(waiting);
            }
        }
        None
    }

    /// Takes one whose time is over.
    pub(super) fn take_expired(&mut self, now: u64) -> Option<Waiting<K, V>> {
        let (hash, ticket) = self.iter().find(|w| w.is_expired(now)).map(|w| (w.hash, w.ticket))?;
        self.remove(hash, |waiting| waiting.ticket == ticket)
    }

    fn remove(&mut self, hash: u64, is_it: impl FnMut(&Waiting<K, V>) -> bool) -> Option<Waiting<K, V>> {
        let (waiting, _) = self.table.find_entry(hash, is_it).ok()?.remove();
        self.weight -= waiting.weight;
        Some(waiting)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn push(probation: &mut Probation<u64, u64>, key: u64, weight: u64) {
        probation.push(key, weight, None, Entry { key, value: key * 10 });
    }

    #[test]
    fn the_oldest_leaves_first_and_what_was_taken_is_passed_over() {
        let mut probation = Probation::new();
        for key in 1..=4 {
            push(&mut probation, key, key);
        }
        assert_eq!((probation.len(), probation.weight()), (4, 10));
        assert_eq!(probation.take(1, &1).map(|waiting| waiting.entry.value), Some(10));
        assert!(probation.take(1, &1).is_none() && probation.find(1, &1).is_none());
        push(&mut probation, 1, 5);
        let order: Vec<u64> = std::iter::from_fn(|| probation.take_oldest().map(|w| w.entry.key)).collect();
        assert_eq!((order, probation.weight()), (vec![2, 3, 4, 1], 0));
    }

    #[test]
    fn the_queue_is_bounded_by_what_waits() {
        let mut probation = Probation::new();
        push(&mut probation, 0, 1);
        for _ in 0..10_000 {
            push(&mut probation, 1, 1);
            probation.take(1, &1);
        }
        assert!(probation.queue.len() < 64, "{}", probation.queue.len());
        assert_eq!(probation.take_oldest().map(|waiting| waiting.entry.key), Some(0));
    }
}
