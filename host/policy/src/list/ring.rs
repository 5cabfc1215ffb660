//! A list whose ends are linked to each other.
//!
//! The oldest node becomes the newest by a step of the head: nothing is linked anew.
#![expect(clippy::indexing_slicing, reason = "indices come from these rings or were grown to by their owner")]

use super::{NIL, Node, Nodes, at};
use std::hint::select_unpredictable;

/// One ring through a [`Nodes`] slab, from its oldest node to its newest.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ring {
    /// The oldest node; [`NIL`] where there is none.
    head: u32,
    len: u32,
}

impl Ring {
    /// An empty ring.
    #[must_use]
    pub(crate) const fn new() -> Self {
        Self { head: NIL, len: 0 }
    }

    /// Number of nodes.
    #[must_use]
    pub(crate) const fn len(&self) -> u32 {
        self.len
    }

    /// Whether there is no node.
    #[must_use]
    pub(crate) const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The oldest node, or [`NIL`].
    #[inline]
    #[must_use]
    pub(crate) const fn front(&self) -> u32 {
        self.head
    }

    /// Makes `index`, which is in no ring, the newest node.
    #[inline]
    pub(crate) fn push_back<T>(&mut self, nodes: &mut Nodes<T>, index: u32) {
        if self.head == NIL {
            self.head = index;
        }
        let tail = if self.head == index { index } else { nodes.nodes[at(self.head)].prev };
        nodes.nodes[at(tail)].next = index;
        nodes.nodes[at(self.head)].prev = index;
        let node = &mut nodes.nodes[at(index)];
        (node.prev, node.next) = (tail, self.head);
        self.len += 1;
    }

    /// Takes out `index`, which is in this ring.
    #[inline]
    pub(crate) fn remove<T>(&mut self, nodes: &mut Nodes<T>, index: u32) {
        let Node { prev, next, .. } = nodes.nodes[at(index)];
        nodes.nodes[at(prev)].next = next;
        nodes.nodes[at(next)].prev = prev;
        self.len -= 1;
        let head = if self.head == index { next } else { self.head };
        self.head = if self.len == 0 { NIL } else { head };
    }

    /// Makes the oldest node the newest, if `really`. The ring is not empty.
    #[inline]
    pub(crate) fn turn<T>(&mut self, nodes: &Nodes<T>, really: bool) {
        self.head = select_unpredictable(really, nodes.nodes[at(self.head)].next, self.head);
    }

    /// The ring from its oldest node to its newest.
    pub(crate) fn iter<'a, T>(&self, nodes: &'a Nodes<T>) -> impl Iterator<Item = u32> + use<'a, T> {
        let mut next = self.head;
        (0..self.len).map(move |_| {
            let index = next;
            next = nodes.nodes[at(index)].next;
            index
        })
    }
}

impl Default for Ring {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::{NIL, Nodes, Ring, at};
    use proptest::prelude::*;
    use std::collections::VecDeque;

    proptest! {
        #[test]
        fn a_ring_is_a_deque(steps in prop::collection::vec((0u8..5, 0u32..12), 0..300)) {
            let mut nodes = Nodes::new();
            nodes.reach(11, &());
            let (mut ring, mut model) = (Ring::new(), VecDeque::new());
            for (step, index) in steps {
                if !model.contains(&index) {
                    ring.push_back(&mut nodes, index);
                    model.push_back(index);
                } else if step == 0 {
                    ring.remove(&mut nodes, index);
                    model.retain(|&held| held != index);
                } else {
                    ring.turn(&nodes, index % 2 == 0);
                    model.rotate_left(usize::from(index % 2 == 0));
                }
                let order: VecDeque<u32> = ring.iter(&nodes).collect();
                prop_assert_eq!(&order, &model);
                prop_assert_eq!((at(ring.len()), ring.is_empty()), (model.len(), model.is_empty()));
                prop_assert_eq!(ring.front(), model.front().copied().unwrap_or(NIL));
                for (&before, &after) in order.iter().zip(order.iter().skip(1).chain(order.front())) {
                    prop_assert_eq!(nodes.nodes[at(after)].prev, before);
                }
            }
        }
    }
}
