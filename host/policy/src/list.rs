//! Doubly linked lists of `u32` indices, threaded through one slab.
//!
//! Every order that a policy keeps is such a list: a [`Nodes`] slab holds the links beside the policy's own
//! few bytes per entry, and a [`List`] is a head, a tail and a length. Several lists may thread one slab as
//! long as a node is in at most one of them. Indices instead of pointers keep a node at 8 bytes plus data,
//! free of allocation per entry and free of unsafe code.
//!
//! The owner has to know which list a node is in: unlinking a node that is in no list, or through the wrong
//! list, breaks the lists (never memory). Owners keep that state in the node's data and check it first.
#![expect(clippy::indexing_slicing, reason = "indices come from these lists or were grown to by their owner")]

mod ring;

pub(crate) use ring::Ring;

use crate::fetch::fetch_at;
use std::hint::select_unpredictable;

/// The index that stands for "none".
pub(crate) const NIL: u32 = u32::MAX;

/// `u32` to `usize`; the one place where the width of an index is assumed.
#[inline]
#[expect(clippy::as_conversions, reason = "usize has at least 32 bits on every supported target")]
pub(crate) const fn at(index: u32) -> usize {
    index as usize
}

/// A slab that follows another's numbering grows by one in so many: a doubled one could lie half idle.
const GROWTH: usize = 16;

#[derive(Debug, Clone, Copy)]
struct Node<T> {
    prev: u32,
    next: u32,
    data: T,
}

/// A slab of list nodes, each with the owner's `data`.
#[derive(Debug, Clone)]
pub struct Nodes<T> {
    nodes: Vec<Node<T>>,
    /// First node given back, chained through `next`.
    free: u32,
}

impl<T: Clone> Nodes<T> {
    /// An empty slab.
    pub const fn new() -> Self {
        Self { nodes: Vec::new(), free: NIL }
    }

    /// Makes `index` a valid node, filling up with `vacant`. For slabs numbered by someone else.
    #[inline]
    pub fn reach(&mut self, index: u32, vacant: &T) {
        if at(index) >= self.nodes.len() {
            if at(index) >= self.nodes.capacity() {
                self.nodes.reserve_exact(at(index) + 1 - self.nodes.len() + self.nodes.len() / GROWTH);
            }
            self.nodes.resize(at(index) + 1, Node { prev: NIL, next: NIL, data: vacant.clone() });
        }
    }

    /// A node of this slab's own numbering, in no list. [`NIL`] once all indices are used.
    #[inline]
    pub fn take(&mut self, data: T) -> u32 {
        if self.free != NIL {
            let index = self.free;
            let node = &mut self.nodes[at(index)];
            self.free = node.next;
            *node = Node { prev: NIL, next: NIL, data };
            return index;
        }
        let Ok(index) = u32::try_from(self.nodes.len()) else { return NIL };
        if index != NIL {
            self.nodes.push(Node { prev: NIL, next: NIL, data });
        }
        index
    }

    /// Gives an unlinked node of this slab's own numbering back.
    #[inline]
    pub fn give(&mut self, index: u32) {
        self.nodes[at(index)].next = self.free;
        self.free = index;
    }

    /// Makes a node, which is in no list, point at itself until it is linked again.
    #[inline]
    pub fn idle(&mut self, index: u32) {
        let node = &mut self.nodes[at(index)];
        (node.prev, node.next) = (index, index);
    }

    /// Whether the node was made [idle](Self::idle) and is in no list since.
    #[inline]
    pub fn is_idle(&self, index: u32) -> bool {
        self.nodes.get(at(index)).is_some_and(|node| node.next == index)
    }

    /// The data of a node, if there is such a node.
    #[inline]
    pub fn get(&self, index: u32) -> Option<&T> {
        self.nodes.get(at(index)).map(|node| &node.data)
    }

    /// The data of a node that exists.
    #[inline]
    pub fn data(&self, index: u32) -> &T {
        &self.nodes[at(index)].data
    }

