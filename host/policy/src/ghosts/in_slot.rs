//! Ghosts that stay in their slots.

use std::fmt::Debug;

use super::{Carry, Memory};
use crate::Slot;
use crate::list::{NIL, Nodes};
use crate::part::Part;
use crate::weights::Weights;

/// The slots of ghosts, for an owner that retains evicted entries; see
/// [`Policy::in_slots`](crate::Policy::in_slots).
#[derive(Debug)]
pub struct InSlot {
    /// The slot of the incoming entry, should it be a ghost; else [`NIL`].
    recalled: u32,
    /// The victim chosen last is a ghost now.
    retained: bool,
    /// Slots whose ghosts were forgotten, for the owner to [reclaim](Self::reclaim). Their nodes are idle.
    forgotten: Vec<u32>,
}

impl InSlot {
    /// Before [`on_miss`](crate::Policy::on_miss): the slot where the owner retained the incoming entry, if it did. The
    /// policy may have forgotten it since.
    #[inline]
    pub fn recall(&mut self, ghost: Option<Slot>) {
        self.recalled = ghost.map_or(NIL, |slot| slot.0);
    }

    /// Whether the last [`victim`](crate::Policy::victim) is remembered in its slot: its owner retains it there, and
    /// gives the slot to no other entry before it can [reclaim](Self::reclaim) it.
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
    fn leave<D: Clone>(&mut self, queue: &mut Part, nodes: &mut Nodes<D>, weights: &Weights, slot: u32) {
        queue.remove(nodes, slot, weights.get(slot));
        nodes.idle(slot);
        self.forgotten.push(slot);
    }
}

impl Memory for InSlot {
    type Tag = u32;
    type Queue<T: Copy + Debug + Send> = Part;

    fn new() -> Self {
        Self { recalled: NIL, retained: false, forgotten: Vec::new() }
    }

    fn queue<T: Copy + Debug + Send>() -> Part {
        Part::new()
    }

    #[inline]
    fn tag(&self, _id: u64) -> u32 {
        self.recalled
    }

    #[inline]
    fn hold(&mut self, _slot: u32, _tag: u32) {}

    #[inline]
    fn weight<T: Copy + Debug + Send>(queue: &Part) -> u64 {
        queue.weight
    }

    #[inline]
    fn remember<D: Carry<T>, T: Copy + Debug + Send>(
        &mut self,
        queue: &mut Part,
        nodes: &mut Nodes<D>,
        slot: u32,
        weight: u64,
        word: T,
    ) {
        nodes.data_mut(slot).set_word(word);
        queue.push_back(nodes, slot, weight);
        self.retained = true;
    }

    #[inline]
    fn forget<D: Carry<T>, T: Copy + Debug + Send>(
        &mut self,
        queue: &mut Part,
        nodes: &mut Nodes<D>,
        weights: &Weights,
        tag: u32,
        mine: impl Fn(&D) -> bool,
    ) -> Option<T> {
        let data = nodes.get(tag).filter(|data| mine(data))?;
        if nodes.is_idle(tag) {
            return None;
        }
        let word = data.word();
        self.leave(queue, nodes, weights, tag);
        Some(word)
    }

    #[inline]
    fn drop_oldest<D: Clone, T: Copy + Debug + Send>(
        &mut self,
        queue: &mut Part,
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
    fn oldest<D: Carry<T>, T: Copy + Debug + Send>(queue: &Part, nodes: &Nodes<D>) -> Option<T> {
        nodes.get(queue.list.front()).map(Carry::word)
    }

    fn each_word<D: Carry<T>, T: Copy + Debug + Send>(
        queue: &mut Part,
        nodes: &mut Nodes<D>,
        mut change: impl FnMut(T) -> T,
    ) {
        let slots: Vec<u32> = queue.list.iter(nodes).collect();
        for slot in slots {
            let data = nodes.data_mut(slot);
            data.set_word(change(data.word()));
        }
    }

    #[inline]
    fn choose(&mut self) {
        self.retained = false;
    }

    #[inline]
    fn in_slots(&mut self) -> Option<&mut InSlot> {
        Some(self)
    }
}
