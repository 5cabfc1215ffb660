//! Ghosts that stay in their slots.

use std::fmt::Debug;

use super::by_hash::{Fingerprint, Ghosts};
use super::{ByHash, Carry, GhostStore, counted};
use crate::Slot;
use crate::list::{NIL, Nodes, at};
use crate::segment::Segment;
use crate::weights::Weights;

/// The slots of ghosts, for an owner that retains evicted entries; see
/// [`ReplayPolicy::ghost_slots`](crate::ReplayPolicy::ghost_slots).
#[derive(Debug, Clone)]
pub struct InSlot {
    /// The slot in which the incoming entry is a ghost; [`NIL`] if it is none.
    lookup: u32,
    /// The victim chosen last is a ghost now.
    retained: bool,
    /// Slots whose ghosts were forgotten, for the owner to [reclaim](Self::reclaim). Their nodes are idle.
    forgotten: Vec<u32>,
}

impl InSlot {
    /// Sets the result of looking up the incoming entry, before [`on_miss`](crate::Policy::on_miss): the slot in which
    /// the owner retained it, if it did. The policy may have forgotten the ghost since.
    #[inline]
    pub fn set_lookup(&mut self, ghost: Option<Slot>) {
        self.lookup = ghost.map_or(NIL, |slot| slot.0);
    }

    /// Whether the last [`victim`](crate::Policy::victim) became a ghost: its owner retains it in its slot, and gives
    /// that slot to no other entry before it can [reclaim](Self::reclaim) it. The entry itself may return to it.
    #[inline]
    pub const fn retains(&self) -> bool {
        self.retained
    }

    /// A slot whose evicted entry is no longer remembered, each once. The owner takes these before new ones.
    #[inline]
    pub fn reclaim(&mut self) -> Option<Slot> {
        self.forgotten.pop().map(Slot)
    }

    /// Takes a ghost out of its queue.
    #[inline]
    fn leave<D: Clone>(&mut self, queue: &mut Segment, nodes: &mut Nodes<D>, weights: &Weights, slot: u32) {
        queue.remove(nodes, slot, u64::from(counted(weights.get(slot))));
        nodes.idle(slot);
        self.forgotten.push(slot);
    }
}

impl GhostStore for InSlot {
    type Fingerprint = u32;
    type Queue<T: Copy + Debug + Send> = Segment;

    fn new() -> Self {
        Self { lookup: NIL, retained: false, forgotten: Vec::new() }
    }

    fn queue<T: Copy + Debug + Send>() -> Segment {
        Segment::new()
    }

    #[inline]
    fn fingerprint(&self, _id: u64) -> u32 {
        self.lookup
    }

    #[inline]
    fn hold(&mut self, _slot: u32, _fingerprint: u32) {}

    fn expect<T: Copy + Debug + Send>(_queue: &mut Segment, _ghosts: u64) {}

    #[inline]
    fn weight<T: Copy + Debug + Send>(queue: &Segment) -> u64 {
        queue.weight
    }

    #[inline]
    fn remember<D: Carry<T>, T: Copy + Debug + Send>(
        &mut self,
        queue: &mut Segment,
        nodes: &mut Nodes<D>,
        slot: u32,
        weight: u64,
        payload: T,
    ) {
        nodes.data_mut(slot).set_payload(payload);
        queue.push_back(nodes, slot, u64::from(counted(weight)));
        self.retained = true;
    }

    #[inline]
    fn forget<D: Carry<T>, T: Copy + Debug + Send>(
        &mut self,
        queue: &mut Segment,
        nodes: &mut Nodes<D>,
        weights: &Weights,
        fingerprint: u32,
        mine: impl Fn(&D) -> bool,
    ) -> Option<T> {
        let data = nodes.get(fingerprint).filter(|data| mine(data))?;
        if nodes.is_idle(fingerprint) {
            return None;
        }
        let payload = data.payload();
        self.leave(queue, nodes, weights, fingerprint);
        Some(payload)
    }

    #[inline]
    fn drop_oldest<D: Clone, T: Copy + Debug + Send>(
        &mut self,
        queue: &mut Segment,
        nodes: &mut Nodes<D>,
        weights: &Weights,
    ) -> bool {
        let oldest = queue.list.front();
        if oldest == NIL {
            return false;
        }
        self.leave(queue, nodes, weights, oldest);
        true
    }

    #[inline]
    fn oldest<D: Carry<T>, T: Copy + Debug + Send>(queue: &Segment, nodes: &Nodes<D>) -> Option<T> {
        nodes.get(queue.list.front()).map(Carry::payload)
    }

    fn for_each_payload<D: Carry<T>, T: Copy + Debug + Send>(
        queue: &mut Segment,
        nodes: &mut Nodes<D>,
        mut change: impl FnMut(T) -> T,
    ) {
        let slots: Vec<u32> = queue.list.iter(nodes).collect();
        for slot in slots {
            let data = nodes.data_mut(slot);
            data.set_payload(change(data.payload()));
        }
    }

    #[inline]
    fn fetch_lookup<T: Copy + Debug + Send>(_queue: &Segment, _fingerprint: u32) {}

    #[inline]
    fn fetch_held(&self, _slot: u32) {}

    #[inline]
    fn fetch_remember<T: Copy + Debug + Send>(&self, _queue: &Segment, _slot: u32) {}

    #[inline]
    fn choose(&mut self) {
        self.retained = false;
    }

    #[inline]
    fn in_slots(&mut self) -> Option<&mut InSlot> {
        Some(self)
    }

    fn by_hash(&self, ids: &[u64]) -> ByHash {
        let mut store = ByHash::new();
        for (slot, &id) in (0..).zip(ids) {
            store.hold(slot, Fingerprint::of(id));
        }
        store
    }

    fn queue_by_hash<D: Carry<T>, T: Copy + Debug + Send>(
        queue: &Segment,
        nodes: &Nodes<D>,
        weights: &Weights,
        ids: &[u64],
    ) -> Ghosts<T> {
        let mut ghosts = Ghosts::new();
        for slot in queue.list.iter(nodes) {
            // An owner that gives no id has no ghost to be found either.
            if let Some(&id) = ids.get(at(slot)) {
                ghosts.remember(Fingerprint::of(id), weights.get(slot), nodes.data(slot).payload());
            }
        }
        ghosts
    }
}
