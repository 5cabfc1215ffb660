//! How an entry is loaded once for all who ask: the steps of a read-through and of a fill.

use super::super::flight::{Lead, Role};
use super::super::probation::Room;
use super::super::removed::Removed;
use super::super::{Cache, Present};
use super::{Fill, Served};
use hashbrown::Equivalent;
use std::future::Future;
use std::hash::{BuildHasher, Hash};

impl<K: Hash + Eq + Clone, V: Clone, S: BuildHasher> Cache<K, V, S> {
    /// What `hand_out` makes of the entry of `key`, which is awaited and stored if it is not there. `own` makes a key of it under
    /// which it is being loaded.
    pub(in super::super) async fn read_through<Q: Hash + Equivalent<K> + ?Sized, R, E>(
        &self,
        key: &Q,
        own: impl Fn(&Q) -> K,
        load: impl Future<Output = Result<(K, V), E>>,
        hand_out: impl Fn(&K, &V) -> R + Copy + Unpin,
    ) -> Result<(R, Served), E> {
        let hash = self.id(key);
        let shard = self.shard(hash);
        if let Some(found) = self.lookup(hash, key, hand_out) {
            return Ok((found, Served::Hit));
        }
        loop {
            match shard.flights.join(hash, key, &own) {
                Role::Lead(lead) => {
                    let lead = match self.unless_stored(hash, key, lead, hand_out) {
                        Ok(lead) => lead,
                        Err(found) => return Ok((found, Served::Waited)),
                    };
                    let entry = load.await?;
                    return Ok((self.land(hash, lead, entry, hand_out), Served::Loaded));
                }
                Role::Wait(flight) => {
                    if let Some(found) = flight.landed(hand_out).await {
                        self.waited(hash, key);
                        return Ok((found, Served::Waited));
                    }
                }
            }
        }
    }

    /// Awaits an entry ahead of need, unless it is there or being loaded.
    pub(in super::super) async fn fill_through<Q: Hash + Equivalent<K> + ?Sized, E>(
        &self,
        key: &Q,
        own: impl FnOnce(&Q) -> K,
        load: impl Future<Output = Result<(K, V), E>>,
        room: Room,
    ) -> Result<Fill, E> {
        let hash = self.id(key);
        match self.begin_fill(hash, key, own) {
            Ok(lead) => {
                let entry = load.await?;
                self.land_fill(hash, lead, entry, room);
                Ok(Fill::Loaded)
            }
            Err(found) => Ok(found),
        }
    }

    /// The lead, unless the load that was just missed was stored meanwhile. That entry then counts as one that was waited for.
    pub(super) fn unless_stored<'a, Q: Equivalent<K> + ?Sized, R>(
        &self,
        hash: u64,
        key: &Q,
        lead: Lead<'a, K, V>,
        hand_out: impl Fn(&K, &V) -> R,
    ) -> Result<Lead<'a, K, V>, R> {
        let Some((key_there, value)) = self.stored(hash, key) else { return Ok(lead) };
        let found = hand_out(&key_there, &value);
        lead.land(key_there, value);
        self.waited(hash, key);
        Err(found)
    }

    fn stored<Q: Equivalent<K> + ?Sized>(&self, hash: u64, key: &Q) -> Option<(K, V)> {
        let copy = |key: &K, found: Present<'_, V>| (key.clone(), found.value.clone());
        self.shard(hash).peek(hash, key, &self.common.expiry, copy)
    }

    pub(super) fn begin_fill<Q: Equivalent<K> + ?Sized>(
        &self,
        hash: u64,
        key: &Q,
        own: impl FnOnce(&Q) -> K,
    ) -> Result<Lead<'_, K, V>, Fill> {
        let shard = self.shard(hash);
        if shard.peek(hash, key, &self.common.expiry, |_, _| ()).is_some() {
            return Err(Fill::Present);
        }
        let Role::Lead(lead) = shard.flights.join(hash, key, own) else { return Err(Fill::UnderWay) };
        // As in a read-through: the load that was just missed may have been stored meanwhile.
        if let Some((key, value)) = self.stored(hash, key) {
            lead.land(key, value);
            return Err(Fill::Present);
        }
        Ok(lead)
    }

    /// Puts an entry that was loaded ahead of need on probation, unless it was overtaken, and hands it to those who wait.
    pub(super) fn land_fill(&self, hash: u64, lead: Lead<'_, K, V>, (key, value): (K, V), room: Room) {
        let incoming = self.incoming(hash, key.clone(), value.clone(), None);
        let mut removed = Removed::new();
        self.shard(hash).fill(incoming, &self.common, Some(&lead), room, &mut removed);
        lead.land(key, value);
        self.report(removed);
    }

    /// Counts a lookup of which another caller's load took care.
    pub(super) fn waited<Q: Equivalent<K> + ?Sized>(&self, hash: u64, key: &Q) {
        let mut removed = Removed::new();
        self.shard(hash).waited(hash, key, &self.common, &mut removed);
        self.report(removed);
    }

    /// Stores a loaded entry, unless it was overtaken, and hands it to those who wait.
    pub(super) fn land<R>(
        &self,
        hash: u64,
        lead: Lead<'_, K, V>,
        (key, value): (K, V),
        hand_out: impl Fn(&K, &V) -> R,
    ) -> R {
        let found = hand_out(&key, &value);
        let incoming = self.incoming(hash, key.clone(), value.clone(), None);
        let mut removed = Removed::new();
        self.shard(hash).insert(incoming, &self.common, Some(lead.flight()), &mut removed);
        lead.land(key, value);
        self.report(removed);
        found
    }
}
