//! A segment of a cache's entries: a list of them and the sum of their weights.

use crate::list::{List, Nodes};

/// A list of entries with their weight.
#[derive(Debug, Clone)]
pub struct Segment {
    pub(crate) list: List,
    pub(crate) weight: u64,
}

impl Segment {
    pub(crate) const fn new() -> Self {
        Self { list: List::new(), weight: 0 }
    }

    /// Makes `index`, which is in no list, the newest.
    #[inline]
    pub(crate) fn push_back<T>(&mut self, nodes: &mut Nodes<T>, index: u32, weight: u64) {
        self.list.push_back(nodes, index);
        self.weight += weight;
    }

    /// Unlinks `index`, which is in this segment with this weight.
    #[inline]
    pub(crate) fn remove<T>(&mut self, nodes: &mut Nodes<T>, index: u32, weight: u64) {
        self.list.remove(nodes, index);
        self.weight -= weight;
    }

    /// Makes `index`, which is in this segment, the newest.
    #[inline]
    pub(crate) fn renew<T>(&mut self, nodes: &mut Nodes<T>, index: u32) {
        self.list.move_to_back(nodes, index);
    }

    /// An entry of this segment weighs `after` instead of `before`.
    #[inline]
    pub(crate) const fn reweigh(&mut self, before: u64, after: u64) {
        self.weight = self.weight - before + after;
    }
}
