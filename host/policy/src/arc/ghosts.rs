//! ARC's B1 and B2: the ids of evicted entries, by half, oldest first.
//!
//! An id is the hash of a key, so two keys may share one: the later entry is then taken for the ghost of
//! the earlier, once in 2^64 pairs, and is only put into T2 instead of T1.

use super::Half;
use crate::list::{List, Nodes};
use crate::mix::mix;
use hashbrown::HashTable;

#[derive(Debug, Clone, Copy)]
struct Ghost {
    id: u64,
    weight: u64,
    half: Half,
}

#[derive(Debug)]
pub(super) struct Ghosts {
    nodes: Nodes<Ghost>,
    /// Finds a node by its id.
    index: HashTable<u32>,
    b1: (List, u64),
    b2: (List, u64),
}

impl Ghosts {
    pub(super) const fn new() -> Self {
        Self { nodes: Nodes::new(), index: HashTable::new(), b1: (List::new(), 0), b2: (List::new(), 0) }
    }

    /// The weight that the ghosts of a half had when they were evicted.
    pub(super) const fn weight(&self, half: Half) -> u64 {
        match half {
            Half::Once => self.b1.1,
            Half::Again => self.b2.1,
        }
    }

    /// Makes the id the newest ghost of its half.
    pub(super) fn remember(&mut self, id: u64, weight: u64, half: Half) {
        self.forget(id);
        let node = self.nodes.take(Ghost { id, weight, half });
        if node == crate::list::NIL {
            return;
        }
        let nodes = &self.nodes;
        self.index.insert_unique(mix(id), node, |&node| mix(nodes.data(node).id));
        let (list, total) = match half {
            Half::Once => &mut self.b1,
            Half::Again => &mut self.b2,
        };
        list.push_back(&mut self.nodes, node);
        *total += weight;
    }

    /// Forgets the id and says in which half it was.
    pub(super) fn forget(&mut self, id: u64) -> Option<Half> {
        let nodes = &self.nodes;
        let found = self.index.find_entry(mix(id), |&node| nodes.data(node).id == id).ok()?;
        let (node, _) = found.remove();
        Some(self.unlink(node))
    }

    /// Forgets the oldest ghost of a half; false when there is none.
    pub(super) fn drop_oldest(&mut self, half: Half) -> bool {
        let list = match half {
            Half::Once => &self.b1.0,
            Half::Again => &self.b2.0,
        };
        let id = self.nodes.get(list.front()).map(|ghost| ghost.id);
        id.is_some_and(|id| self.forget(id).is_some())
    }

    fn unlink(&mut self, node: u32) -> Half {
        let Ghost { weight, half, .. } = *self.nodes.data(node);
        let (list, total) = match half {
            Half::Once => &mut self.b1,
            Half::Again => &mut self.b2,
        };
        list.remove(&mut self.nodes, node);
        *total -= weight;
        self.nodes.give(node);
        half
    }
}
