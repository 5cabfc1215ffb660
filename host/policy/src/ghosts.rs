//! Ghosts: the ids of evicted entries, oldest first, up to a total weight.
//!
//! ARC's B1 and B2, 2Q's A1out and S3-FIFO's G are each such a queue.

use crate::list::{List, NIL, Nodes, at};
use crate::mix::mix;
use crate::weights::Weights;
use hashbrown::HashTable;

/// What is kept of an id, by ghosts and by the residents that may become ghosts: 40 bits of its mix.
///
/// Two ids share a tag once in 2^40 pairs: a miss with a million ghosts to compare with is taken for a ghost
/// once in a million such misses, and all that follows is that a newcomer ranks as a returner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tag([u8; 5]);

impl Tag {
    #[inline]
    pub(crate) const fn of(id: u64) -> Self {
        let [a, b, c, d, e, ..] = mix(id).to_le_bytes();
        Self([a, b, c, d, e])
    }

    /// The tag as a hash: all its bits, spread over 64.
    #[inline]
    const fn spread(self) -> u64 {
        let [a, b, c, d, e] = self.0;
        u64::from_le_bytes([a, b, c, d, e, 0, 0, 0]).wrapping_mul(0x9E37_79B9_7F4A_7C15)
    }
}

/// The tags of residents, by slot.
#[derive(Debug)]
pub(crate) struct Tags(Vec<Tag>);

impl Tags {
    pub(crate) const fn new() -> Self {
        Self(Vec::new())
    }

    /// The tag of a slot that was [`set`](Self::set); of another one, some tag.
    #[inline]
    pub(crate) fn get(&self, slot: u32) -> Tag {
        self.0.get(at(slot)).copied().unwrap_or(Tag([0; 5]))
    }

    pub(crate) fn set(&mut self, slot: u32, tag: Tag) {
        if at(slot) >= self.0.len() {
            self.0.resize(at(slot) + 1, Tag([0; 5]));
        }
        if let Some(place) = self.0.get_mut(at(slot)) {
            *place = tag;
        }
    }
}

/// A queue of ghosts.
#[derive(Debug)]
pub(crate) struct Ghosts {
    nodes: Nodes<Tag>,
    weights: Weights,
    index: HashTable<u32>,
    order: List,
    weight: u64,
}

impl Ghosts {
    pub(crate) const fn new() -> Self {
        Self {
            nodes: Nodes::new(),
            weights: Weights::new(),
            index: HashTable::new(),
            order: List::new(),
            weight: 0,
        }
    }

    /// Sum of the weights that the ghosts had when they were evicted.
    pub(crate) const fn weight(&self) -> u64 {
        self.weight
    }

    /// Makes the entry the newest ghost. It is none already.
    pub(crate) fn remember(&mut self, tag: Tag, weight: u64) {
        self.forget(tag);
        let node = self.nodes.take(tag);
        if node == NIL {
            return;
        }
        let nodes = &self.nodes;
        self.index.insert_unique(tag.spread(), node, |&node| nodes.data(node).spread());
        self.order.push_back(&mut self.nodes, node);
        self.weights.set(node, weight);
        self.weight += weight;
    }

    /// Forgets a ghost; false when it is none.
    pub(crate) fn forget(&mut self, tag: Tag) -> bool {
        let nodes = &self.nodes;
        let Ok(found) = self.index.find_entry(tag.spread(), |&node| *nodes.data(node) == tag) else {
            return false;
        };
        let (node, _) = found.remove();
        self.order.remove(&mut self.nodes, node);
        self.weight -= self.weights.get(node);
        self.nodes.give(node);
        true
    }

    /// Forgets the oldest ghost; false when there is none.
    pub(crate) fn drop_oldest(&mut self) -> bool {
        let oldest = self.nodes.get(self.order.front()).copied();
        oldest.is_some_and(|tag| self.forget(tag))
    }

    /// Forgets the oldest ghosts until no more than `weight` is left.
    pub(crate) fn limit(&mut self, weight: u64) {
        while self.weight > weight && self.drop_oldest() {}
    }
}