    /// Reads a node and prefetches its neighbours, which a change of the list there needs. Does nothing for a node that
    /// does not exist.
    #[inline]
    pub fn prefetch(&self, index: u32) {
        if let Some(node) = self.nodes.get(at(index)) {
            fetch_at(&self.nodes, at(node.prev));
            fetch_at(&self.nodes, at(node.next));
        }
    }

    /// The node after another towards the back of its list, if there is such a node.
    #[inline]
    pub fn next(&self, index: u32) -> u32 {
        self.nodes.get(at(index)).map_or(NIL, |node| node.next)
    }

    /// Prefetches a node for a later [`prefetch`](Self::prefetch), which reads it.
    #[inline]
    pub fn fetch(&self, index: u32) {
        fetch_at(&self.nodes, at(index));
    }

    /// The data of a node that exists, to change.
    #[inline]
    pub fn data_mut(&mut self, index: u32) -> &mut T {
        &mut self.nodes[at(index)].data
    }
}

impl<T: Clone> Default for Nodes<T> {
    fn default() -> Self {
        Self::new()
    }
}

/// One list through a [`Nodes`] slab. Its front is the oldest node, its back the newest.
#[derive(Debug, Clone, Copy)]
pub(crate) struct List {
    head: u32,
    tail: u32,
    len: u32,
}

impl List {
    /// An empty list.
    pub(crate) const fn new() -> Self {
        Self { head: NIL, tail: NIL, len: 0 }
    }

    /// Number of nodes.
    pub(crate) const fn len(&self) -> u32 {
        self.len
    }

    /// Whether there is no node.
    pub(crate) const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The oldest node, or [`NIL`].
    pub(crate) const fn front(&self) -> u32 {
        self.head
    }

    /// The newest node, or [`NIL`].
    pub(crate) const fn back(&self) -> u32 {
        self.tail
    }

    /// The node after `index` towards the back, or [`NIL`].
    #[inline]
    pub(crate) fn next<T>(nodes: &Nodes<T>, index: u32) -> u32 {
        nodes.nodes[at(index)].next
    }

    /// Links `index` behind the newest node.
    #[inline]
    pub(crate) fn push_back<T>(&mut self, nodes: &mut Nodes<T>, index: u32) {
        self.insert_after(nodes, self.tail, index);
    }

    /// Links `index` behind `before`; behind [`NIL`] is the front.
    #[inline]
    pub(crate) fn insert_after<T>(&mut self, nodes: &mut Nodes<T>, before: u32, index: u32) {
        let after = if before == NIL { self.head } else { nodes.nodes[at(before)].next };
        let node = &mut nodes.nodes[at(index)];
        node.prev = before;
        node.next = after;
        if before == NIL {
            self.head = index;
        } else {
            nodes.nodes[at(before)].next = index;
        }
        if after == NIL {
            self.tail = index;
        } else {
            nodes.nodes[at(after)].prev = index;
        }
        self.len += 1;
    }

    /// Unlinks `index`, which is in this list.
    #[inline]
    pub(crate) fn remove<T>(&mut self, nodes: &mut Nodes<T>, index: u32) {
        let node = &nodes.nodes[at(index)];
        let (prev, next) = (node.prev, node.next);
        if prev == NIL {
            self.head = next;
        } else {
            nodes.nodes[at(prev)].next = next;
        }
        if next == NIL {
            self.tail = prev;
        } else {
            nodes.nodes[at(next)].prev = prev;
        }
        self.len -= 1;
    }

    /// Makes `index`, which is in this list, its newest node.
    #[inline]
    pub(crate) fn move_to_back<T>(&mut self, nodes: &mut Nodes<T>, index: u32) {
        if self.tail != index {
            self.remove(nodes, index);
            self.push_back(nodes, index);
        }
    }

