//! One policy at one capacity over a trace in memory.

use host_cache::Exact;
use host_cache::belady::Belady;

use super::interned::Interned;
use super::{Method, Options, Window};

/// What a replay counted.
#[derive(Default)]
pub(super) struct Tally {
    pub(super) requests: u64,
    pub(super) misses: u64,
    /// Bytes asked for; 0 where they are not counted.
    pub(super) bytes: u64,
    pub(super) bytes_missed: u64,
    pub(super) windows: Vec<Window>,
}

impl Tally {
    fn note(&mut self, hit: bool, size: u64, options: &Options) {
        if let Some(length) = options.per_window {
            if self.requests.is_multiple_of(length.get()) {
                self.windows.push(Window { first: self.requests, requests: 0, hits: 0 });
            }
            if let Some(window) = self.windows.last_mut() {
                window.requests += 1;
                window.hits += u64::from(hit);
            }
        }
        self.requests += 1;
        self.misses += u64::from(!hit);
        if options.sizes {
            self.bytes += size;
            self.bytes_missed += if hit { 0 } else { size };
        }
    }
}

impl Interned {
    /// Replays the trace with room for `amount` objects, or bytes.
    pub(super) fn replay(&self, method: Method, amount: u64, in_bytes: bool, options: &Options) -> Tally {
        let mut tally = Tally::default();
        let Method::Policy(kind) = method else {
            // More than can be addressed is more than there are keys.
            let amount = usize::try_from(amount).unwrap_or(usize::MAX);
            let mut requests = self.each();
            Belady::new(self.numbers()).replay(amount, |hit| {
                let size = requests.next().map_or(1, |(_, size)| size);
                tally.note(hit, size, options);
            });
            return tally;
        };
        let mut cache = Exact::new(kind, amount);
        for (id, size) in self.each() {
            let hit = cache.access(id, if in_bytes { size } else { 1 });
            tally.note(hit, size, options);
        }
        tally
    }
}
