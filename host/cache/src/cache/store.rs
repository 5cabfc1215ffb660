//! Where a shard keeps keys, values and weights: a table of entries, and a register that says where in the table
//! the entry of each slot is.
//!
//! The store knows nothing of order. An entry keeps its slot number for as long as it lives, also when its value is
//! replaced, when the table grows, and when another policy takes over; the number is used again after the entry was
//! removed. Only a store that has become sparse [numbers its slots anew](Store::renumber). The entry itself lies in the table, so that a lookup needs no register; a policy that names its victim
//! by slot does. Weights lie apart, and only where they [cannot be told](Weighing) from the entry.
//!
//! Beside them lies the [probation](super::probation), whose entries have no slot. It counts against the same weight.
#![expect(
    clippy::indexing_slicing,
    reason = "the register has a place for each slot number that was given out"
)]

use super::expiry::Lifetime;
use super::probation::{Probation, Room, Waiting};
use super::table::{Table, TableAddress};
use super::weights::Weighing;
use crate::index::{NIL, at};
use crate::prefetch::prefetch;
use hashbrown::Equivalent;
use host_policy::Slot;
use std::num::NonZeroU32;

#[derive(Debug)]
pub(super) struct Entry<K, V> {
    pub(super) key: K,
    pub(super) value: V,
}

/// An entry to be stored.
#[derive(Debug)]
pub(super) struct Incoming<K, V> {
    pub(super) hash: u64,
    pub(super) weight: u64,
    /// `None` where it has no end.
    pub(super) lifetime: Option<Lifetime>,
    pub(super) entry: Entry<K, V>,
}

/// An entry in the table.
#[derive(Debug)]
pub(super) struct Stored<K, V> {
    entry: Entry<K, V>,
    /// One more than the slot, which leaves a value for "none".
    name: NonZeroU32,
    hash: u32,
}

impl<K, V> Stored<K, V> {
    #[inline]
    const fn slot(&self) -> Slot {
        Slot(self.name.get() - 1)
    }
}

#[derive(Debug)]
pub(super) struct Store<K, V> {
    table: Table<Stored<K, V>>,
    /// Where in the table a slot's entry is; for a free slot, the next free one.
    places: Vec<u32>,
    /// First free slot, or [`NIL`].
    free: u32,
    weights: Weighing<K, V>,
    weight: u64,
    /// Lifetimes by slot; `None` as long as no entry ever had one.
    lifetimes: Option<Vec<Lifetime>>,
    /// Entries with a time to live, those on probation left out.
    expiring: u64,
    /// The slot that [`sweep`](Self::sweep) looks at next.
    swept: u32,
    /// The slot that is expected to be removed next, or [`NIL`].
    expected: u32,
    /// What was loaded ahead of need; `None` as long as nothing ever was, so that a miss looks at one word.
    probation: Option<Box<Probation<K, V>>>,
}

/// The register, and what else is kept by slot, grows by one in so many: what lies idle is small, what is copied for each entry still constant.
const GROWTH: usize = 16;

/// Slots up to which no store is sparse: they take some tens of kilobytes.
const FEW_SLOTS: u32 = 1_024;

/// What a store goes by: 32 bits of a key's hash, all of which depend on the whole hash.
#[inline]
#[expect(clippy::as_conversions, reason = "the lower half is wanted")]
pub(super) const fn short(hash: u64) -> u32 {
    super::spread(hash) as u32
}

impl<K, V> Store<K, V> {
    pub(super) const fn new(weights: Weighing<K, V>) -> Self {
        Self {
            table: Table::new(),
            places: Vec::new(),
            free: NIL,
            weights,
            weight: 0,
            lifetimes: None,
            expiring: 0,
            swept: 0,
            expected: NIL,
            probation: None,
        }
    }

    /// Sum of the weights of the entries, those on probation included.
    pub(super) const fn weight(&self) -> u64 {
        self.weight
    }

    /// Entries with a slot.
    pub(super) const fn len(&self) -> usize {
        self.table.len()
    }

    /// The entries on probation, if there were ever any.
    #[inline]
    pub(super) fn probation(&self) -> Option<&Probation<K, V>> {
        self.probation.as_deref()
    }

    /// Weight of the entries on probation.
    pub(super) fn waiting_weight(&self) -> u64 {
        self.probation().map_or(0, Probation::weight)
    }

