//! How much memory the requests of a trace may take.

use crate::options::MemoryLimit;

/// Below this the limit is not asked for. Bytes.
const SMALL: u64 = 256 << 20;

/// Memory that requests may take.
pub(crate) struct Budget(MemoryLimit);

impl Budget {
    pub(crate) const fn new(limit: MemoryLimit) -> Self {
        Self(limit)
    }

    /// Whether so many bytes are within the limit.
    pub(crate) fn allows(&mut self, bytes: u64) -> bool {
        if let MemoryLimit::Ask(ask) = self.0
            && bytes > SMALL
        {
            self.0 = MemoryLimit::Bytes(ask().max(SMALL));
        }
        match self.0 {
            MemoryLimit::Bytes(most) => bytes <= most,
            MemoryLimit::None | MemoryLimit::Ask(_) => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Budget, MemoryLimit, SMALL};

    #[test]
    fn a_limit_is_asked_for_when_it_may_matter() {
        let mut small = Budget::new(MemoryLimit::Ask(|| 1_000));
        assert!(small.allows(SMALL) && !small.allows(SMALL + 1));
        let mut large = Budget::new(MemoryLimit::Ask(|| SMALL + 2));
        assert!(large.allows(SMALL + 2) && !large.allows(SMALL + 3));
        let mut given = Budget::new(MemoryLimit::Bytes(1_000));
        assert!(given.allows(1_000) && !given.allows(1_001));
        assert!(Budget::new(MemoryLimit::None).allows(u64::MAX));
    }
}
