//! The memory cap of one store.
//!
//! Refusing growth makes `memory.grow` answer -1; most guests abort then, which looks like any other
//! trap. So the refusal is remembered, and the trap that follows is reported as what it is. A guest
//! that copes with the refusal goes on.

use wasmtime::ResourceLimiter;

/// Elements over all tables of a store, 8 to 16 bytes of the host each.
const MAX_TABLE_ELEMENTS: usize = 1 << 18;

/// Core instances in a store; a component linked from shared libraries has dozens.
const MAX_INSTANCES: usize = 256;

/// Memories, and tables, in a store.
const MAX_MEMORIES_OR_TABLES: usize = 64;

/// Counts what a store holds and refuses more.
#[derive(Debug)]
pub(crate) struct MemoryCap {
    limit: u64,
    held: u64,
    last_growth: u64,
    table_elements: usize,
    refused: bool,
}

impl MemoryCap {
    pub(crate) fn new(limit: u64) -> Self {
        Self { limit, held: 0, last_growth: 0, table_elements: 0, refused: false }
    }

    /// The most linear memory that may be held, bytes.
    pub(crate) fn limit(&self) -> u64 {
        self.limit
    }

    /// Linear memory held, bytes.
    pub(crate) fn held(&self) -> u64 {
        self.held
    }

    /// Whether growth was refused in the call under way.
    pub(crate) fn refused(&self) -> bool {
        self.refused
    }

    /// A new call begins.
    pub(crate) fn forget_refused(&mut self) {
        self.refused = false;
    }
}

impl ResourceLimiter for MemoryCap {
    fn memory_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        let growth = u64::try_from(desired.saturating_sub(current)).unwrap_or(u64::MAX);
        let wanted = self.held.saturating_add(growth);
        let fits = wanted <= self.limit;
        if fits {
            self.held = wanted;
            self.last_growth = growth;
        } else {
            self.last_growth = 0;
            self.refused = true;
        }
        Ok(fits)
    }

    /// What was granted above and then failed, for lack of memory or by the guest's own maximum, is not held.
    fn memory_grow_failed(&mut self, _: wasmtime::Error) -> wasmtime::Result<()> {
        self.held = self.held.saturating_sub(self.last_growth);
        self.last_growth = 0;
        Ok(())
    }

    fn table_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        let wanted = self.table_elements.saturating_add(desired.saturating_sub(current));
        let fits = wanted <= MAX_TABLE_ELEMENTS;
        if fits {
            self.table_elements = wanted;
        } else {
            self.refused = true;
        }
        Ok(fits)
    }

    fn instances(&self) -> usize {
        MAX_INSTANCES
    }

    fn tables(&self) -> usize {
        MAX_MEMORIES_OR_TABLES
    }

    fn memories(&self) -> usize {
        MAX_MEMORIES_OR_TABLES
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_memories_share_one_cap() {
        let mut cap = MemoryCap::new(100);
        assert!(cap.memory_growing(0, 60, None).unwrap());
        assert!(cap.memory_growing(0, 40, None).unwrap());
        assert_eq!(cap.held(), 100);
        assert!(!cap.refused());
        assert!(!cap.memory_growing(40, 41, None).unwrap());
        assert!(cap.refused());
        cap.forget_refused();
        assert!(!cap.refused());
        assert_eq!(cap.held(), 100);
    }

    #[test]
    fn growth_that_was_granted_and_failed_is_not_held() {
        let mut cap = MemoryCap::new(100);
        assert!(cap.memory_growing(0, 60, None).unwrap());
        assert!(cap.memory_growing(60, 90, None).unwrap());
        cap.memory_grow_failed(wasmtime::Error::msg("no memory")).unwrap();
        assert_eq!(cap.held(), 60);
        assert!(!cap.memory_growing(60, 200, None).unwrap());
        cap.memory_grow_failed(wasmtime::Error::msg("refused")).unwrap();
        assert_eq!(cap.held(), 60);
    }

    #[test]
    fn tables_are_capped_too() {
        let mut cap = MemoryCap::new(0);
        assert!(cap.table_growing(0, MAX_TABLE_ELEMENTS, None).unwrap());
        assert!(!cap.table_growing(0, 1, None).unwrap());
    }
}