    /// Makes the oldest node the newest, or with `renew` another one: `index`, which is in this list and not at an end
    /// of it. The newest node then. The list has two nodes at least.
    #[inline]
    pub(crate) fn turn_or_renew<T>(&mut self, nodes: &mut Nodes<T>, renew: bool, index: u32) -> u32 {
        let second = nodes.nodes[at(self.head)].next;
        let index = select_unpredictable(renew, index, self.head);
        let Node { prev, next, .. } = nodes.nodes[at(index)];
        nodes.nodes[at(select_unpredictable(renew, prev, self.tail))].next = next;
        nodes.nodes[at(next)].prev = select_unpredictable(renew, prev, NIL);
        nodes.nodes[at(self.tail)].next = index;
        let node = &mut nodes.nodes[at(index)];
        (node.prev, node.next) = (self.tail, NIL);
        self.head = select_unpredictable(renew, self.head, second);
        self.tail = index;
        index
    }

    /// The list from oldest to newest.
    pub(crate) fn iter<'a, T>(&self, nodes: &'a Nodes<T>) -> impl Iterator<Item = u32> + use<'a, T> {
        let mut next = self.head;
        std::iter::from_fn(move || {
            (next != NIL).then(|| {
                let index = next;
                next = nodes.nodes[at(index)].next;
                index
            })
        })
    }
}

impl Default for List {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::{List, NIL, Nodes};
    use proptest::prelude::*;
    use std::collections::VecDeque;

    fn backwards(list: &List, nodes: &Nodes<()>) -> Vec<u32> {
        let mut found = Vec::new();
        let mut index = list.back();
        while index != NIL {
            found.push(index);
            index = nodes.nodes[super::at(index)].prev;
        }
        found.reverse();
        found
    }

    proptest! {
        /// Two lists through one slab against two deques; a node is in one of them or in none.
        #[test]
        fn lists_equal_deques(steps in prop::collection::vec((0u8..5, 0u32..24), 0..300)) {
            let mut nodes = Nodes::new();
            nodes.reach(23, &());
            let mut lists = [List::new(), List::new()];
            let mut models = [VecDeque::new(), VecDeque::new()];
            for (step, index) in steps {
                let holder = models.iter().position(|model| model.contains(&index));
                match (holder, step) {
                    (None, 0 | 1) => {
                        lists[usize::from(step)].push_back(&mut nodes, index);
                        models[usize::from(step)].push_back(index);
                    }
                    (None, 2) => {
                        lists[0].insert_after(&mut nodes, NIL, index);
                        models[0].push_front(index);
                    }
                    (None, _) => {
                        let before = lists[1].front();
                        lists[1].insert_after(&mut nodes, before, index);
                        let place = models[1].len().min(1);
                        models[1].insert(place, index);
                    }
                    (Some(which), 0 | 1) => {
                        lists[which].move_to_back(&mut nodes, index);
                        models[which].retain(|&held| held != index);
                        models[which].push_back(index);
                    }
                    (Some(which), 2) if models[which].len() > 1 => {
                        let ends = [models[which].front(), models[which].back()];
                        let renew = !ends.contains(&Some(&index));
                        let moved = if renew { index } else { models[which][0] };
                        prop_assert_eq!(lists[which].turn_or_renew(&mut nodes, renew, index), moved);
                        models[which].retain(|&held| held != moved);
                        models[which].push_back(moved);
                    }
                    (Some(which), _) => {
                        lists[which].remove(&mut nodes, index);
                        models[which].retain(|&held| held != index);
                    }
                }
                for (list, model) in lists.iter().zip(&models) {
                    let want: Vec<u32> = model.iter().copied().collect();
                    prop_assert_eq!(&list.iter(&nodes).collect::<Vec<_>>(), &want);
                    prop_assert_eq!(&backwards(list, &nodes), &want);
                    prop_assert_eq!(super::at(list.len()), want.len());
                    prop_assert_eq!(list.is_empty(), want.is_empty());
                }
            }
        }
    }

    #[test]
    fn nodes_given_back_are_taken_again() {
        let mut nodes = Nodes::new();
        let (a, b) = (nodes.take('a'), nodes.take('b'));
        nodes.give(a);
        nodes.give(b);
        assert_eq!([nodes.take('c'), nodes.take('d'), nodes.take('e')], [b, a, 2]);
        assert_eq!(*nodes.data(b), 'c');
        assert_eq!(nodes.get(3), None);
    }
}
