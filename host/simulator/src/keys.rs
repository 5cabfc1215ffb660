//! The keys of a trace that is not held: how many there are, what they weigh, and their numbers as long as these fit.

use crate::blocks::Block;
use crate::budget::Budget;
use crate::distinct::Distinct;
use crate::interned::first_sizes;
use crate::numbering::Numbering;

/// Bytes of a replay for each key that it numbers.
const BYTES_PER_REPLAYED: u64 = 12;

/// Numbers for keys within a budget.
pub(crate) struct Numbered {
    numbering: Numbering,
    budget: Budget,
}

/// The numbers of a block, and the keys that are new in it.
pub(crate) struct Numbers {
    pub(crate) numbers: Vec<u32>,
    pub(crate) fresh: Vec<u64>,
}

/// The keys of a trace.
pub(crate) struct Keys {
    /// As long as keys are numbered; then `distinct` holds none.
    numbered: Option<Numbered>,
    distinct: Distinct,
    /// Bytes of the distinct keys; `None` once they are more than are told apart.
    footprint: Option<u64>,
}

impl Numbered {
    /// None yet.
    pub(crate) fn new(budget: Budget) -> Self {
        Self { numbering: Numbering::new(), budget }
    }

    /// The numbers of a block; `None` when they are too many.
    fn block(&mut self, block: &Block) -> Option<Numbers> {
        let known = self.numbering.ids().len();
        let mut numbers = Vec::new();
        self.numbering.number(&block.keys, &mut numbers).ok()?;
        let fresh = self.numbering.ids().get(known..).unwrap_or_default().to_vec();
        let replayed = u64::try_from(self.numbering.ids().len()).unwrap_or(u64::MAX) * BYTES_PER_REPLAYED;
        self.budget.allows(self.numbering.bytes() + replayed).then_some(Numbers { numbers, fresh })
    }
}

impl Keys {
    /// None yet; to be numbered, or only counted.
    pub(crate) fn new(numbered: Option<Numbered>) -> Self {
        Self { numbered, distinct: Distinct::new(), footprint: Some(0) }
    }

    /// Takes the keys of a block, and numbers them if that is still done.
    pub(crate) fn note(&mut self, block: &Block) -> Option<Numbers> {
        if let Some(numbered) = &mut self.numbered {
            let known = numbered.numbering.ids().len();
            if let Some(numbers) = numbered.block(block) {
                let new = first_sizes(&numbers.numbers, known, known + numbers.fresh.len(), &block.sizes);
                self.footprint = self.footprint.map(|bytes| bytes + new);
                return Some(numbers);
            }
            // Counted from here on, and so are the keys before this block.
            for &key in numbered.numbering.ids().iter().take(known) {
                self.distinct.add(key);
            }
            self.numbered = None;
        }
        self.count(block);
        None
    }

    fn count(&mut self, block: &Block) {
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
        match &self.numbered {
            Some(numbered) => (u64::try_from(numbered.numbering.ids().len()).unwrap_or(u64::MAX), true),
            None => (self.distinct.count(), self.distinct.is_exact()),
        }
    }

    /// Bytes of the distinct keys, each as large as when it was first asked for and at least 1; `None` where keys are
    /// more than are told apart.
    pub(crate) const fn footprint(&self) -> Option<u64> {
        self.footprint
    }
}
