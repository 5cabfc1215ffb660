//! A trace in memory, its keys numbered.

use std::sync::mpsc::Receiver;

use host_workload::trace::TraceError;

use crate::SimError;
use crate::blocks::{BLOCK, Block};
use crate::budget::Budget;
use crate::numbering::Numbering;
use crate::observer::Observer;

/// The requests of a trace as numbers into the table of its keys.
pub(crate) struct Interned {
    path: String,
    numbers: Vec<u32>,
    keys: Numbering,
    /// Size of each request; empty where they are not wanted or the trace has none.
    sizes: Vec<u32>,
    /// Sum of the sizes of the keys, each as large as when it was first asked for and at least 1.
    footprint: u64,
    sized: bool,
}

/// Whether a trace fitted.
pub(crate) enum Fill {
    /// To its end, or to where it was told to stop.
    Whole,
    /// To the end of the budget: more is to be read.
    Part,
}

impl Interned {
    /// Nothing yet of the trace at `path`.
    pub(crate) fn new(path: &str) -> Self {
        Self {
            path: path.to_owned(),
            numbers: Vec::new(),
            keys: Numbering::new(),
            sizes: Vec::new(),
            footprint: 0,
            sized: false,
        }
    }

    /// Takes blocks until there are none, the budget is used up, or it is told to stop. The sizes of the requests are
    /// kept where they are `wanted`.
    pub(crate) fn fill(
        &mut self,
        blocks: &Receiver<Result<Block, TraceError>>,
        wanted: bool,
        budget: &mut Budget,
        observer: &dyn Observer,
    ) -> Result<Fill, SimError> {
        for block in blocks {
            self.add(&block?, wanted)?;
            observer.at(self.len());
            if observer.stopped() {
                return Ok(Fill::Whole);
            }
            if !budget.allows(self.bytes()) {
                return Ok(Fill::Part);
            }
        }
        self.keys.end();
        Ok(Fill::Whole)
    }

    fn add(&mut self, block: &Block, wanted: bool) -> Result<(), SimError> {
        if wanted && (self.sized || !block.sizes.is_empty()) {
            // Before the first size, and in a block without any, there were none.
            self.sizes.resize(self.numbers.len(), 0);
            self.sizes.extend(&block.sizes);
        }
        self.sized |= !block.sizes.is_empty();
        let (from, known) = (self.numbers.len(), self.keys.ids().len());
        let full = |_| SimError::TooManyKeys(self.path.clone());
        self.keys.number(&block.keys, &mut self.numbers).map_err(full)?;
        let numbers = self.numbers.get(from..).unwrap_or_default();
        self.footprint += first_sizes(numbers, known, self.keys.ids().len(), &block.sizes);
        Ok(())
    }

    /// Requests.
    pub(crate) fn len(&self) -> u64 {
        whole(self.numbers.len())
    }

    /// Distinct keys.
    pub(crate) fn distinct(&self) -> u64 {
        whole(self.keys.ids().len())
    }

    /// Bytes of the distinct keys, each as large as when it was first asked for; `None` where the trace has no sizes.
    pub(crate) fn footprint(&self) -> Option<u64> {
        self.sized.then_some(self.footprint)
    }

    /// The requests, as numbers into [`ids`](Self::ids): in the order of the first requests.
    pub(crate) fn numbers(&self) -> &[u32] {
        &self.numbers
    }

    /// The hashed keys.
    pub(crate) fn ids(&self) -> &[u64] {
        self.keys.ids()
    }

    /// The size of each request; empty where they were not wanted or there are none.
    pub(crate) fn sizes(&self) -> &[u32] {
        &self.sizes
    }

    /// The requests with their keys, again in blocks.
    #[expect(
        clippy::indexing_slicing,
        clippy::as_conversions,
        reason = "numbers are handed out by `add`, each below the length of `ids`; u32 fits usize"
    )]
    pub(crate) fn into_blocks(self) -> impl Iterator<Item = Block> {
        let Self { numbers, keys, sizes, .. } = self;
        let ids = keys.into_ids();
        (0..numbers.len()).step_by(BLOCK).map(move |from| {
            let to = (from + BLOCK).min(numbers.len());
            let keys = numbers[from..to].iter().map(|&number| ids[number as usize]).collect();
            Block { keys, sizes: sizes.get(from..to).map(<[u32]>::to_vec).unwrap_or_default() }
        })
    }

    /// Memory in use, roughly: what is reserved ahead and not touched costs none.
    fn bytes(&self) -> u64 {
        let requests = 4 * (self.numbers.len() + self.sizes.len());
        whole(requests) + self.keys.bytes()
    }
}

/// What the keys weigh that were new in some requests, each as large as when it was first asked for: those with a number from
/// `known` to `end`, which come in order.
pub(crate) fn first_sizes(numbers: &[u32], known: usize, end: usize, sizes: &[u32]) -> u64 {
    if sizes.is_empty() {
        return whole(end - known);
    }
    let mut next = u32::try_from(known).ok();
    let mut sum = 0;
    for (&number, &size) in numbers.iter().zip(sizes) {
        if next == Some(number) {
            sum += u64::from(size).max(1);
            next = number.checked_add(1);
        }
    }
    sum
}

fn whole(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}
