//! The keys of a trace that is not held: how many there are, and what they weigh.

use crate::blocks::Block;
use crate::distinct::Distinct;

/// The keys of a trace.
pub(crate) struct Keys {
    distinct: Distinct,
    /// Bytes of the distinct keys; `None` once they are more than are told apart.
    footprint: Option<u64>,
}

impl Keys {
    /// None yet.
    pub(crate) const fn new() -> Self {
        Self { distinct: Distinct::new(), footprint: Some(0) }
    }

    /// Those of some requests, with the sum of their sizes.
    pub(crate) fn of(ids: &[u64], footprint: u64) -> Self {
        let mut keys = Self { distinct: Distinct::new(), footprint: Some(footprint) };
        for &id in ids {
            keys.distinct.add(id);
        }
        keys
    }

    /// Counts the keys of a block.
    pub(crate) fn count(&mut self, block: &Block) {
        let mut sizes = block.sizes.iter();
        for &key in &block.keys {
            let size = sizes.next().map_or(1, |&size| u64::from(size).max(1));
            if self.distinct.add(key) {
                self.footprint = self.footprint.map(|bytes| bytes + size);
            }
        }
        if !self.distinct.is_exact() {
            self.footprint = None;
        }
    }

    /// How many there are, and whether that is exact.
    pub(crate) fn distinct(&self) -> (u64, bool) {
        (self.distinct.count(), self.distinct.is_exact())
    }

    /// Bytes of the distinct keys, each as large as when it was first requested and at least 1; `None` where keys are
    /// more than are told apart.
    pub(crate) const fn footprint(&self) -> Option<u64> {
        self.footprint
    }
}
