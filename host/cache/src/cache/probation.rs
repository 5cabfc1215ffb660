//! Where entries wait that were loaded ahead of need, until somebody asks for them.
//!
//! No policy knows them. A policy orders entries by their use, and these have none: taken for newcomers they push out what
//! is used (SIEVE), or leave before their time (LIRS, which gives newcomers 1 %). So they wait here, first in first out, up
//! to a share of the capacity. What is asked for leaves for the store, and the policy is told of it as of any miss that was
//! loaded. What is not leaves when younger ones need its place. To the policy the cache is smaller by what waits, and it
//! sees the requests that it would see without any loading ahead.
//!
//! What is loaded long before its time, when a cache starts, may wait in room that nobody needs yet, beyond that share. It
//! leaves as soon as anybody needs the room, the latest first, before any entry is evicted and before anything within the
//! share gives way. So no policy decides otherwise for it: it can save a miss, and can cause none.
//!
//! The queue keeps a line for an entry that has left otherwise, until that line is the oldest or such lines are the most.

use super::Present;
use super::expiry::Lifetime;
use super::store::{Entry, Incoming};
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
    pub(super) room: Room,
    /// Tells this entry from an earlier one of its key.
    ticket: u64,
}

/// The room that an entry waits in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Room {
    /// The share of the capacity.
    Share,
    /// What nobody needs at present.
    Spare,
}

impl<K, V> Waiting<K, V> {
    pub(super) fn is_expired(&self, now: u64) -> bool {
        self.lifetime.as_ref().is_some_and(|lifetime| lifetime.is_expired(now))
    }

    pub(super) fn present(&self) -> Present<'_, V> {
        Present::new(&self.entry.value, self.lifetime.as_ref())
    }
}

/// The entries of a shard that wait.
#[derive(Debug)]
pub(super) struct Probation<K, V> {
    table: HashTable<Waiting<K, V>>,
    /// Hash and ticket of those within the share, oldest first.
    queue: VecDeque<(u64, u64)>,
    /// The same of those in spare room.
    spare: VecDeque<(u64, u64)>,
    weight: u64,
    /// Of it, in spare room.
    spare_weight: u64,
    /// Entries in spare room.
    spare_len: u64,
    tickets: u64,
}

impl<K, V> Probation<K, V> {
    pub(super) const fn new() -> Self {
        Self {
            table: HashTable::new(),
            queue: VecDeque::new(),
            spare: VecDeque::new(),
            weight: 0,
            spare_weight: 0,
            spare_len: 0,
            tickets: 0,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.table.len()
    }

    /// Sum of the weights.
    pub(super) const fn weight(&self) -> u64 {
        self.weight
    }

    /// Sum of the weights of those within the share.
    pub(super) const fn share_weight(&self) -> u64 {
        self.weight - self.spare_weight
    }

    /// Entries in spare room.
    pub(super) const fn spare_len(&self) -> u64 {
        self.spare_len
    }

    pub(super) fn find<Q: Equivalent<K> + ?Sized>(&self, hash: u64, key: &Q) -> Option<&Waiting<K, V>> {
        self.table.find(hash, |waiting| waiting.hash == hash && key.equivalent(&waiting.entry.key))
    }

    pub(super) fn find_mut<Q: Equivalent<K> + ?Sized>(
        &mut self,
        hash: u64,
        key: &Q,
    ) -> Option<&mut Waiting<K, V>> {
        self.table.find_mut(hash, |waiting| waiting.hash == hash && key.equivalent(&waiting.entry.key))
    }

    /// The entry of this number, of those that are numbered up to [`numbers`](Self::numbers); some numbers have none.
    pub(super) fn numbered(&self, number: usize) -> Option<&Waiting<K, V>> {
        self.table.get_bucket(number)
    }

    pub(super) fn numbers(&self) -> usize {
        self.table.num_buckets()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Waiting<K, V>> {
        self.table.iter()
    }

    /// Adds an entry whose key does not wait.
    pub(super) fn push(&mut self, incoming: Incoming<K, V>, room: Room) {
        let Incoming { hash, weight, lifetime, entry } = incoming;
        let ticket = self.tickets;
        self.tickets += 1;
        self.weight += weight;
        if room == Room::Spare {
            self.spare_weight += weight;
            self.spare_len += 1;
        }
        let waiting = Waiting { hash, weight, lifetime, entry, room, ticket };
        self.table.insert_unique(hash, waiting, |waiting| waiting.hash);
        let queue = if room == Room::Spare { &mut self.spare } else { &mut self.queue };
        queue.push_back((hash, ticket));
        if queue.len() / 2 > self.table.len() + 16 {
            let table = &self.table;
            queue.retain(|&(hash, ticket)| table.find(hash, |w| w.ticket == ticket).is_some());
        }
    }

    pub(super) fn take<Q: Equivalent<K> + ?Sized>(&mut self, hash: u64, key: &Q) -> Option<Waiting<K, V>> {
        self.remove(hash, |waiting| waiting.hash == hash && key.equivalent(&waiting.entry.key))
    }

    /// Takes any one.
    pub(super) fn take_any(&mut self) -> Option<Waiting<K, V>> {
        self.take_oldest().or_else(|| self.take_spare())
    }

    /// Takes the one that came to spare room last.
    pub(super) fn take_spare(&mut self) -> Option<Waiting<K, V>> {
        while let Some((hash, ticket)) = self.spare.pop_back() {
            if let Some(waiting) = self.remove(hash, |waiting| waiting.ticket == ticket) {
                return Some(waiting);
            }
        }
        None
    }

    /// Takes the one within the share that has waited longest.
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
        if waiting.room == Room::Spare {
            self.spare_weight -= waiting.weight;
            self.spare_len -= 1;
        }
        Some(waiting)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn push(probation: &mut Probation<u64, u64>, key: u64, weight: u64) {
        let entry = Entry { key, value: key * 10 };
        probation.push(Incoming { hash: key, weight, lifetime: None, entry }, Room::Share);
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
    fn what_came_to_spare_room_last_leaves_it_first_and_takes_none_of_the_share() {
        let mut probation = Probation::new();
        push(&mut probation, 1, 10);
        for key in 2..=4 {
            let entry = Entry { key, value: key };
            probation.push(Incoming { hash: key, weight: key, lifetime: None, entry }, Room::Spare);
        }
        assert_eq!((probation.weight(), probation.share_weight(), probation.spare_len()), (19, 10, 3));
        assert!(probation.take(3, &3).is_some());
        let order: Vec<u64> = std::iter::from_fn(|| probation.take_spare().map(|w| w.entry.key)).collect();
        assert_eq!((order, probation.spare_len(), probation.share_weight()), (vec![4, 2], 0, 10));
        assert_eq!(probation.take_any().map(|waiting| waiting.entry.key), Some(1));
        assert_eq!(probation.weight(), 0);
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