    /// Of it, what waits within the share of probation.
    pub(super) fn share_weight(&self) -> u64 {
        self.probation().map_or(0, Probation::share_weight)
    }

    /// The entry under a key, if it is on probation.
    #[inline]
    pub(super) fn waiting<Q: Equivalent<K> + ?Sized>(&self, hash: u64, key: &Q) -> Option<&Waiting<K, V>> {
        self.probation()?.find(hash, key)
    }

    /// As [`waiting`](Self::waiting). Its weight stays as it is.
    pub(super) fn waiting_mut<Q: Equivalent<K> + ?Sized>(
        &mut self,
        hash: u64,
        key: &Q,
    ) -> Option<&mut Waiting<K, V>> {
        self.probation.as_deref_mut()?.find_mut(hash, key)
    }

    /// Puts an entry on probation, whose key is not there.
    pub(super) fn put_on_probation(&mut self, incoming: Incoming<K, V>, room: Room) {
        self.weight += incoming.weight;
        self.probation.get_or_insert_with(|| Box::new(Probation::new())).push(incoming, room);
    }

    /// Takes an entry off probation, as `take` chooses.
    pub(super) fn take_waiting(
        &mut self,
        take: impl FnOnce(&mut Probation<K, V>) -> Option<Waiting<K, V>>,
    ) -> Option<Waiting<K, V>> {
        let waiting = take(self.probation.as_deref_mut()?)?;
        self.weight -= waiting.weight;
        Some(waiting)
    }

    /// How many slot numbers were ever given out.
    pub(super) fn slot_count(&self) -> u32 {
        u32::try_from(self.places.len()).unwrap_or(NIL)
    }

    /// Whether more than this share of what is kept by slot is idle.
    pub(super) fn is_sparse(&self, idle: f64) -> bool {
        let (slots, entries) = (self.slot_count(), u32::try_from(self.table.len()).unwrap_or(u32::MAX));
        slots > FEW_SLOTS && f64::from(slots.saturating_sub(entries)) > idle * f64::from(slots)
    }

    /// Numbers the slots anew from 0 on in this order, which has every slot with an entry, and gives back the memory that is not
    /// needed then.
    #[cold]
    pub(super) fn renumber(&mut self, before: &[Slot]) {
        let mut now = vec![NIL; self.places.len()];
        for (number, slot) in (0..).zip(before) {
            now[at(slot.0)] = number;
        }
        let mut places = vec![NIL; before.len()];
        self.table
            .for_each_mut(|stored| stored.name = named(now[at(stored.slot().0)]).unwrap_or(stored.name));
        self.table.shrink(|stored| stored.hash, |_, _| {});
        self.table.for_each_place(|stored, place| places[at(stored.slot().0)] = number(place));
        self.places = places;
        if let Weighing::Kept(weights) = &mut self.weights {
            *weights = weights.picked(before.iter().map(|slot| slot.0));
        }
        if let Some(lifetimes) = &mut self.lifetimes {
            let take = |slot: &Slot| std::mem::replace(&mut lifetimes[at(slot.0)], Lifetime::unlimited());
            let picked = before.iter().map(take).collect();
            *lifetimes = picked;
        }
        (self.free, self.swept, self.expected) = (NIL, 0, NIL);
    }

    fn place(&self, slot: Slot) -> Option<usize> {
        let place = at(*self.places.get(at(slot.0))?);
        (self.table.get(place)?.slot() == slot).then_some(place)
    }

    pub(super) fn entry(&self, slot: Slot) -> Option<&Entry<K, V>> {
        self.table.get(self.place(slot)?).map(|stored| &stored.entry)
    }

    /// The weight of the entry in an occupied slot.
    #[inline]
    pub(super) fn weight_of(&self, slot: Slot) -> u64 {
        match &self.weights {
            Weighing::Alike => 1,
            Weighing::Kept(weights) => weights.get(slot.0),
            Weighing::Told(_) => self.entry(slot).map_or(0, |entry| self.weigh(slot, entry)),
        }
    }

    /// The weight of an entry that is, or was, in this slot.
    #[inline]
    pub(super) fn weigh(&self, slot: Slot, entry: &Entry<K, V>) -> u64 {
        match &self.weights {
            Weighing::Alike => 1,
            Weighing::Kept(weights) => weights.get(slot.0),
            Weighing::Told(weigher) => weigher(&entry.key, &entry.value).max(1),
        }
    }

