//! A trace in memory, its keys numbered.

use hashbrown::HashMap;
use host_workload::trace::{Request, TraceReader};

use super::SimError;
use crate::progress::{Progress, Stop};

const BATCH: usize = 8_192;

/// The requests of a trace as numbers into the table of its keys.
pub(super) struct Interned {
    numbers: Vec<u32>,
    /// Hash of each key, by number.
    ids: Vec<u64>,
    /// Size of each request; empty where the trace has none.
    sizes: Vec<u32>,
}

impl Interned {
    /// Reads a trace to its end, or to where it is told to stop.
    pub(super) fn read(
        mut trace: TraceReader,
        progress: &dyn Progress,
        stop: &Stop,
    ) -> Result<Self, SimError> {
        let mut table: HashMap<u64, u32> = HashMap::default();
        let mut this = Self { numbers: Vec::new(), ids: Vec::new(), sizes: Vec::new() };
        let mut batch: Vec<Request> = Vec::with_capacity(BATCH);
        loop {
            batch.clear();
            if trace.read_batch(&mut batch, BATCH)? == 0 || stop.asked() {
                return Ok(this);
            }
            for request in &batch {
                let number = match table.get(&request.key) {
                    Some(number) => *number,
                    None => {
                        let number = u32::try_from(this.ids.len())
                            .map_err(|_| SimError::TooManyKeys(trace.path().display().to_string()))?;
                        table.insert(request.key, number);
                        this.ids.push(request.key);
                        number
                    }
                };
                if request.size > 0 && this.sizes.is_empty() {
                    // The first size: whatever came before had none.
                    this.sizes.resize(this.numbers.len(), 0);
                }
                if request.size > 0 || !this.sizes.is_empty() {
                    this.sizes.push(request.size);
                }
                this.numbers.push(number);
            }
            progress.at(this.len());
        }
    }

    pub(super) fn len(&self) -> u64 {
        u64::try_from(self.numbers.len()).unwrap_or(u64::MAX)
    }

    pub(super) fn distinct(&self) -> u64 {
        u64::try_from(self.ids.len()).unwrap_or(u64::MAX)
    }

    pub(super) fn has_sizes(&self) -> bool {
        !self.sizes.is_empty()
    }

    pub(super) fn numbers(&self) -> &[u32] {
        &self.numbers
    }

    /// Bytes of the distinct keys, each as large as when it was first asked for.
    pub(super) fn footprint(&self) -> u64 {
        let (mut next, mut bytes) = (0, 0);
        for (number, size) in self.numbers.iter().zip(&self.sizes) {
            // Keys are numbered in the order of their first requests.
            if *number == next {
                next += 1;
                bytes += u64::from(*size).max(1);
            }
        }
        bytes
    }

    /// The hashed key and the size of each request; a size that is missing is 1.
    pub(super) fn each(&self) -> impl Iterator<Item = (u64, u64)> {
        let size = |at: usize| self.sizes.get(at).map_or(1, |size| u64::from(*size).max(1));
        self.numbers.iter().enumerate().map(move |(at, number)| (self.id(*number), size(at)))
    }

    #[expect(
        clippy::indexing_slicing,
        clippy::as_conversions,
        reason = "numbers are handed out by `read`, each below the length of `ids`; u32 fits usize"
    )]
    fn id(&self, number: u32) -> u64 {
        self.ids[number as usize]
    }
}
