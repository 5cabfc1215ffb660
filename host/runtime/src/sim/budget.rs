//! How much memory the requests of a trace may take.

use std::path::Path;

use host_telemetry::Machine;

/// Below this nobody asks how much there is.
const SMALL: u64 = 256 << 20;

/// What requests held in memory may take.
pub(super) struct Budget {
    bytes: Option<u64>,
}

impl Budget {
    /// So many bytes, or what the machine has to give.
    pub(super) const fn new(bytes: Option<u64>) -> Self {
        Self { bytes }
    }

    /// Whether so many bytes are within it. Unless a budget was given it is half of what this process may use: the
    /// caches and everybody else have to live as well.
    pub(super) fn allows(&mut self, bytes: u64) -> bool {
        if self.bytes.is_none() && bytes < SMALL {
            return true;
        }
        let most =
            *self.bytes.get_or_insert_with(|| match Machine::read(Path::new(".")).memory_limit_bytes {
                0 => u64::MAX, // not known
                limit => (limit / 2).max(SMALL),
            });
        bytes <= most
    }
}