    pub(super) fn entries(&self) -> impl Iterator<Item = (Slot, &Entry<K, V>)> {
        self.table.iter().map(|stored| (stored.slot(), &stored.entry))
    }

    /// Shows the entries from a hash on that belong to the same group of the table, and gives the hash to go on with; `None`
    /// at the end. The order of hashes does not depend on the size of the table.
    pub(super) fn visit_group(&self, from: u32, mut visit: impl FnMut(Slot, &Entry<K, V>)) -> Option<u32> {
        self.table.visit_home(from, |stored| stored.hash, |stored| visit(stored.slot(), &stored.entry))
    }

    /// Tells those without the lock where the entries lie, if that has changed.
    #[inline]
    pub(super) fn publish(&self, address: &TableAddress<Stored<K, V>>) {
        self.table.publish(address);
    }

    #[inline]
    pub(super) fn find<Q: Equivalent<K> + ?Sized>(&self, hash: u64, key: &Q) -> Option<(Slot, &Entry<K, V>)> {
        let hash = short(hash);
        let is_it = |stored: &Stored<K, V>| stored.hash == hash && key.equivalent(&stored.entry.key);
        self.table.find(hash, is_it).map(|(_, stored)| (stored.slot(), &stored.entry))
    }

    /// The entry that a lookup of this hash will probably find.
    #[inline]
    pub(super) fn probable(&self, hash: u64) -> Option<(Slot, &Entry<K, V>)> {
        let hash = short(hash);
        let found = self.table.find(hash, |stored| stored.hash == hash);
        found.map(|(_, stored)| (stored.slot(), &stored.entry))
    }

    /// Begins to fetch where a slot's entry is noted, which a change of the entry reads.
    #[inline]
    pub(super) fn fetch_place(&self, slot: Slot) {
        if let Some(place) = self.places.get(at(slot.0)) {
            prefetch(place);
        }
    }

    /// Stores an entry whose key is not there. The entry comes back once all slots are taken, some 2^31. There will
    /// be no more than `most` entries, as far as is known.
    #[inline]
    pub(super) fn insert(
        &mut self,
        hash: u64,
        entry: Entry<K, V>,
        weight: u64,
        most: u64,
    ) -> Result<Slot, Entry<K, V>> {
        let slot = if self.free != NIL {
            let slot = self.free;
            self.free = self.places[at(slot)];
            slot
        } else {
            // A place is named by 32 bits too, and there are a few more places than slots.
            match u32::try_from(self.places.len()) {
                Ok(slot) if slot < NIL / 2 => {
                    if self.places.len() == self.places.capacity() {
                        self.reserve(most);
                    }
                    self.places.push(NIL);
                    if let Weighing::Kept(weights) = &mut self.weights {
                        weights.push();
                    }
                    if let Some(lifetimes) = &mut self.lifetimes {
                        lifetimes.push(Lifetime::unlimited());
                    }
                    slot
                }
                _ => return Err(entry),
            }
        };
        let Some(name) = named(slot) else { return Err(entry) };
        if self.table.is_full() {
            let places = &mut self.places;
            self.table.grow(
                most,
                |stored| stored.hash,
                |stored, place| places[at(stored.slot().0)] = number(place),
            );
        }
        let hash = short(hash);
        self.places[at(slot)] = number(self.table.insert(hash, Stored { entry, name, hash }));
        if let Weighing::Kept(weights) = &mut self.weights {
            weights.set(slot, weight);
        }
        self.weight += weight;
        Ok(Slot(slot))
    }

    /// Makes room for more slots.
    #[cold]
    fn reserve(&mut self, most: u64) {
        let left = usize::try_from(most).unwrap_or(usize::MAX).saturating_sub(self.places.len());
        self.places.reserve_exact((self.places.len() / GROWTH).min(left) + 1);
        let slots = self.places.capacity();
        if let Weighing::Kept(weights) = &mut self.weights {
            weights.reserve(slots);
        }
        if let Some(lifetimes) = &mut self.lifetimes {
            lifetimes.reserve_exact(slots.saturating_sub(lifetimes.len()));
        }
    }

    /// Puts a new key and value into an occupied slot, whose weight goes from one to another; the key is equal to the old one.
    pub(super) fn replace(
        &mut self,
        slot: Slot,
        entry: Entry<K, V>,
        (before, weight): (u64, u64),
    ) -> Option<Entry<K, V>> {
        let place = self.place(slot)?;
        let old = std::mem::replace(&mut self.table.get_mut(place)?.entry, entry);
        self.weight = self.weight - before + weight;
        if let Weighing::Kept(weights) = &mut self.weights {
            weights.set(slot.0, weight);
        }
        Some(old)
    }

    /// Says which slot will probably be removed next. Its place is fetched here, and what lies there by
    /// [`fetch_expected`](Self::fetch_expected): neither waits for the other.
    #[inline]
    pub(super) fn expect_removal(&mut self, slot: Slot) {
        if let Some(place) = self.places.get(at(slot.0)) {
            prefetch(place);
            self.expected = slot.0;
        }
    }

    /// A slot that is free by now does no harm.
    #[inline]
    pub(super) fn fetch_expected(&self) {
        if let Some(&place) = self.places.get(at(self.expected)) {
            self.table.fetch(at(place));
        }
    }

    /// Takes the entry out of an occupied slot.
    #[inline]
    pub(super) fn remove(&mut self, slot: Slot) -> Option<Entry<K, V>> {
        let place = self.place(slot)?;
        let hash = self.table.get(place)?.hash;
        let places = &mut self.places;
        let stored = self.table.remove(
            place,
            hash,
            |stored| stored.hash,
            |stored, place| places[at(stored.slot().0)] = number(place),
        )?;
        self.weight -= self.weigh(slot, &stored.entry);
        if self.has_lifetimes() {
            self.set_lifetime(slot, None);
        }
        self.places[at(slot.0)] = self.free;
        self.free = slot.0;
        Some(stored.entry)
    }

    /// Entries with a time to live, those on probation left out.
    pub(super) const fn expiring(&self) -> u64 {
        self.expiring
    }

    /// Whether there may be entries whose time is over.
    #[inline]
    pub(super) const fn has_lifetimes(&self) -> bool {
        self.lifetimes.is_some()
    }

    /// The lifetime of the entry in an occupied slot, where there are any.
    #[inline]
    pub(super) fn lifetime(&self, slot: Slot) -> Option<&Lifetime> {
        self.lifetimes.as_ref()?.get(at(slot.0))
    }

    /// Whether the entry of a slot is there and over its time.
    #[inline]
    pub(super) fn is_expired(&self, slot: Slot, now: u64) -> bool {
        self.lifetime(slot).is_some_and(|lifetime| lifetime.is_expired(now))
    }

    /// Gives the entry in an occupied slot a lifetime, or none.
    #[inline]
    pub(super) fn set_lifetime(&mut self, slot: Slot, lifetime: Option<Lifetime>) {
        if self.lifetimes.is_none() && lifetime.is_some() {
            let all = std::iter::repeat_with(Lifetime::unlimited).take(self.places.len());
            self.lifetimes = Some(all.collect());
        }
        if let Some(lifetimes) = &mut self.lifetimes {
            let lifetime = lifetime.unwrap_or(Lifetime::unlimited());
            let ends = |lifetime: &Lifetime| u64::from(lifetime.until().is_some());
            self.expiring += ends(&lifetime);
            self.expiring -= ends(&std::mem::replace(&mut lifetimes[at(slot.0)], lifetime));
        }
    }

    /// The next slot in turn whose entry's time is over, looking at no more than `most` slots.
    pub(super) fn sweep(&mut self, now: u64, most: &mut u32) -> Option<Slot> {
        while *most > 0 {
            *most -= 1;
            let slot = Slot(if self.swept < self.slot_count() { self.swept } else { 0 });
            self.swept = slot.0 + 1;
            if self.is_expired(slot, now) {
                return Some(slot);
            }
        }
        None
    }
}

/// A slot number as an entry has it.
#[inline]
const fn named(slot: u32) -> Option<NonZeroU32> {
    NonZeroU32::new(slot.wrapping_add(1))
}

/// A place in the table, of which there are less than 2^32.
#[inline]
fn number(place: usize) -> u32 {
    u32::try_from(place).unwrap_or(NIL)
}
